/*
 * Removing the oldest events. The ledger then begins with a checkpoint, whose `prev` is all that is
 * left of what was before it. `meta` says with which (`begin`); this changes in the transaction of
 * the event that tells of it, and from then on nothing before it is read. The rows themselves go
 * afterwards, a few at a time; the file keeps their pages, and uses them again.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sid.h"
#include "common/wire.h"
#include "sessd/store.h"

/* The ledger may begin with this checkpoint. */
static void take_checkpoint(struct store_prune *p, const char *line, size_t len,
	const struct seal_line *seal, uint64_t seq)
{
	static const char prev[] = ",\"prev\":\"";
	const char *at = memmem(line, len, prev, sizeof(prev) - 1);

	if (at == NULL || seq == p->first)
		return;
	p->begin = seq;
	snprintf(p->hash, sizeof(p->hash), "%.*s", CHAIN_HEX, at + sizeof(prev) - 1);
	hex_encode(seal->key, SEAL_KEY, p->key);
	p->others = p->seen;
}

/* False: it is too young, or no event; the search ends here. */
static bool look_at(struct store_prune *p, uint64_t seq, const char *line, size_t len)
{
	uint64_t time = line != NULL ? chain_time(line, len) : 0;
	struct seal_line seal;

	if (time == 0 || time >= p->cutoff)
		return false;
	if (p->first == 0)
		p->first = seq;
	seal_read(line, len, &seal);
	if (seal.kind == SEAL_CHECKPOINT)
		take_checkpoint(p, line, len, &seal, seq);
	else if (seal.kind != SEAL_PRUNED)
		p->seen++;
	p->at = seq;
	return true;
}

int store_prune_look(struct store *s, struct store_prune *p)
{
	sqlite3_stmt *stmt = s->statements[STORE_READ];
	int rc = SQLITE_ROW, n, r;

	if (s->begin > 0 && p->at < s->begin - 1)
		p->at = s->begin - 1;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)p->at);
	for (n = 0, r = 0; r == 0 && n < STORE_LOOK; n++) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_DONE)
			r = 1;
		else if (rc != SQLITE_ROW)
			r = store_failed(s);
		else if (!look_at(p, (uint64_t)sqlite3_column_int64(stmt, 0),
				 (const char *)sqlite3_column_text(stmt, 2),
				 (size_t)sqlite3_column_bytes(stmt, 2)))
			r = 1;
	}
	sqlite3_reset(stmt);
	return r;
}

int store_prune_events(struct store *s)
{
	sqlite3_stmt *stmt = s->statements[STORE_PRUNE];
	int r;

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->begin);
	sqlite3_bind_int64(stmt, 2, STORE_STEP);
	r = store_run(s, STORE_PRUNE);
	if (r < 0)
		return r;
	return sqlite3_changes(s->db) < STORE_STEP;
}

/* Did the session of this row end before the cutoff? */
static bool ended_before(
	const struct store_prune *p, struct wire_frame *frame, const uint8_t *record, size_t len)
{
	return wire_decode(record, len, frame) == 0 && frame->type == WIRE_stored &&
	       frame->u.stored.ended_at != 0 && frame->u.stored.ended_at < p->cutoff;
}

/* The ids of those that go, of one step. */
static int find_rows(struct store *s, struct store_prune *p, struct wire_frame *frame,
	uint64_t ids[STORE_STEP], size_t *ret_n)
{
	sqlite3_stmt *stmt = s->statements[STORE_OLD_ROWS];
	int rc, n, r = 0;

	*ret_n = 0;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)p->at);
	for (n = 0; r == 0 && n < STORE_STEP; n++) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_DONE) {
			r = 1;
		} else if (rc != SQLITE_ROW) {
			r = store_failed(s);
		} else {
			p->at = (uint64_t)sqlite3_column_int64(stmt, 0);
			if (sqlite3_column_int(stmt, 1) == 0 &&
				ended_before(p, frame, sqlite3_column_blob(stmt, 2),
					(size_t)sqlite3_column_bytes(stmt, 2)))
				ids[(*ret_n)++] = p->at;
		}
	}
	sqlite3_reset(stmt);
	return r;
}

static int drop_rows(struct store *s, const uint64_t *ids, size_t n)
{
	size_t i;
	int r = store_begin(s);

	for (i = 0; r == 0 && i < n; i++) {
		sqlite3_bind_int64(s->statements[STORE_ROW_DROP], 1, (sqlite3_int64)ids[i]);
		r = store_run(s, STORE_ROW_DROP);
	}
	if (r == 0)
		r = store_commit(s);
	if (r < 0)
		store_rollback(s);
	return r;
}

int store_prune_rows(struct store *s, struct store_prune *p)
{
	struct wire_frame *frame = malloc(sizeof(*frame));
	uint64_t ids[STORE_STEP], at = p->at;
	size_t n;
	int r, dropped = 0;

	if (frame == NULL)
		return -ENOMEM;
	r = find_rows(s, p, frame, ids, &n);
	free(frame);
	if (r >= 0 && n > 0)
		dropped = drop_rows(s, ids, n);
	if (dropped < 0)
		p->at = at;
	return dropped < 0 ? dropped : r;
}

int store_extent(struct store *s, uint64_t *ret_bytes, uint64_t *ret_oldest)
{
	sqlite3_stmt *pages = s->statements[STORE_PAGES], *oldest = s->statements[STORE_OLDEST];
	uint64_t bytes = 0, at = 0;
	const char *line;
	int rc, r = 0;

	rc = sqlite3_step(pages);
	if (rc == SQLITE_ROW)
		bytes = (uint64_t)sqlite3_column_int64(pages, 0);
	else
		r = store_failed(s);
	sqlite3_reset(pages);
	sqlite3_bind_int64(oldest, 1, (sqlite3_int64)s->begin);
	rc = sqlite3_step(oldest);
	if (rc == SQLITE_ROW) {
		line = (const char *)sqlite3_column_text(oldest, 0);
		if (line != NULL)
			at = chain_time(line, (size_t)sqlite3_column_bytes(oldest, 0));
	} else if (rc != SQLITE_DONE) {
		r = store_failed(s);
	}
	sqlite3_reset(oldest);
	if (r < 0)
		return r;
	*ret_bytes = bytes;
	*ret_oldest = at;
	return 0;
}
