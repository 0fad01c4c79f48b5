/* Opening the database: its settings, its schema, and whether what it holds is whole. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sessd/fault.h"
#include "sessd/log.h"
#include "sessd/store.h"

#define SCHEMA 3

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

static const char settings[] =
	"PRAGMA locking_mode = EXCLUSIVE;" /* before the first access: see store.h */
	"PRAGMA synchronous = FULL;"
	"PRAGMA wal_autocheckpoint = 0;" /* store_checkpoint() */
	"PRAGMA journal_size_limit = 67108864;"
	"PRAGMA cache_size = -4096;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA trusted_schema = OFF;";

#define LOCK_TABLE "CREATE TABLE lock (id INTEGER PRIMARY KEY, record BLOB NOT NULL);"

/* What a login asks for: see store_read_past(). */
#define LOGIN_INDEXES                                                                       \
	"CREATE INDEX session_login ON session (uid) WHERE live = 0 AND login IS NOT NULL;" \
	"CREATE INDEX event_refused ON event (uid) WHERE refused IS NOT NULL;"

/* The class of a `stored` record that has no parent, as no login has one, is its second field. */
#define RECORD_IS_LOGIN "substr(record, 29, 12) = x'000300080000000000000004'"

static const char schema[] =
	"BEGIN;"
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE event (seq INTEGER PRIMARY KEY, uid INTEGER NOT NULL, line TEXT NOT NULL,"
	" refused INTEGER);"
	"CREATE TABLE session (id INTEGER PRIMARY KEY, live INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, record BLOB NOT NULL, login INTEGER);"
	"CREATE INDEX session_live ON session (live) WHERE live = 1;"
	"CREATE INDEX session_ended ON session (uid) WHERE live = 0;" LOCK_TABLE LOGIN_INDEXES
	"INSERT INTO meta VALUES ('schema', " STRING(SCHEMA) ");"
							     "COMMIT;";

/* From each schema to the next one; that of 1 comes first. */
static const char *const upgrades[SCHEMA - 1] = {
	LOCK_TABLE,
	/* refusals of before are not counted */
	"ALTER TABLE event ADD COLUMN refused INTEGER;"
	"ALTER TABLE session ADD COLUMN login INTEGER;"
	"UPDATE session SET login = (SELECT max(seq) FROM event) WHERE " RECORD_IS_LOGIN
	";" LOGIN_INDEXES,
};

static int failed_errno(struct store *s, const char *what)
{
	int r = -errno;

	snprintf(s->error, sizeof(s->error), "%s: %s", what, strerror(-r));
	return r;
}

static int damaged(struct store *s, const char *why)
{
	snprintf(s->error, sizeof(s->error), "%s", why);
	return -EBADMSG;
}

static int execute(struct store *s, const char *text)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_failed(s);
}

/* The first row of a query: a number, and its text where ret_text is not NULL. 0 and "" for NULL.
 */
static int query(struct store *s, const char *text, int64_t *ret, char *ret_text, size_t size)
{
	sqlite3_stmt *stmt = NULL;
	const unsigned char *value;
	int r = 0;

	if (sqlite3_prepare_v2(s->db, text, -1, &stmt, NULL) != SQLITE_OK)
		return store_failed(s);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		*ret = sqlite3_column_int64(stmt, 0);
		value = sqlite3_column_text(stmt, 0);
		if (ret_text != NULL)
			snprintf(ret_text, size, "%s", value != NULL ? (const char *)value : "");
	} else {
		r = sqlite3_errcode(s->db) == SQLITE_DONE ? -ENOENT : store_failed(s);
	}
	sqlite3_finalize(stmt);
	return r;
}

static int sync_folder(const char *path)
{
	char copy[4096];
	int fd, r;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* SQLite gives its other files the mode of this one. */
static int make_file(struct store *s, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), r = 0;

	if (fd < 0)
		return failed_errno(s, path);
	if (fchmod(fd, 0600) < 0)
		r = failed_errno(s, path);
	close(fd);
	if (r == 0 && (r = sync_folder(path)) < 0) {
		errno = -r;
		r = failed_errno(s, path);
	}
	return r;
}

