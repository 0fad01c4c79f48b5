/* A copied database of the ledger, read by sessctl: whole with its log and without, changed by any
 * byte, made by somebody who means harm; and nothing of it is written. */
#include "tests/unit/sealed_fixture.h"
#include "tests/unit/seeded.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sessctl/context.h"
#include "sessctl/database.h"

#define MUTATIONS 1500

/* A file that was read whole. */
struct bytes {
	char *data;
	size_t len;
};

static struct bytes get(const char *path)
{
	struct bytes b = {NULL, 0};
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return b;
	assert_int_equal(fstat(fd, &st), 0);
	b.data = malloc((size_t)st.st_size + 1);
	assert_non_null(b.data);
	assert_int_equal(read(fd, b.data, (size_t)st.st_size), st.st_size);
	b.len = (size_t)st.st_size;
	close(fd);
	return b;
}

static void put(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* Where copies go, so that the fixture removes them. */
struct copied {
	char path[128], log[140];
	struct bytes db, wal;
};

static void copy_name(struct copied *c, const struct fixture *f)
{
	snprintf(c->path, sizeof(c->path), "%s/copy.db", f->dir);
	snprintf(c->log, sizeof(c->log), "%s-wal", c->path);
}

/* The database as it is on disk now, with its log. */
static void copy(struct copied *c, const struct fixture *f)
{
	char log[128];

	copy_name(c, f);
	snprintf(log, sizeof(log), "%s-wal", f->path);
	c->db = get(f->path);
	c->wal = get(log);
	assert_non_null(c->db.data);
	put(c->path, c->db.data, c->db.len);
	if (c->wal.data != NULL)
		put(c->log, c->wal.data, c->wal.len);
}

static void copy_free(struct copied *c)
{
	free(c->db.data);
	free(c->wal.data);
}

static int collect(void *arg, const char *text, size_t len, uint64_t seq)
{
	struct text *t = arg;

	assert_true(seq > 0 && len > 0 && text[len - 1] == '\n');
	text_add(t, text, len);
	return EXIT_DONE;
}

/* What is read of a database; *ret_wrong: what it said is wrong. */
static struct text read_all(const char *path, const char **ret_wrong)
{
	struct text t = {0};
	struct database db;

	text_add(&t, "", 0);
	if (!database_open(&db, path)) {
		assert_true(db.error[0] != '\0');
		*ret_wrong = "it cannot be opened";
		return t;
	}
	assert_int_equal(database_read(&db, collect, &t), EXIT_DONE);
	assert_false(db.changed);
	*ret_wrong = db.wrong;
	database_close(&db);
	return t;
}

static void expect_all(const char *path, const struct text *want)
{
	const char *wrong;
	struct text t = read_all(path, &wrong);

	assert_null(wrong);
	assert_int_equal(t.len, want->len);
	assert_memory_equal(t.data, want->data, want->len);
	free(t.data);
}

static void test_with_its_log(void **state)
{
	struct fixture *f = *state;
	struct copied c;
	struct text all;

	open_sealed(f);
	append_some(f, 300);
	all = export_all(f);
	copy(&c, f);
	/* nothing was copied out of the log yet, so without it there is next to nothing */
	assert_true(c.wal.len > c.db.len);
	assert_true(database_is(c.path));
	assert_false(database_is(c.log));
	expect_all(c.path, &all);
	copy_free(&c);
	free(all.data);
}

static void test_nothing_is_written(void **state)
{
	struct fixture *f = *state;
	struct stat before[2], after[2];
	struct copied c;
	struct text all;
	struct bytes b;
	char other[160];
	int i;

	open_sealed(f);
	append_some(f, 300);
	all = export_all(f);
	copy(&c, f);
	for (i = 0; i < 2; i++) {
		assert_int_equal(stat(c.path, &before[0]), 0);
		if (i == 0)
			assert_int_equal(stat(c.log, &before[1]), 0);
		expect_all(c.path, &all);
		assert_int_equal(stat(c.path, &after[0]), 0);
		assert_int_equal(before[0].st_mtim.tv_nsec, after[0].st_mtim.tv_nsec);
		b = get(c.path);
		assert_int_equal(b.len, c.db.len);
		assert_memory_equal(b.data, c.db.data, b.len);
		free(b.data);
		snprintf(other, sizeof(other), "%s-shm", c.path);
		assert_int_equal(access(other, F_OK), -1);
		snprintf(other, sizeof(other), "%s-journal", c.path);
		assert_int_equal(access(other, F_OK), -1);
		if (i == 1) {
			assert_int_equal(access(c.log, F_OK), -1);
			break;
		}
		assert_int_equal(stat(c.log, &after[1]), 0);
		assert_int_equal(before[1].st_mtim.tv_nsec, after[1].st_mtim.tv_nsec);
		assert_int_equal(before[1].st_size, after[1].st_size);
		/* and once more as the daemon leaves it: without a log, which is not made */
		copy_free(&c);
		unlink(c.log);
		free(all.data);
		all = export_all(f);
		close_ledger(f);
		open_sealed(f);
		free(all.data);
		all = export_all(f);
		close_ledger(f);
		copy(&c, f);
	}
	copy_free(&c);
	free(all.data);
}

/* Whoever has it open as sessd has keeps others out, and is told of. */
static void test_open_elsewhere(void **state)
{
	struct fixture *f = *state;
	int ready[2], go[2], status;
	struct database db;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	open_ledger(f);
	close_ledger(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		sqlite3 *other;

		if (sqlite3_open(f->path, &other) != SQLITE_OK ||
			sqlite3_exec(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE;",
				NULL, NULL, NULL) != SQLITE_OK)
			_exit(1);
		if (write(ready[1], "r", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_false(database_open(&db, f->path));
	assert_non_null(strstr(db.error, "a program has it open"));
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(database_open(&db, f->path));
	database_close(&db);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
}

static int touch(void *arg, const char *text, size_t len, uint64_t seq)
{
	struct copied *c = arg;

	(void)text;
	(void)len;
	(void)seq;
	put(c->log, c->wal.data, c->wal.len);
	return EXIT_DONE;
}

static void test_written_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct database db;
	struct copied c;

	open_sealed(f);
	append_some(f, 10);
	copy(&c, f);
	assert_true(database_open(&db, c.path));
	assert_int_equal(database_read(&db, touch, &c), EXIT_DONE);
	assert_true(db.changed);
	database_close(&db);
	copy_free(&c);
}

/* The caller stops it. */
static int stop(void *arg, const char *text, size_t len, uint64_t seq)
{
	unsigned *calls = arg;

	(void)text;
	(void)len;
	(void)seq;
	++*calls;
	return EXIT_FORBIDDEN;
}

static void test_stopped(void **state)
{
	struct fixture *f = *state;
	struct database db;
	unsigned calls = 0;
	struct copied c;

	open_sealed(f);
	append_some(f, 1000);
	copy(&c, f);
	assert_true(database_open(&db, c.path));
	assert_true(database_last(&db) > 1000);
	assert_int_equal(database_read(&db, stop, &calls), EXIT_FORBIDDEN);
	assert_int_equal(calls, 1);
	database_close(&db);
	copy_free(&c);
}

/*
 * Bytes changed anywhere in the file and its log: what is read is the ledger up to some event, or
 * the word of an auditor finds it; and nothing breaks.
 */
static void test_mutations(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], anchor[SEAL_HEAD_TEXT];
	unsigned i, n, whole = 0;
	struct copied c;
	struct text all, t;
	const char *wrong;
	struct bytes *b;
	size_t at;

	seed();
	open_sealed(f);
	append_some(f, 60);
	/* some of it in the file, some in the log */
	close_ledger(f);
	open_sealed(f);
	append_some(f, 60);
	first_key(f, key);
	checkpoint(f, anchor);
	all = export_all(f);
	copy(&c, f);
	for (i = 0; i < MUTATIONS; i++) {
		b = any(2) ? &c.db : &c.wal;
		n = 1 + (unsigned)any(4);
		while (n-- > 0) {
			/* the heads of pages and frames, more often than chance would have it */
			at = any(3) ? any(b->len) : any(b->len / 4096) * 4096 + any(100);
			b->data[at] = (char)any(256);
		}
		put(c.path, c.db.data, any(20) ? c.db.len : any(c.db.len));
		put(c.log, c.wal.data, any(20) ? c.wal.len : any(c.wal.len));
		t = read_all(c.path, &wrong);
		if (wrong == NULL)
			wrong = wrong_with(t.data, t.len, key, anchor, NULL);
		if (wrong == NULL) {
			assert_int_equal(t.len, all.len);
			assert_memory_equal(t.data, all.data, all.len);
			whole++;
		}
		free(t.data);
		if (i % 10 == 9) {
			copy_free(&c);
			copy(&c, f);
		}
	}
	/* what is not looked at may change */
	assert_true(whole > 0 && whole < MUTATIONS);
	copy_free(&c);
	free(all.data);
}

/* Schemas that would have SQLite do something else than to read a table. */
static void test_hostile_schemas(void **state)
{
	static const char *const schemas[] = {
		"CREATE VIEW event AS WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 "
		"FROM "
		"c) SELECT n AS rowid, 'x' AS line FROM c",
		"CREATE TABLE t(a); CREATE VIEW event AS SELECT a AS line FROM t",
		"CREATE VIRTUAL TABLE event USING fts5(line)",
		"CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT AS "
		"(upper(other)), other);"
		"INSERT INTO event (seq, other) VALUES (1, 2)",
		"CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT) WITHOUT ROWID",
		"CREATE TABLE event (seq INTEGER PRIMARY KEY, other TEXT)",
		"CREATE TABLE other (a)",
		/* behind the back of the parser */
		"CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT); PRAGMA writable_schema = "
		"ON; "
		"UPDATE sqlite_master SET sql = 'CREATE VIRTUAL TABLE event USING fts5(line)'",
		"CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT); PRAGMA writable_schema = "
		"ON; "
		"UPDATE sqlite_master SET rootpage = 99999",
	};
	struct fixture *f = *state;
	struct database db;
	struct copied c;
	sqlite3 *maker;
	struct text t;
	size_t i;

	copy_name(&c, f);
	for (i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		unlink(c.path);
		assert_int_equal(sqlite3_open(c.path, &maker), SQLITE_OK);
		if (sqlite3_exec(maker, schemas[i], NULL, NULL, NULL) != SQLITE_OK)
			fail_msg("%s: %s", schemas[i], sqlite3_errmsg(maker));
		sqlite3_close(maker);
		assert_true(database_is(c.path));
		if (!database_open(&db, c.path)) {
			assert_true(strlen(db.error) > 0);
			continue;
		}
		t = (struct text){0};
		assert_int_equal(database_read(&db, collect, &t), EXIT_DONE);
		if (db.wrong == NULL)
			fail_msg("taken: %s: %s", schemas[i], t.data);
		free(t.data);
		database_close(&db);
	}
}

/* Rows that no daemon has written. */
static void test_strange_rows(void **state)
{
	static const struct {
		const char *value, *wrong;
	} rows[] = {
		{"zeroblob(10)", "the row of the database has no line"},
		{"NULL", "the row of the database has no line"},
		{"7", NULL}, /* the column makes a text of it */
		{"hex(zeroblob(1000000))", "the line is longer than 1 MiB"},
		{"hex(zeroblob(3000000))", "the database is damaged there"},
	};
	char sql[256];
	struct fixture *f = *state;
	const char *wrong;
	struct copied c;
	struct text t;
	sqlite3 *maker;
	size_t i;

	copy_name(&c, f);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unlink(c.path);
		snprintf(sql, sizeof(sql),
			"CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT);"
			"INSERT INTO event VALUES (1, 'one'); INSERT INTO event VALUES (2, %s);"
			"INSERT INTO event VALUES (3, 'three');",
			rows[i].value);
		assert_int_equal(sqlite3_open(c.path, &maker), SQLITE_OK);
		assert_int_equal(sqlite3_exec(maker, sql, NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(maker);
		t = read_all(c.path, &wrong);
		if (rows[i].wrong == NULL) {
			assert_null(wrong);
			assert_string_equal(t.data, "one\n7\nthree\n");
		} else {
			assert_non_null(wrong);
			assert_string_equal(wrong, rows[i].wrong);
			assert_string_equal(t.data, "one\n");
		}
		free(t.data);
	}
}

static void test_no_database(void **state)
{
	static const char not_one[] = "SQLite format 3\0but not a database, whatever it says";
	struct fixture *f = *state;
	struct database db;
	struct copied c;

	copy_name(&c, f);
	assert_false(database_is(c.path));
	assert_false(database_is("/"));
	assert_false(database_is("/dev/zero"));
	put(c.path, "SQLite format", 13);
	assert_false(database_is(c.path));
	put(c.path, not_one, sizeof(not_one));
	assert_true(database_is(c.path));
	assert_false(database_open(&db, c.path));
	assert_string_equal(db.error, "file is not a database");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(with_its_log),
		TEST(nothing_is_written),
		TEST(open_elsewhere),
		TEST(written_meanwhile),
		TEST(stopped),
		TEST(mutations),
		TEST(hostile_schemas),
		TEST(strange_rows),
		TEST(no_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
