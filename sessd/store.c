#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "common/sid.h"
#include "sessd/store.h"

static const char *const sql[STORE_N_STATEMENTS] = {
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_EVENT] = "INSERT INTO event (seq, uid, line, refused) VALUES (?1, ?2, ?3, ?4)",
	[STORE_ROW] = "INSERT INTO session (id, live, uid, record, login) "
		      "VALUES (?1, ?2, ?3, ?4, ?5) "
		      "ON CONFLICT (id) DO UPDATE SET live = ?2, uid = ?3, record = ?4, "
		      "login = CASE WHEN ?5 IS NULL THEN NULL ELSE login END",
	[STORE_READ] = "SELECT seq, uid, line FROM event WHERE seq > ?1 ORDER BY seq",
	[STORE_ENDED] = "SELECT id, live, record FROM session WHERE id < ?1 ORDER BY id DESC",
	[STORE_ENDED_OF_UID] = "SELECT id, live, record FROM session INDEXED BY session_ended "
			       "WHERE live = 0 AND uid = ?2 AND id < ?1 ORDER BY id DESC",
	[STORE_LIVE] = "SELECT id, record FROM session INDEXED BY session_live "
		       "WHERE live = 1 ORDER BY id",
	[STORE_LOCK_PUT] = "INSERT INTO lock (id, record) VALUES (?1, ?2) "
			   "ON CONFLICT (id) DO UPDATE SET record = ?2",
	[STORE_LOCK_DROP] = "DELETE FROM lock WHERE id = ?1",
	[STORE_LOCKS] = "SELECT id, record FROM lock ORDER BY id",
	[STORE_LAST_LOGIN] = "SELECT login, record FROM session WHERE id = max(?3, coalesce("
			     "(SELECT id FROM session INDEXED BY session_login "
			     "WHERE live = 0 AND login IS NOT NULL AND uid = ?1 AND id < ?2 "
			     "ORDER BY id DESC LIMIT 1), 0))",
	[STORE_REFUSED] = "SELECT count(DISTINCT refused) FROM "
			  "(SELECT refused FROM event INDEXED BY event_refused "
			  "WHERE refused IS NOT NULL AND uid = ?1 AND seq > ?2 "
			  "ORDER BY seq LIMIT ?3)",
	[STORE_META_PUT] = "INSERT INTO meta (key, value) VALUES (?1, ?2) "
			   "ON CONFLICT (key) DO UPDATE SET value = ?2",
	[STORE_SEAL_GET] = "SELECT seq, line FROM event WHERE seq = "
			   "(SELECT value FROM meta WHERE key = ?1)",
	[STORE_PRUNE] = "DELETE FROM event WHERE seq IN "
			"(SELECT seq FROM event WHERE seq < ?1 ORDER BY seq LIMIT ?2)",
	[STORE_OLD_ROWS] = "SELECT id, live, record FROM session WHERE id > ?1 ORDER BY id",
	[STORE_ROW_DROP] = "DELETE FROM session WHERE id = ?1 AND live = 0",
	[STORE_PAGES] = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
	[STORE_OLDEST] = "SELECT line FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1",
};

static int to_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	}
	return -EIO;
}

/* Keeps why the last call failed. */
int store_failed(struct store *s)
{
	int system;

	if (s->db == NULL) {
		snprintf(s->error, sizeof(s->error), "it is not open");
		return -EBADF;
	}
	system = sqlite3_system_errno(s->db);

	snprintf(s->error, sizeof(s->error), "%s%s%s", sqlite3_errmsg(s->db),
		system != 0 ? ": " : "", system != 0 ? strerror(system) : "");
	return to_errno(sqlite3_extended_errcode(s->db));
}

int store_prepare(struct store *s)
{
	int i, rc;

	for (i = 0; i < STORE_N_STATEMENTS; i++) {
		rc = sqlite3_prepare_v3(
			s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);
		/* the schema is a known one, so a table that is missing was taken away */
		if (rc != SQLITE_OK)
			return store_failed(s) == -ENOMEM ? -ENOMEM : -EBADMSG;
	}
	return 0;
}

