/*
 * What can still be read of a damaged database: the rows of what lives, without which a restart
 * would forget sessions that were granted and locks that stand, and the last checkpoint. Each table
 * is read from both ends, as far as it goes; nothing is written into that file.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "common/chain.h"
#include "common/seal.h"
#include "sessd/store.h"

/* Events that are looked at for a checkpoint, from the newest one back. */
#define SALVAGE_EVENTS 5000

/* Where a page of them is damaged: how many are passed over at a time, a page having about as many,
 * and how often. */
#define SALVAGE_BACK  8
#define SALVAGE_TRIES 500

static const char setting[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON;"
			      "PRAGMA trusted_schema = OFF;";

/* One table, from one end and then from the other. */
struct table {
	const char *up, *down;
	bool lock;
};

static const struct table tables[] = {
	{"SELECT id, uid, login, record FROM session NOT INDEXED WHERE live = 1 ORDER BY id",
		"SELECT id, uid, login, record FROM session NOT INDEXED WHERE live = 1 "
		"ORDER BY id DESC",
		false},
	{"SELECT id, 0, NULL, record FROM lock ORDER BY id",
		"SELECT id, 0, NULL, record FROM lock ORDER BY id DESC", true},
};

static int take_row(struct store *s, sqlite3_stmt *stmt, bool lock, struct store_salvage *found)
{
	struct ledger_row row = {
		.lock = lock,
		.id = (uint64_t)sqlite3_column_int64(stmt, 0),
		.live = true,
		.login = sqlite3_column_type(stmt, 2) != SQLITE_NULL,
		.uid = (uid_t)sqlite3_column_int64(stmt, 1),
		.record = sqlite3_column_blob(stmt, 3),
		.len = (size_t)sqlite3_column_bytes(stmt, 3),
	};
	uint64_t *last = lock ? &s->last_lock : &s->last_id;

	/* what is no row of this daemon's is no loss */
	if (row.id == 0 || row.id > INT64_MAX || row.len > LEDGER_RECORD_MAX)
		return 0;
	if (row.id > *last)
		*last = row.id;
	if (lock)
		found->locks++;
	else
		found->sessions++;
	return store_row(s, &row);
}

/* Reads until there is no more, or the row *edge, or a page that is damaged (*ret_broken). */
static int take_rows(struct store *s, sqlite3 *old, const char *sql, bool lock, uint64_t *edge,
	struct store_salvage *found, bool *ret_broken)
{
	sqlite3_stmt *stmt = NULL;
	uint64_t stop = *edge, id;
	int rc = SQLITE_ROW, r = 0;

	if (sqlite3_prepare_v2(old, sql, -1, &stmt, NULL) != SQLITE_OK) {
		*ret_broken = true;
		return 0;
	}
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		id = (uint64_t)sqlite3_column_int64(stmt, 0);
		if (stop != 0 && id <= stop)
			break;
		r = take_row(s, stmt, lock, found);
		*edge = id;
	}
	*ret_broken = r == 0 && rc != SQLITE_ROW && rc != SQLITE_DONE;
	sqlite3_finalize(stmt);
	return r;
}

static int take_table(
	struct store *s, sqlite3 *old, const struct table *t, struct store_salvage *found)
{
	uint64_t edge = 0;
	bool broken;
	int r = take_rows(s, old, t->up, t->lock, &edge, found, &broken);

	if (r == 0 && broken)
		r = take_rows(s, old, t->down, t->lock, &edge, found, &broken);
	return r;
}

/* True: it is a checkpoint, and its signature holds. */
static bool take_checkpoint(uint64_t seq, const char *line, size_t len, struct store_salvage *found)
{
	struct seal_line seal;

	if (line == NULL || len >= STORE_LINE_MAX)
		return false;
	seal_read(line, len, &seal);
	if (seal.kind != SEAL_CHECKPOINT || !seal_holds(&seal, line) ||
		seq <= found->checkpoint.seq)
		return false;
	found->checkpoint.seq = seq - 1;
	chain_append(&found->checkpoint, line, len);
	return true;
}

/* Reads back from `at`, as far as that goes. False: not even its row could be read. */
static bool find_checkpoint(sqlite3 *old, uint64_t at, struct store_salvage *found)
{
	static const char sql[] = "SELECT seq, line FROM event WHERE seq <= ?1 ORDER BY seq DESC";
	sqlite3_stmt *stmt = NULL;
	bool is_found = false;
	uint64_t seq;
	int n;

	if (sqlite3_prepare_v2(old, sql, -1, &stmt, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)at);
	for (n = 0; !is_found && n < SALVAGE_EVENTS && sqlite3_step(stmt) == SQLITE_ROW; n++) {
		seq = (uint64_t)sqlite3_column_int64(stmt, 0);
		if (seq > found->seq)
			found->seq = seq;
		is_found = take_checkpoint(seq, (const char *)sqlite3_column_text(stmt, 1),
			(size_t)sqlite3_column_bytes(stmt, 1), found);
	}
	sqlite3_finalize(stmt);
	return n > 0;
}

/* Where the last checkpoint was, as `meta` has it; 0: it does not say. */
static uint64_t known_checkpoint(sqlite3 *old)
{
	static const char sql[] = "SELECT value FROM meta WHERE key = '" STORE_SEAL_LAST "'";
	sqlite3_stmt *stmt = NULL;
	int64_t seq = 0;

	if (sqlite3_prepare_v2(old, sql, -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		seq = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return seq > 0 ? (uint64_t)seq : 0;
}

/* From the end; where that is damaged, from where `meta` says, and from further and further back.
 */
static void find_last(sqlite3 *old, struct store_salvage *found)
{
	uint64_t at = known_checkpoint(old);
	int n;

	if (find_checkpoint(old, INT64_MAX, found) && found->checkpoint.seq > 0)
		return;
	for (n = 0; n < SALVAGE_TRIES && at > 0; n++) {
		if (find_checkpoint(old, at, found))
			break;
		at = at > SALVAGE_BACK ? at - SALVAGE_BACK : 0;
	}
}

int store_salvage(struct store *s, const char *path, struct store_salvage *ret)
{
	struct store_salvage found = {0};
	char from[4096];
	sqlite3 *old = NULL;
	size_t i;
	int r = 0;

	snprintf(from, sizeof(from), "%s" STORE_ASIDE, path);
	if (sqlite3_open_v2(from, &old,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
		    NULL) == SQLITE_OK) {
		sqlite3_db_config(old, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_exec(old, setting, NULL, NULL, NULL);
		for (i = 0; i < sizeof(tables) / sizeof(tables[0]) && r == 0; i++)
			r = take_table(s, old, &tables[i], &found);
		find_last(old, &found);
	}
	sqlite3_close(old);
	if (r == 0)
		*ret = found;
	return r;
}
