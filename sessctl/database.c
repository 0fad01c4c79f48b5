#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sessctl/context.h"
#include "sessctl/database.h"
#include "sessctl/read_only.h"
#include "sessctl/reading.h"

/* Bytes of lines that are given at a time; room is kept for one line more. */
#define PIECE 65536

/* Bytes that SQLite may take. A page has 64 KiB at the most. */
#define HEAP_MAX (24 << 20)

/* Where SQLite's locks lie in a database, whoever locks: see "Database File Locking" in its
 * manual. */
#define LOCKS_AT  0x40000000
#define LOCKS_LEN 512

static const char magic[16] = "SQLite format 3";

static const char settings[] =
	/* before the first access: the index of the log is then in memory */
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA cache_size = -2048;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA trusted_schema = OFF;";

/* In the order of the table itself, so that nothing needs to be sorted. */
#define ALL "SELECT rowid, line FROM event NOT INDEXED WHERE rowid >= ?1"
/* With which event the ledger begins: what is before it is being removed. PROTOCOL.md, "The
 * ledger". */
#define BEGIN "SELECT value FROM meta WHERE key = 'begin'"
#define LAST  "SELECT rowid FROM event NOT INDEXED ORDER BY rowid DESC LIMIT 1"

static const char damaged[] = "the database is damaged there";

bool database_is(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char head[sizeof(magic)];
	struct stat st;
	bool is;

	if (fd < 0)
		return false;
	is = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	     pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	     memcmp(head, magic, sizeof(magic)) == 0;
	close(fd);
	return is;
}

