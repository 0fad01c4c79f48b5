/* What a start makes of the file that it finds. */
#include "tests/unit/ledger_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

/* A ledger with some events and two live sessions, closed. */
static void make(struct fixture *f)
{
	uint64_t i;

	open_ledger(f);
	f->expect = 1;
	for (i = 1; i <= 1500; i++)
		assert_int_equal(append(f, i, 1000, i <= 2 ? i : 0, true), 0);
	WAIT_UNTIL(f, f->done == 1500);
	close_ledger(f);
}

static void change(struct fixture *f, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void overwrite(struct fixture *f, off_t at, const char *bytes, size_t len)
{
	int fd = open(f->path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

static void keep_line(void *ctx, const char *line)
{
	snprintf(ctx, 2048, "%s", line);
}

/* Each damage: what is done to the file, and what the new ledger says of it. */
static const struct damage {
	const char *name;
	const char *sql;   /* or */
	off_t at;	   /* garbage is written here; -1: the file is cut to half */
	const char *words; /* in the first event */
	bool seq_known;
	const char *live; /* what can be taken over */
} damages[] = {
	{"not a database", NULL, 0, "not a database", false, ""},
	{"cut", NULL, -1, "malformed", false, ""},
	{"a line was changed",
		"UPDATE event SET line = replace(line, '\"limit\":1200', '\"limit\":1201') "
		"WHERE seq = 1201",
		0, "event 1202: the hash of the line before does not agree", true, "1 2"},
	{"a line was removed", "DELETE FROM event WHERE seq = 1201", 0,
		"event 1202: the sequence number is not the next one", true, "1 2"},
	{"a line was moved", "UPDATE event SET seq = 2000 WHERE seq = 1501", 0,
		"event 2000: the sequence number is not that of its row", false, "1 2"},
	{"a line is no text", "UPDATE event SET line = zeroblob(40000) WHERE seq = 1501", 0,
		"event 1501: the line is none", true, "1 2"},
	{"a table is missing", "DROP TABLE session", 0, "no such table", false, ""},
	{"no schema", "DELETE FROM meta", 0, "it says no schema", true, "1 2"},
	{"an index is missing", "DROP INDEX session_live", 0, "no such index", true, "1 2"},
};

static void sets_aside(void **state)
{
	struct fixture *f = *state;
	char aside[128], line[2048], want[64];
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		print_message("%s\n", damages[i].name);
		f->done = 0;
		make(f);
		if (damages[i].sql != NULL)
			change(f, damages[i].sql);
		else if (damages[i].at < 0)
			assert_int_equal(truncate(f->path, 12288), 0);
		else
			overwrite(f, damages[i].at, "garbage garbage garbage", 23);
		open_ledger(f);
		snprintf(aside, sizeof(aside), "%s.corrupt-%zu", f->path, i + 1);
		assert_int_equal(stat(aside, &st), 0);
		assert_int_equal(each_line(f, LEDGER_ALL_UIDS, keep_line, line), 1);
		assert_non_null(strstr(line, "\"event\":\"ledger_started\""));
		assert_non_null(strstr(line, damages[i].words));
		snprintf(want, sizeof(want), "set aside as ledger.db.corrupt-%zu;", i + 1);
		assert_non_null(strstr(line, want));
		if (damages[i].seq_known)
			assert_non_null(strstr(line, "found in it is 1501;"));
		assert_int_equal(ledger_last_id(f->ledger), damages[i].live[0] != '\0' ? 2 : 0);
		assert_live(f, damages[i].live);
		close_ledger(f);
		/* it is a ledger like any other */
		open_ledger(f);
		assert_live(f, damages[i].live);
		assert_int_equal(each_line(f, LEDGER_ALL_UIDS, NULL, NULL), 1);
		close_ledger(f);
		assert_int_equal(unlink(f->path), 0);
	}
}

/* What was committed is in the -wal when the daemon was killed: it belongs to the file. */
static void wal_goes_along(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat st;
	int fd;

	make(f);
	overwrite(f, 0, "garbage garbage garbage", 23);
	snprintf(path, sizeof(path), "%s-wal", f->path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "frames", 6), 6);
	close(fd);
	open_ledger(f);
	snprintf(path, sizeof(path), "%s.corrupt-1-wal", f->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 6);
}

/* Only the end of the chain is checked at a start; the whole is `audit verify`. */
static void old_lines_are_not_read(void **state)
{
	struct fixture *f = *state;

	make(f);
	change(f, "UPDATE event SET line = 'changed' WHERE seq = 400");
	open_ledger(f);
	assert_live(f, "1 2");
}

/* A chain whose beginning was pruned goes on. */
static void pruned(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats stats;

	make(f);
	change(f, "DELETE FROM event WHERE seq < 1400");
	open_ledger(f);
	ledger_stats(f->ledger, &stats);
	assert_int_equal(stats.seq, 1501);
}

static void newer_schema(void **state)
{
	struct fixture *f = *state;

	make(f);
	change(f, "UPDATE meta SET value = 4 WHERE key = 'schema'");
	assert_int_equal(ledger_open(f->dir, f->loop, &f->ledger), -EPROTONOSUPPORT);
	assert_null(f->ledger);
	/* it is left as it was */
	change(f, "UPDATE meta SET value = 3 WHERE key = 'schema'");
	open_ledger(f);
	assert_live(f, "1 2");
}

static int keep_lock(void *ctx, uint64_t id, const uint8_t *record, size_t len)
{
	char *list = ctx;

	sprintf(list + strlen(list), " %d:%.*s", (int)id, (int)len, (const char *)record);
	return 0;
}

static void assert_locks(struct fixture *f, const char *expected)
{
	char list[200] = "";

	assert_int_equal(ledger_load_locks(f->ledger, keep_lock, list), 0);
	assert_string_equal(list, expected);
}

static void append_lock(struct fixture *f, uint64_t id, bool live, const char *record)
{
	const struct ledger_row row = {.lock = true,
		.id = id,
		.live = live,
		.record = (const uint8_t *)record,
		.len = strlen(record)};
	struct entry e;

	entry_init(&e, live ? ENTRY_LOCK_SET : ENTRY_LOCK_LIFTED, 1);
	assert_int_equal(ledger_append(f->ledger, &e, LEDGER_ALL_UIDS, &row, NULL, NULL), 0);
}

/* One of schema 1 gains the table of locks, and what it held is there. */
static void older_schema(void **state)
{
	struct fixture *f = *state;

	make(f);
	change(f, LEDGER_TO_SCHEMA_2 "DROP TABLE lock");
	change(f, "UPDATE meta SET value = 1 WHERE key = 'schema'");
	open_ledger(f);
	assert_live(f, "1 2");
	assert_locks(f, "");
	append_lock(f, 1, true, "one");
	append_lock(f, 2, true, "two");
	append_lock(f, 1, true, "one again");
	append_lock(f, 3, true, "three");
	append_lock(f, 2, false, "two");
	close_ledger(f);
	open_ledger(f);
	/* locks are no sessions */
	assert_live(f, "1 2");
	assert_locks(f, " 1:one again 3:three");
	assert_int_equal(ledger_last_lock(f->ledger), 3);
}

/* A table that is missing where the schema says that it is there was taken away. */
static void lock_table_is_gone(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[128];

	make(f);
	change(f, "DROP TABLE lock");
	open_ledger(f);
	snprintf(path, sizeof(path), "%s.corrupt-1", f->path);
	assert_int_equal(stat(path, &st), 0);
}

/* A start that was killed after it had made the file, or the tables. */
static void unfinished_start(void **state)
{
	struct fixture *f = *state;
	char line[2048];

	close(open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	open_ledger(f);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, keep_line, line), 1);
	close_ledger(f);
	change(f, "DELETE FROM event");
	open_ledger(f);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, keep_line, line), 1);
	assert_non_null(strstr(line, "first start"));
}

static void wide_mode_is_narrowed(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	make(f);
	assert_int_equal(chmod(f->path, 0644), 0);
	open_ledger(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void symlink_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlink("/dev/null", f->path), 0);
	assert_int_equal(ledger_open(f->dir, f->loop, &f->ledger), -ELOOP);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(sets_aside),
		TEST(wal_goes_along),
		TEST(old_lines_are_not_read),
		TEST(pruned),
		TEST(newer_schema),
		TEST(older_schema),
		TEST(lock_table_is_gone),
		TEST(unfinished_start),
		TEST(wide_mode_is_narrowed),
		TEST(symlink_is_refused),
	};

	return cmocka_run_group_tests_name("ledger_open", tests, NULL, NULL);
}