void store_close(struct store *s)
{
	int i;

	for (i = 0; i < STORE_N_STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

int store_run(struct store *s, enum store_statement which)
{
	sqlite3_stmt *stmt = s->statements[which];
	int rc = sqlite3_step(stmt), r = 0;

	if (rc != SQLITE_DONE)
		r = store_failed(s);
	sqlite3_reset(stmt);
	return r;
}

int store_begin(struct store *s)
{
	s->next = s->head;
	return store_run(s, STORE_BEGIN);
}

/* Nobody's events carry -1, which takes one byte. */
static sqlite3_int64 from_uid(uid_t uid)
{
	return uid == LEDGER_ALL_UIDS ? -1 : (sqlite3_int64)uid;
}

/* 0 stands for nothing. */
static void bind_number(sqlite3_stmt *stmt, int at, uint64_t n)
{
	if (n != 0)
		sqlite3_bind_int64(stmt, at, (sqlite3_int64)n);
	else
		sqlite3_bind_null(stmt, at);
}

int store_event(struct store *s, uid_t subject, uint64_t refused, const char *body, size_t len)
{
	sqlite3_stmt *stmt = s->statements[STORE_EVENT];
	size_t n = chain_prefix(&s->next, s->line);
	int r;

	if (len < 2 || len > sizeof(s->line) - n)
		return -EMSGSIZE;
	memcpy(s->line + n, body + 1, len - 1);
	n += len - 1;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->next.seq + 1);
	sqlite3_bind_int64(stmt, 2, from_uid(subject));
	sqlite3_bind_text(stmt, 3, s->line, (int)n, SQLITE_STATIC);
	bind_number(stmt, 4, refused);
	r = store_run(s, STORE_EVENT);
	if (r == 0)
		chain_append(&s->next, s->line, n);
	return r;
}

/* A lock that was lifted has no row: the events tell of it. */
static int lock_row(struct store *s, const struct ledger_row *row)
{
	enum store_statement what = row->live ? STORE_LOCK_PUT : STORE_LOCK_DROP;

	sqlite3_bind_int64(s->statements[what], 1, (sqlite3_int64)row->id);
	if (row->live)
		sqlite3_bind_blob(s->statements[what], 2,
			row->len > 0 ? (const void *)row->record : "", (int)row->len,
			SQLITE_STATIC);
	return store_run(s, what);
}

int store_row(struct store *s, const struct ledger_row *row)
{
	sqlite3_stmt *stmt = s->statements[STORE_ROW];

	if (row->lock)
		return lock_row(s, row);
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row->id);
	sqlite3_bind_int(stmt, 2, row->live);
	sqlite3_bind_int64(stmt, 3, from_uid(row->uid));
	/* an empty record is an empty blob, not NULL */
	sqlite3_bind_blob(stmt, 4, row->len > 0 ? (const void *)row->record : "", (int)row->len,
		SQLITE_STATIC);
	bind_number(stmt, 5, row->login ? s->next.seq : 0);
	return store_run(s, STORE_ROW);
}

int store_commit(struct store *s)
{
	int r = store_run(s, STORE_COMMIT);

	if (r == 0)
		s->head = s->next;
	return r;
}

void store_rollback(struct store *s)
{
	sqlite3_stmt *stmt = s->statements[STORE_ROLLBACK];

	/* SQLite may have done so itself */
	if (s->db != NULL && !sqlite3_get_autocommit(s->db)) {
		sqlite3_step(stmt);
		sqlite3_reset(stmt);
	}
	s->next = s->head;
}

bool store_checkpoint_due(const struct store *s)
{
	return s->wal_pages >= s->checkpoint_at;
}

int store_checkpoint(struct store *s)
{
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) !=
		SQLITE_OK) {
		/* not again after each commit */
		s->checkpoint_at = s->wal_pages + STORE_WAL_PAGES;
		return store_failed(s);
	}
	s->checkpoint_at = STORE_WAL_PAGES;
	s->wal_pages = 0;
	return 0;
}

static int each_row(struct store *s, enum store_statement what, ledger_row_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt = s->statements[what];
	int r = 0, rc;

	while (r >= 0 && (rc = sqlite3_step(stmt)) != SQLITE_DONE)
		r = rc == SQLITE_ROW ? fn(ctx, (uint64_t)sqlite3_column_int64(stmt, 0),
					       sqlite3_column_blob(stmt, 1),
					       (size_t)sqlite3_column_bytes(stmt, 1))
				     : store_failed(s);
	sqlite3_reset(stmt);
	return r < 0 ? r : 0;
}

int store_live(struct store *s, ledger_row_fn *fn, void *ctx)
{
	return each_row(s, STORE_LIVE, fn, ctx);
}

int store_locks(struct store *s, ledger_row_fn *fn, void *ctx)
{
	return each_row(s, STORE_LOCKS, fn, ctx);
}

/* A row of a page: 0: it is in, or is none of this page's; 1: no room is left; -errno. */
typedef int page_row_fn(struct store_page *page, sqlite3_stmt *stmt);