/* All zeros where there is no such file. */
static void look(const struct database *db, struct stat ret[2])
{
	char log[4096];

	memset(ret, 0, 2 * sizeof(*ret));
	stat(db->path, &ret[0]);
	if ((size_t)snprintf(log, sizeof(log), "%s-wal", db->path) < sizeof(log))
		stat(log, &ret[1]);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Does somebody have it open for writing, as sessd has its own? */
static bool is_locked(const char *path)
{
	struct flock lock = {
		.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = LOCKS_AT, .l_len = LOCKS_LEN};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool locked = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

	if (fd >= 0)
		close(fd);
	return locked;
}

static bool has_changed(const struct database *db)
{
	struct stat now[2];

	look(db, now);
	return !is_same(&db->before[0], &now[0]) || !is_same(&db->before[1], &now[1]) ||
	       is_locked(db->path);
}

/* What the statements above need, and nothing that a schema could hide behind their names. */
static int permit(
	void *ctx, int action, const char *a, const char *b, const char *c, const char *inner)
{
	(void)ctx;
	(void)b;
	(void)c;
	if (action == SQLITE_SELECT)
		return SQLITE_OK;
	if (action != SQLITE_READ || inner != NULL)
		return SQLITE_DENY;
	return strcmp(a, "event") == 0 || strcmp(a, "meta") == 0 || strcmp(a, "sqlite_master") == 0
		       ? SQLITE_OK
		       : SQLITE_DENY;
}

/* A true table: not a view, not one that a module makes up, and no column that is computed, for
 * which there would be a second parenthesis. */
static bool is_table(struct database *db, const char *name)
{
	static const char query[] = "SELECT type, sql FROM sqlite_master WHERE name = ?1";
	char begin[64];
	const char *type, *sql;
	sqlite3_stmt *stmt;
	bool is = false;

	snprintf(begin, sizeof(begin), "CREATE TABLE %s ", name);
	if (sqlite3_prepare_v2(db->db, query, -1, &stmt, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		type = (const char *)sqlite3_column_text(stmt, 0);
		sql = (const char *)sqlite3_column_text(stmt, 1);
		is = type != NULL && sql != NULL && strcmp(type, "table") == 0 &&
		     strncmp(sql, begin, strlen(begin)) == 0 && strchr(sql, '(') != NULL &&
		     strchr(sql, '(') == strrchr(sql, '(');
	}
	sqlite3_finalize(stmt);
	return is;
}

static bool open_it(struct database *db)
{
	const char *vfs = read_only_vfs();

	if (vfs == NULL || sqlite3_open_v2(db->path, &db->db,
				   SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, vfs) != SQLITE_OK)
		return false;
	sqlite3_extended_result_codes(db->db, 1);
	sqlite3_hard_heap_limit64(HEAP_MAX);
	sqlite3_limit(db->db, SQLITE_LIMIT_LENGTH, 2 * (int)READING_LINE_MAX);
	sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* it would be written */
	sqlite3_db_config(db->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (sqlite3_exec(db->db, settings, NULL, NULL, NULL) != SQLITE_OK)
		return false;
	sqlite3_set_authorizer(db->db, permit, NULL);
	return true;
}

bool database_open(struct database *db, const char *path)
{
	*db = (struct database){.path = path};
	look(db, db->before);
	if (is_locked(path)) {
		snprintf(db->error, sizeof(db->error),
			"a program has it open; sessd's own ledger is read through sessd (give no "
			"FILE)");
		return false;
	}
	if (open_it(db) && is_table(db, "event") && is_table(db, "meta"))
		return true;
	if (db->db != NULL && sqlite3_errcode(db->db) != SQLITE_OK &&
		sqlite3_errcode(db->db) != SQLITE_ROW && sqlite3_errcode(db->db) != SQLITE_DONE)
		snprintf(db->error, sizeof(db->error), "%s", sqlite3_errmsg(db->db));
	else
		snprintf(db->error, sizeof(db->error), "it is not the database of a ledger");
	database_close(db);
	return false;
}

void database_close(struct database *db)
{
	sqlite3_close(db->db);
	db->db = NULL;
}

uint64_t database_last(struct database *db)
{
	sqlite3_stmt *stmt;
	int64_t seq = 0;

	if (sqlite3_prepare_v2(db->db, LAST, -1, &stmt, NULL) != SQLITE_OK)
		return 0;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		seq = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return seq > 0 ? (uint64_t)seq : 0;
}

static int64_t first_event(struct database *db)
{
	sqlite3_stmt *stmt;
	int64_t seq = 0;

	if (sqlite3_prepare_v2(db->db, BEGIN, -1, &stmt, NULL) != SQLITE_OK)
		return 0;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		seq = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return seq;
}

struct piece {
	database_fn *fn;
	void *arg;
	char *buf; /* PIECE + READING_LINE_MAX bytes */
	size_t len;
	int64_t seq; /* of the last row */
};

static int give(struct piece *p)
{
	size_t len = p->len;

	p->len = 0;
	return len > 0 ? p->fn(p->arg, p->buf, len, (uint64_t)p->seq) : EXIT_DONE;
}

/* One row into the piece. NULL, or what is wrong with it. */
static const char *take_row(struct piece *p, sqlite3_stmt *stmt)
{
	int64_t seq = sqlite3_column_int64(stmt, 0);
	size_t len;

	if (sqlite3_column_type(stmt, 1) != SQLITE_TEXT)
		return "the row of the database has no line";
	/* a tree that leads back into itself gives a row once more */
	if (seq <= p->seq)
		return damaged;
	len = (size_t)sqlite3_column_bytes(stmt, 1);
	if (len >= READING_LINE_MAX)
		return "the line is longer than 1 MiB";
	memcpy(p->buf + p->len, sqlite3_column_text(stmt, 1), len);
	p->buf[p->len + len] = '\n';
	p->len += len + 1;
	p->seq = seq;
	return NULL;
}

static int read_rows(struct database *db, sqlite3_stmt *stmt, struct piece *p)
{
	int code = EXIT_DONE, rc = SQLITE_DONE;

	while (code == EXIT_DONE && db->wrong == NULL && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		db->wrong = take_row(p, stmt);
		if (p->len >= PIECE)
			code = give(p);
	}
	if (code == EXIT_DONE)
		code = give(p);
	if (db->wrong == NULL && rc != SQLITE_ROW && rc != SQLITE_DONE)
		db->wrong = damaged;
	return code;
}

int database_read(struct database *db, database_fn *fn, void *arg)
{
	struct piece p = {.fn = fn, .arg = arg, .buf = malloc(PIECE + READING_LINE_MAX)};
	sqlite3_stmt *stmt = NULL;
	int code = EXIT_DONE;

	if (p.buf == NULL || sqlite3_prepare_v2(db->db, ALL, -1, &stmt, NULL) != SQLITE_OK) {
		db->wrong = "the database cannot be read";
	} else {
		sqlite3_bind_int64(stmt, 1, first_event(db));
		code = read_rows(db, stmt, &p);
	}
	sqlite3_finalize(stmt);
	free(p.buf);
	db->changed = has_changed(db);
	return code;
}
