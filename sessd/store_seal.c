/* Where the seal is in the ledger, as two rows of `meta` that change in the transaction of the
 * event they tell of. They only save a search: what counts is the line. */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "sessd/store.h"

int store_meta_put(struct store *s, const char *key, uint64_t value)
{
	sqlite3_stmt *stmt = s->statements[STORE_META_PUT];

	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)value);
	return store_run(s, STORE_META_PUT);
}

int store_seal_put(struct store *s, const char *which)
{
	return store_meta_put(s, which, s->next.seq);
}

int store_seal_get(struct store *s, const char *which, uint64_t *ret_seq, size_t *ret_len)
{
	sqlite3_stmt *stmt = s->statements[STORE_SEAL_GET];
	int r = -ENOENT, rc;
	size_t n;

	sqlite3_bind_text(stmt, 1, which, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		n = (size_t)sqlite3_column_bytes(stmt, 1);
		r = n < sizeof(s->line) ? 0 : -EBADMSG;
		if (r == 0) {
			memcpy(s->line, sqlite3_column_text(stmt, 1), n);
			s->line[n] = '\0';
			*ret_seq = (uint64_t)sqlite3_column_int64(stmt, 0);
			*ret_len = n;
		}
	} else if (rc != SQLITE_DONE) {
		r = store_failed(s);
	}
	sqlite3_reset(stmt);
	return r;
}
