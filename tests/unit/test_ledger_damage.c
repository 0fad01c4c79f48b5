/* A database that is damaged, found so at a start or in the middle of the work: what lives is taken
 * over, and the new chain cites the last checkpoint of the old one. */
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/sealed_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "common/sid.h"
#include "sessctl/line.h"

#define PAGE 4096

static int heal(void **state)
{
	faulty.write_error = faulty.sync_error = faulty.read_error = faulty.short_writes = 0;
	return fixture_teardown(state);
}

/* The page with which a table or an index begins. */
static off_t root_of(struct fixture *f, const char *name)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;
	off_t at;

	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(
			db, "SELECT rootpage FROM sqlite_master WHERE name = ?1", -1, &stmt, NULL),
		SQLITE_OK);
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	at = (off_t)(sqlite3_column_int64(stmt, 0) - 1) * PAGE;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return at;
}

static void tear(const char *path, off_t at, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char garbage[PAGE];

	memset(garbage, 0xff, sizeof(garbage));
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, garbage, len, at), (ssize_t)len);
	close(fd);
}

static bool exists(const struct fixture *f, const char *suffix)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", f->path, suffix);
	return stat(path, &st) == 0;
}

/* Two sessions that live, one that ended, many events, a checkpoint. */
static void make(struct fixture *f, char anchor[SEAL_HEAD_TEXT])
{
	unsigned want = f->done + 3;

	open_sealed(f);
	assert_int_equal(append(f, f->expect, 1000, 1, true), 0);
	assert_int_equal(append(f, f->expect + 1, 1000, 2, true), 0);
	assert_int_equal(append(f, f->expect + 2, 1000, 3, false), 0);
	WAIT_UNTIL(f, f->done == want);
	append_some(f, 500);
	checkpoint(f, anchor);
	append_some(f, 50);
}

/* Events of that kind; the chain is checked. */
static unsigned count_of_lines(struct fixture *f, const char *kind)
{
	struct text t = export_all(f);
	char want[64];
	unsigned n = 0;
	char *at;

	snprintf(want, sizeof(want), "\"event\":\"%s\"", kind);
	for (at = strstr(t.data, want); at != NULL; at = strstr(at + 1, want))
		n++;
	free(t.data);
	return n;
}

static int read_result(struct fixture *f)
{
	struct copy copy = {0};

	assert_int_equal(ledger_read(f->ledger, 0, LEDGER_ALL_UIDS, copy_page, &copy), 0);
	WAIT_UNTIL(f, copy.here);
	return copy.result;
}

/* The first event: what it says, and what it cites. */
static void assert_first(const struct text *t, const char *words, const char *anchor)
{
	const char *end = strchr(t->data, '\n'), *hash;
	char cited[SEAL_HEAD_TEXT + 40];
	struct line line;

	assert_int_equal(line_parse(t->data, (size_t)(end - t->data), &line), 0);
	assert_string_equal(line.event, "ledger_started");
	assert_non_null(strstr(line_str(&line, "text"), words));
	hash = line_str(&line, "hash");
	if (anchor != NULL) {
		snprintf(cited, sizeof(cited), "its last checkpoint is %s", anchor);
		assert_non_null(strstr(line_str(&line, "text"), cited));
		assert_non_null(hash);
		assert_string_equal(hash, strchr(anchor, ':') + 1);
		assert_int_equal(json_integer_value(json_object_get(line.members, "last")),
			strtoull(anchor, NULL, 10));
	} else {
		assert_null(hash);
	}
	line_fini(&line);
}

static void assert_good(struct fixture *f, const char *words, const char *anchor)
{
	struct text t = export_all(f);
	struct verify v;

	assert_first(&t, words, anchor);
	assert_null(wrong_with(t.data, t.len, NULL, NULL, &v));
	assert_non_null(strstr(v.origin, words));
	free(t.data);
}