/* Steps through a slice; `at` moves over each row that is done with. */
static int slice(struct store *s, sqlite3_stmt *stmt, struct store_page *page, page_row_fn *fn)
{
	int r = 0, rc = SQLITE_ROW, n;

	for (n = 0; r == 0 && n < STORE_SLICE; n++) {
		rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW)
			break;
		r = fn(page, stmt);
		if (r == 0)
			page->at = (uint64_t)sqlite3_column_int64(stmt, 0);
	}
	if (rc == SQLITE_DONE)
		r = 1;
	else if (rc != SQLITE_ROW)
		r = store_failed(s);
	else if (r == 1)
		page->more = true;
	sqlite3_reset(stmt);
	return r;
}

/* Room for n more bytes? What does not fit an empty page was not written by this daemon. */
static int page_room(const struct store_page *page, size_t n)
{
	if (n <= page->size - page->len)
		return 0;
	return page->len == 0 ? -EBADMSG : 1;
}

static void page_put(struct store_page *page, const void *data, size_t n)
{
	if (n > 0)
		memcpy(page->buf + page->len, data, n);
	page->len += n;
}

static int line_row(struct store_page *page, sqlite3_stmt *stmt)
{
	const void *line;
	size_t n;
	int r;

	if (page->uid != LEDGER_ALL_UIDS && (uid_t)sqlite3_column_int64(stmt, 1) != page->uid)
		return 0;
	line = sqlite3_column_text(stmt, 2);
	n = (size_t)sqlite3_column_bytes(stmt, 2);
	r = page_room(page, n + 1);
	if (r != 0)
		return r;
	page_put(page, line, n);
	page_put(page, "\n", 1);
	return 0;
}

static int ended_row(struct store_page *page, sqlite3_stmt *stmt)
{
	uint64_t id = (uint64_t)sqlite3_column_int64(stmt, 0);
	const void *record;
	uint32_t n;
	int r;

	if (sqlite3_column_int(stmt, 1) != 0)
		return 0;
	record = sqlite3_column_blob(stmt, 2);
	n = (uint32_t)sqlite3_column_bytes(stmt, 2);
	r = page_room(page, sizeof(id) + sizeof(n) + n);
	if (r != 0)
		return r;
	page_put(page, &id, sizeof(id));
	page_put(page, &n, sizeof(n));
	page_put(page, record, n);
	return 0;
}

int store_read(struct store *s, struct store_page *page)
{
	sqlite3_stmt *stmt = s->statements[STORE_READ];

	if (s->begin > 0 && page->at < s->begin - 1) {
		/* who goes on where nothing is any more must not take it for all that there was */
		if (page->at > 0)
			return -ESTALE;
		page->at = s->begin - 1;
	}
	sqlite3_bind_int64(stmt, 1, page->at < INT64_MAX ? (int64_t)page->at : INT64_MAX);
	return slice(s, stmt, page, line_row);
}

int store_read_ended(struct store *s, struct store_page *page)
{
	bool all = page->uid == LEDGER_ALL_UIDS;
	sqlite3_stmt *stmt = s->statements[all ? STORE_ENDED : STORE_ENDED_OF_UID];

	sqlite3_bind_int64(
		stmt, 1, page->at > 0 && page->at < INT64_MAX ? (int64_t)page->at : INT64_MAX);
	if (!all)
		sqlite3_bind_int64(stmt, 2, (sqlite3_int64)page->uid);
	return slice(s, stmt, page, ended_row);
}

/* The last login's row, copied; *ret_seq: of its first event, 0 where there is none. */
static int last_login(struct store *s, struct store_past *past, uint64_t *ret_seq)
{
	sqlite3_stmt *stmt = s->statements[STORE_LAST_LOGIN];
	size_t n;
	int r = 0, rc;

	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)past->uid);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)past->before);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)past->live);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*ret_seq = (uint64_t)sqlite3_column_int64(stmt, 0);
		n = (size_t)sqlite3_column_bytes(stmt, 1);
		if (n > past->size)
			r = -EBADMSG;
		else if (n > 0)
			memcpy(past->buf, sqlite3_column_blob(stmt, 1), n);
		past->len = r == 0 ? n : 0;
	} else if (rc != SQLITE_DONE) {
		r = store_failed(s);
	}
	sqlite3_reset(stmt);
	return r;
}

int store_read_past(struct store *s, struct store_past *past)
{
	sqlite3_stmt *stmt = s->statements[STORE_REFUSED];
	uint64_t seq = 0;
	int r = last_login(s, past, &seq);

	if (r < 0)
		return r;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)past->uid);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)seq);
	sqlite3_bind_int64(stmt, 3, LEDGER_REFUSED_MAX);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		past->refused = (uint64_t)sqlite3_column_int64(stmt, 0);
	else
		r = store_failed(s);
	sqlite3_reset(stmt);
	return r;
}