static int wal_grew(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct store *s = ctx;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	return SQLITE_OK;
}

static int open_database(struct store *s, const char *path)
{
	char mode[16];
	int64_t ignored;
	int r;

	if (sqlite3_open_v2(path, &s->db,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
		    NULL) != SQLITE_OK)
		return s->db != NULL ? store_failed(s) : -ENOMEM;
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	r = execute(s, settings);
	if (r == 0)
		r = query(s, "PRAGMA journal_mode = WAL", &ignored, mode, sizeof(mode));
	if (r == 0 && strcmp(mode, "wal") != 0) {
		snprintf(s->error, sizeof(s->error), "it cannot have a write-ahead log");
		r = -EOPNOTSUPP;
	}
	/* after the setting of wal_autocheckpoint, which puts a hook of its own there */
	sqlite3_wal_hook(s->db, wal_grew, s);
	s->checkpoint_at = STORE_WAL_PAGES;
	return r;
}

/* In one transaction: whoever comes after a crash finds the one schema or the other. */
static int upgrade(struct store *s, int64_t version)
{
	int r = execute(s, "BEGIN IMMEDIATE");
	int64_t i;

	for (i = version; i < SCHEMA && r == 0; i++) {
		r = execute(s, upgrades[i - 1]);
		fault_point(FAULT_upgrade_step);
	}
	if (r == 0)
		r = execute(s,
			"UPDATE meta SET value = " STRING(SCHEMA) " WHERE key = 'schema'; COMMIT");
	if (r == 0)
		log_info("ledger: its schema was %" PRId64 ", and is %d from now on", version,
			SCHEMA);
	else if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int check_schema(struct store *s)
{
	int64_t n = 0, version = 0;
	int r = query(s, "SELECT count(*) FROM sqlite_master", &n, NULL, 0);

	if (r < 0)
		return r;
	if (n == 0)
		return execute(s, schema);
	r = query(s, "SELECT value FROM meta WHERE key = 'schema'", &version, NULL, 0);
	if (r == -EBADMSG || r == -ENOMEM)
		return r;
	if (r < 0 || version < 1)
		return damaged(s, "it says no schema");
	if (version > SCHEMA) {
		snprintf(s->error, sizeof(s->error),
			"its schema is %" PRId64 ", and this sessd knows none beyond %d", version,
			SCHEMA);
		return -EPROTONOSUPPORT;
	}
	return version < SCHEMA ? upgrade(s, version) : 0;
}

/* The first event of a ledger whose older ones were pruned. */
static int read_begin(struct store *s)
{
	int64_t begin = 0;
	int r = query(
		s, "SELECT value FROM meta WHERE key = '" STORE_BEGIN_AT "'", &begin, NULL, 0);

	s->begin = r == 0 ? (uint64_t)begin : 0;
	return r == -ENOENT ? 0 : r;
}

static void seed(struct chain *head, uint64_t seq, const char *line, size_t len)
{
	head->seq = seq - 1;
	chain_append(head, line, len);
}

/* Moves the head over one line of the tail. The first one is believed, unless it is the very first.
 */
static int check_line(struct store *s, sqlite3_stmt *stmt)
{
	uint64_t seq = (uint64_t)sqlite3_column_int64(stmt, 0);
	const char *line = (const char *)sqlite3_column_text(stmt, 1), *why = NULL;
	size_t len = (size_t)sqlite3_column_bytes(stmt, 1);
	char text[200];

	if (line == NULL || len >= STORE_LINE_MAX)
		why = "the line is none";
	else if (s->head.seq == 0 && seq != 1)
		seed(&s->head, seq, line, len);
	else
		why = chain_check(&s->head, line, len);
	if (why == NULL && s->head.seq != seq)
		why = "the sequence number is not that of its row";
	if (why == NULL) {
		s->newest_at = chain_time(line, len);
		return 0;
	}
	snprintf(text, sizeof(text), "event %" PRIu64 ": %s", seq, why);
	return damaged(s, text);
}

static int check_tail(struct store *s)
{
	static const char tail[] =
		"SELECT seq, line FROM event WHERE seq > "
		"(SELECT max(seq) FROM event) - " STRING(STORE_TAIL) " - 1 "
								     "ORDER BY seq";
	sqlite3_stmt *stmt = NULL;
	int64_t seq = 0;
	int r, rc;

	r = query(s, "SELECT max(seq) FROM event", &seq, NULL, 0);
	if (r < 0)
		return r;
	s->known_seq = (uint64_t)seq;
	if (sqlite3_prepare_v2(s->db, tail, -1, &stmt, NULL) != SQLITE_OK)
		return store_failed(s);
	while (r == 0 && (rc = sqlite3_step(stmt)) != SQLITE_DONE)
		r = rc == SQLITE_ROW ? check_line(s, stmt) : store_failed(s);
	sqlite3_finalize(stmt);
	return r;
}

/* Reads what ledger_load() will need, so that a damaged page is found here. */
static int check_rows(struct store *s)
{
	int64_t id = 0, bytes = 0;
	int r;

	r = query(s, "SELECT max(id) FROM session", &id, NULL, 0);
	if (r == 0)
		r = query(s,
			"SELECT sum(length(record)) FROM session INDEXED BY session_live "
			"WHERE live = 1",
			&bytes, NULL, 0);
	s->last_id = (uint64_t)id;
	if (r == 0)
		r = query(s, "SELECT max(id), sum(length(record)) FROM lock", &id, NULL, 0);
	s->last_lock = (uint64_t)id;
	return r;
}

int store_open(struct store *s, const char *path)
{
	int r;

	*s = (struct store){0};
	r = make_file(s, path);
	if (r == 0)
		r = open_database(s, path);
	if (r == 0)
		r = check_schema(s);
	if (r == 0)
		r = store_prepare(s);
	if (r == 0)
		r = read_begin(s);
	if (r == 0)
		r = check_tail(s);
	if (r == 0)
		r = check_rows(s);
	if (r < 0)
		store_abandon(s);
	return r;
}

/* As it was found, for whoever looks into it. */
void store_abandon(struct store *s)
{
	if (s->db != NULL)
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	store_close(s);
}

/* Renames a database, then its other files: SQLite throws away a WAL beside a database that is new.
 */
static int rename_all(const char *from, const char *to)
{
	static const char *const others[] = {"-wal", "-shm", "-journal"};
	char from_other[4096], to_other[4096];
	size_t i;

	if (rename(from, to) < 0)
		return -errno;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(from_other, sizeof(from_other), "%s%s", from, others[i]);
		snprintf(to_other, sizeof(to_other), "%s%s", to, others[i]);
		if (rename(from_other, to_other) < 0 && errno != ENOENT)
			return -errno;
	}
	return sync_folder(from);
}

static void aside_path(const char *path, char out[4096])
{
	snprintf(out, 4096, "%s" STORE_ASIDE, path);
}

/* The first name that is free. */
static int away_path(const char *path, char out[4096])
{
	struct stat st;
	unsigned n = 0;

	do
		if (snprintf(out, 4096 - 16, "%s.corrupt-%u", path, ++n) >= 4096 - 16)
			return -ENAMETOOLONG;
	while (lstat(out, &st) == 0);
	return 0;
}

int store_set_aside(const char *path)
{
	char to[4096];

	aside_path(path, to);
	return rename_all(path, to);
}

int store_aside(const char *path, char *ret_name, size_t size)
{
	char from[4096], to[4096];
	struct stat st;
	int r;

	aside_path(path, from);
	if (lstat(from, &st) < 0)
		return -errno;
	r = away_path(path, to);
	if (r == 0)
		snprintf(
			ret_name, size, "%s", strrchr(to, '/') != NULL ? strrchr(to, '/') + 1 : to);
	return r;
}

int store_put_away(const char *path)
{
	char from[4096], to[4096];
	struct stat st;
	int r;

	aside_path(path, from);
	if (lstat(from, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	r = away_path(path, to);
	return r == 0 ? rename_all(from, to) : r;
}