/* The head that the closed file has: its last event is the checkpoint of the close. */
static void head_of(struct fixture *f, char ret[SEAL_HEAD_TEXT])
{
	struct chain head;
	sqlite3_stmt *stmt;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT seq, line FROM event ORDER BY seq DESC", -1,
				 &stmt, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	head.seq = (uint64_t)sqlite3_column_int64(stmt, 0) - 1;
	chain_append(&head, (const char *)sqlite3_column_text(stmt, 1),
		(size_t)sqlite3_column_bytes(stmt, 1));
	seal_head_text(&head, ret);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

/* The newest page of the file is torn: one write of it reached the disk in part. The checkpoint of
 * the close was in it; the one before can be read. */
static void torn_page(void **state)
{
	struct fixture *f = *state;
	char anchor[SEAL_HEAD_TEXT];
	struct stat st;

	make(f, anchor);
	close_ledger(f);
	assert_int_equal(stat(f->path, &st), 0);
	tear(f->path, st.st_size - PAGE, 512);
	open_sealed(f);
	assert_true(exists(f, ".corrupt-1"));
	assert_false(exists(f, ".damaged"));
	assert_live(f, "1 2");
	assert_good(f, "taken over: 2 live sessions, 0 locks", anchor);
	assert_int_equal(ledger_last_id(f->ledger), 2);
}

/* The index by which the live rows are found is torn: all of the rest can be read. */
static void index_is_torn(void **state)
{
	struct fixture *f = *state;
	char ignored[SEAL_HEAD_TEXT], last[SEAL_HEAD_TEXT];

	make(f, ignored);
	close_ledger(f);
	head_of(f, last);
	tear(f->path, root_of(f, "session_live"), PAGE);
	open_sealed(f);
	assert_live(f, "1 2");
	assert_good(f, "taken over: 2 live sessions", last);
}

static unsigned number_at(const uint8_t *at, unsigned bytes)
{
	unsigned n = 0;

	while (bytes-- > 0)
		n = n << 8 | *at++;
	return n;
}

/* A page in the middle of a table's leaves: its root is an inner page (0x05), whose cells begin
 * with the number of a leaf. */
static off_t middle_of(struct fixture *f, const char *table)
{
	off_t root = root_of(f, table);
	uint8_t page[PAGE];
	unsigned cell;
	FILE *in = fopen(f->path, "re");

	assert_non_null(in);
	assert_int_equal(fseeko(in, root, SEEK_SET), 0);
	assert_int_equal(fread(page, 1, sizeof(page), in), sizeof(page));
	fclose(in);
	assert_int_equal(page[0], 0x05);
	cell = number_at(page + 3, 2) / 2;
	return (off_t)(number_at(page + number_at(page + 12 + 2 * cell, 2), 4) - 1) * PAGE;
}

struct taken {
	unsigned n;
	uint64_t first, last;
};

static int take_id(void *ctx, uint64_t id, const uint8_t *record, size_t len)
{
	struct taken *taken = ctx;

	(void)record;
	(void)len;
	if (taken->n++ == 0)
		taken->first = id;
	taken->last = id;
	return 0;
}

/* A page in the middle of the live rows: those on both sides of it are taken over. */
static void both_sides_of_a_torn_page(void **state)
{
	struct taken taken = {0};
	struct fixture *f = *state;
	uint64_t id;

	open_sealed(f);
	for (id = 1; id <= 2000; id++)
		assert_int_equal(append(f, id - 1, 1000, id, true), 0);
	WAIT_UNTIL(f, f->done == 2000);
	close_ledger(f);
	tear(f->path, root_of(f, "session_live"), PAGE);
	tear(f->path, middle_of(f, "session"), PAGE);
	open_sealed(f);
	assert_int_equal(ledger_load(f->ledger, take_id, &taken), 0);
	assert_int_equal(taken.first, 1);
	assert_int_equal(taken.last, 2000);
	assert_in_range(taken.n, 1700, 1999);
	assert_int_equal(ledger_last_id(f->ledger), 2000);
}

/* Not a byte of it makes sense: what is left is the secret beside it. */
static void nothing_is_left(void **state)
{
	static const char words[] = "the key that was to sign the next one is ";
	struct fixture *f = *state;
	char ignored[SEAL_HEAD_TEXT], next[SEAL_KEY_HEX + 1], key[SEAL_KEY_HEX + 1];
	char want[sizeof(words) + SEAL_KEY_HEX];
	const char *at;
	struct text t;

	make(f, ignored);
	first_key(f, key);
	checkpoint(f, ignored);
	t = export_all(f);
	at = memrchr(t.data, '{', t.len);
	at = strstr(at, "\"next_key\":\"");
	snprintf(next, sizeof(next), "%s", at + strlen("\"next_key\":\""));
	free(t.data);
	close_ledger(f);
	tear(f->path, 0, PAGE);
	open_sealed(f);
	assert_live(f, "");
	snprintf(want, sizeof(want), "%s%s", words, next);
	assert_good(f, want, NULL);
}

/* A start that was killed when the old file was set aside and the new one not yet begun. */
static void cut_off_between(void **state)
{
	struct fixture *f = *state;
	char anchor[SEAL_HEAD_TEXT], aside[160], away[160];

	make(f, anchor);
	close_ledger(f);
	head_of(f, anchor);
	snprintf(aside, sizeof(aside), "%s.damaged", f->path);
	assert_int_equal(rename(f->path, aside), 0);
	open_sealed(f);
	assert_true(exists(f, ".corrupt-1"));
	assert_false(exists(f, ".damaged"));
	assert_live(f, "1 2");
	assert_good(f, "set aside as ledger.db.corrupt-1", anchor);
	close_ledger(f);
	/* or when it was begun, and the old one not yet put away */
	snprintf(away, sizeof(away), "%s.corrupt-1", f->path);
	assert_int_equal(rename(away, aside), 0);
	open_sealed(f);
	assert_live(f, "1 2");
	assert_true(exists(f, ".corrupt-1"));
	assert_false(exists(f, ".damaged"));
	assert_int_equal(count_of_lines(f, "ledger_started"), 1);
}

/* An index page goes bad under the running ledger, after it went out of the cache. */
static void go_bad(struct fixture *f, char last[SEAL_HEAD_TEXT])
{
	char ignored[SEAL_HEAD_TEXT];
	off_t at;

	make(f, ignored);
	close_ledger(f);
	at = root_of(f, "session_live");
	open_sealed(f);
	append_some(f, 40000);
	checkpoint(f, last);
	tear(f->path, at, PAGE);
}

/* In the middle of the work: who waits is told that it is on disk, in the new one. */
static void found_while_working(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats stats;
	char last[SEAL_HEAD_TEXT], young[SEAL_HEAD_TEXT], old[SEAL_KEY_HEX + 1],
		key[SEAL_KEY_HEX + 1];
	unsigned want;
	struct text t;

	go_bad(f, last);
	first_key(f, old);
	want = f->done + 1;
	assert_int_equal(append(f, f->expect, 1000, 1, false), 0);
	WAIT_UNTIL(f, f->done == want);
	assert_int_equal(f->failed, 0);
	assert_true(exists(f, ".corrupt-1"));
	ledger_stats(f->ledger, &stats);
	assert_false(stats.failing);
	assert_int_equal(stats.lost, 0);
	append_some(f, 10);
	checkpoint(f, young);
	first_key(f, key);
	assert_string_not_equal(key, old);
	assert_good(f, "is malformed) and was set aside as ledger.db.corrupt-1", last);
	t = export_all(f);
	assert_null(wrong_with(t.data, t.len, key, young, NULL));
	free(t.data);
	close_ledger(f);
	open_sealed(f);
	assert_live(f, "2");
}

/* And the disk is full at that moment: nothing is lost, and it begins when there is room. */
static void no_room_for_another(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats stats;
	char last[SEAL_HEAD_TEXT];
	unsigned want;
	int i;

	go_bad(f, last);
	want = f->done;
	faulty.write_error = SQLITE_FULL;
	for (i = 0; i < 100; i++)
		assert_int_equal(append(f, f->expect + (unsigned)i, 1000, 1, false), 0);
	WAIT_UNTIL(f, f->failed == 100);
	assert_int_equal(f->done, want);
	ledger_stats(f->ledger, &stats);
	assert_true(stats.failing);
	assert_int_equal(stats.queued, 100);
	/* who reads is told that it cannot be read */
	assert_true(read_result(f) < 0);
	faulty.write_error = 0;
	WAIT_UNTIL(f, (ledger_stats(f->ledger, &stats), stats.queued == 0));
	assert_int_equal(stats.lost, 0);
	assert_int_equal(count_of_lines(f, "session_refused"), 100);
	assert_good(f, "its last checkpoint is", last);
	close_ledger(f);
	open_sealed(f);
	assert_live(f, "2");
}

/* What cannot be read is told to who asks, and no reason to stop writing. */
static void read_fails(void **state)
{
	struct fixture *f = *state;
	char ignored[SEAL_HEAD_TEXT];
	struct ledger_stats stats;

	make(f, ignored);
	append_some(f, 40000);
	faulty.read_error = SQLITE_IOERR_READ;
	assert_int_equal(read_result(f), -EIO);
	faulty.read_error = 0;
	assert_int_equal(read_result(f), 0);
	append_some(f, 1);
	ledger_stats(f->ledger, &stats);
	assert_false(stats.failing);
	assert_false(exists(f, ".corrupt-1"));
	/* nor one to begin anew at a start */
	close_ledger(f);
	faulty.read_error = SQLITE_IOERR_READ;
	assert_int_equal(ledger_open(f->dir, f->loop, &f->ledger), -EIO);
	faulty.read_error = 0;
	open_sealed(f);
	assert_live(f, "1 2");
	assert_false(exists(f, ".corrupt-1"));
}

/* A write that comes to an end in the middle of a page leaves nothing that is believed. */
static void short_writes(void **state)
{
	struct fixture *f = *state;
	char ignored[SEAL_HEAD_TEXT];
	struct ledger_stats stats;
	unsigned want;
	int i;

	make(f, ignored);
	for (i = 1; i < 6; i++) {
		want = f->failed + 1;
		faulty.short_writes = i;
		assert_int_equal(append(f, f->expect, 1000, 0, true), 0);
		WAIT_UNTIL(f, f->failed == want);
		WAIT_UNTIL(f, (ledger_stats(f->ledger, &stats), stats.queued == 0));
	}
	assert_int_equal(count_of_lines(f, "session_refused"), 553 + 5);
	close_ledger(f);
	open_sealed(f);
	assert_live(f, "1 2");
	assert_int_equal(count_of_lines(f, "session_refused"), 553 + 5);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, heal)
	const struct CMUnitTest tests[] = {
		TEST(torn_page),
		TEST(index_is_torn),
		TEST(both_sides_of_a_torn_page),
		TEST(nothing_is_left),
		TEST(cut_off_between),
		TEST(found_while_working),
		TEST(no_room_for_another),
		TEST(read_fails),
		TEST(short_writes),
	};

	if (faulty_install() != SQLITE_OK || sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("ledger_damage", tests, NULL, NULL);
}
