/* What is asked of a ledger that works: order, groups, the chain, reads, a restart. */
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/ledger_fixture.h"

#include <errno.h>
#include <sys/stat.h>

static void keep_line(void *ctx, const char *line)
{
	snprintf(ctx, 2048, "%s", line);
}

static void first_start(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats stats;
	char line[2048];
	struct stat st;

	umask(0);
	open_ledger(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ledger_last_id(f->ledger), 0);
	ledger_stats(f->ledger, &stats);
	assert_int_equal(stats.seq, 1);
	assert_int_equal(stats.queued, 0);
	assert_string_equal(stats.path, f->path);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, keep_line, line), 1);
	assert_non_null(strstr(line, "\"event\":\"ledger_started\",\"text\":\"first start\"}"));
}

static void missing_folder(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ledger_open("/nonexistent/folder", f->loop, &f->ledger), -ENOENT);
}

struct order {
	uint64_t next; /* number of the next line; 0 is the ledger's own first one */
};

static void check_order(void *ctx, const char *line)
{
	struct order *order = ctx;

	assert_int_equal(member(line, "limit"), order->next);
	assert_int_equal(member(line, "seq"), order->next + 1);
	order->next++;
}

static void appends_in_order(void **state)
{
	struct fixture *f = *state;
	struct order order = {0};
	struct ledger_stats stats;
	uint64_t i;

	open_ledger(f);
	f->expect = 1;
	for (i = 1; i <= 2000; i++)
		assert_int_equal(append(f, i, 1000, i, true), 0);
	WAIT_UNTIL(f, f->done == 2000);
	assert_int_equal(f->failed, 0);
	ledger_stats(f->ledger, &stats);
	assert_int_equal(stats.seq, 2001);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(stats.lost, 0);
	assert_true(stats.commits >= 2000 / 512);
	assert_int_equal(ledger_last_id(f->ledger), 2000);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, check_order, &order), 2001);
}

static void add_ns(void *ctx, uint64_t ns)
{
	unsigned *timings = ctx;

	assert_true(ns > 0);
	(*timings)++;
}

static void count_commit(void *ctx)
{
	(*(unsigned *)ctx)++;
}

/* What comes while a commit runs goes into the next one, together. */
static void groups_commits(void **state)
{
	struct fixture *f = *state;
	unsigned timings = 0, told = 0;
	struct ledger_stats stats;
	uint64_t i;

	open_ledger(f);
	ledger_on_timing(f->ledger, add_ns, &timings);
	ledger_on_commit(f->ledger, count_commit, &told);
	pthread_mutex_lock(&faulty.gate);
	assert_int_equal(append(f, 0, 1000, 0, true), 0);
	faulty_await(&faulty.waiting);
	for (i = 1; i <= 300; i++)
		assert_int_equal(append(f, i, 1000, 0, true), 0);
	ledger_stats(f->ledger, &stats);
	assert_int_equal(stats.queued, 301);
	assert_int_equal(f->done, 0);
	pthread_mutex_unlock(&faulty.gate);
	WAIT_UNTIL(f, f->done == 301);
	ledger_stats(f->ledger, &stats);
	assert_int_equal(stats.commits, 2);
	assert_int_equal(timings, 2);
	assert_true(told == 1 || told == 2);
}

static void count_uid(void *ctx, const char *line)
{
	assert_int_equal(member(line, "uid"), *(uid_t *)ctx);
}

/* More than one slice and one page; the events of one user among those of another. */
static void reads_by_user(void **state)
{
	static const struct {
		uid_t uid;
		unsigned lines;
	} rows[] = {{LEDGER_ALL_UIDS, 9001}, {1000, 8996}, {0, 2}, {1001, 2}, {1002, 0}};
	struct fixture *f = *state;
	struct copy copy;
	uid_t uid;
	size_t i;

	open_ledger(f);
	for (i = 0; i < 9000; i++) {
		uid = i == 0 || i == 8000 ? 0 : i == 4500 || i == 8999 ? 1001 : 1000;
		assert_int_equal(append(f, i, uid, 0, true), 0);
	}
	WAIT_UNTIL(f, f->done == 9000);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uid = rows[i].uid;
		assert_int_equal(each_line(f, uid, uid == LEDGER_ALL_UIDS ? NULL : count_uid, &uid),
			rows[i].lines);
	}
	/* who has nothing need not look there again */
	read_page(f, false, 0, 1002, &copy);
	assert_int_equal(copy.page.last, 9001);
	read_page(f, false, UINT64_MAX, LEDGER_ALL_UIDS, &copy);
	assert_int_equal(copy.page.len, 0);
}

/* The ids of a page of ended sessions; moves *before. */
static void append_ids(struct fixture *f, uint64_t *before, uid_t uid, char *list, bool *more)
{
	struct copy copy;
	const char *at;
	char want[40];
	uint64_t id;
	uint32_t n;

	read_page(f, true, *before, uid, &copy);
	for (at = copy.body; at < copy.body + copy.page.len; at += 12 + n) {
		memcpy(&id, at, 8);
		memcpy(&n, at + 8, 4);
		snprintf(want, sizeof(want), "ended of %llu", (unsigned long long)id);
		assert_int_equal(n, strlen(want));
		assert_memory_equal(at + 12, want, n);
		if (list != NULL)
			sprintf(list + strlen(list), "%s%llu", *list ? " " : "",
				(unsigned long long)id);
		assert_true(*before == 0 || id < *before);
		*before = id;
	}
	*more = copy.page.more;
	assert_int_equal(copy.page.last, *before);
}

static void reads_ended(void **state)
{
	struct fixture *f = *state;
	uint64_t i, before = 0, n = 0;
	char list[100] = "";
	bool more;

	open_ledger(f);
	for (i = 1; i <= 6; i++)
		assert_int_equal(append(f, f->expect + i - 1, 1000 + i % 2, i, true), 0);
	for (i = 1; i <= 5; i++)
		assert_int_equal(append(f, f->expect + i + 5, 1000 + i % 2, i, false), 0);
	WAIT_UNTIL(f, f->done == 11);
	append_ids(f, &before, LEDGER_ALL_UIDS, list, &more);
	assert_string_equal(list, "5 4 3 2 1");
	assert_false(more);
	before = 4;
	list[0] = '\0';
	append_ids(f, &before, 1001, list, &more);
	assert_string_equal(list, "3 1");
	/* over several pages */
	for (i = 7; i <= 3000; i++)
		assert_int_equal(append(f, 11 + i - 7, 1001, i, false), 0);
	WAIT_UNTIL(f, f->done == 11 + 2994);
	for (before = 0, more = true; more; n++)
		append_ids(f, &before, LEDGER_ALL_UIDS, NULL, &more);
	assert_int_equal(before, 1);
	assert_true(n >= 2);
}

static void restarts(void **state)
{
	struct fixture *f = *state;
	struct order order = {0};
	uint64_t i;

	f->expect = 1;
	open_ledger(f);
	assert_live(f, "");
	for (i = 1; i <= 5; i++)
		assert_int_equal(append(f, i, 1000, i, true), 0);
	assert_int_equal(append(f, 6, 1000, 2, false), 0);
	assert_int_equal(append(f, 7, 1000, 3, false), 0);
	WAIT_UNTIL(f, f->done == 7);
	close_ledger(f);
	open_ledger(f);
	assert_live(f, "1 4 5");
	assert_int_equal(ledger_last_id(f->ledger), 5);
	assert_int_equal(append(f, 8, 1000, 4, false), 0);
	WAIT_UNTIL(f, f->done == 8);
	close_ledger(f);
	open_ledger(f);
	assert_live(f, "1 5");
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, check_order, &order), 9);
}

static void quiet(void *ctx, int result)
{
	(void)ctx;
	(void)result;
	fail_msg("a callback came from ledger_close()");
}

/* Closing writes what waits and calls nobody. */
static void close_drains(void **state)
{
	struct fixture *f = *state;
	struct entry e;
	unsigned i;

	open_ledger(f);
	entry_init(&e, ENTRY_CONFIG_LOADED, 1);
	for (i = 0; i < 1500; i++)
		assert_int_equal(
			ledger_append(f->ledger, &e, LEDGER_ALL_UIDS, NULL, quiet, NULL), 0);
	close_ledger(f);
	open_ledger(f);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, NULL, NULL), 1501);
}

static void one_connection(void **state)
{
	struct fixture *f = *state;
	struct ledger *second = NULL;

	open_ledger(f);
	assert_int_equal(ledger_open(f->dir, f->loop, &second), -EBUSY);
	assert_null(second);
}

static void long_record(void **state)
{
	static uint8_t record[LEDGER_RECORD_MAX + 1];
	struct ledger_row row = {.id = 1, .uid = 7, .record = record, .len = sizeof(record)};
	struct fixture *f = *state;
	struct copy copy;
	struct entry e;

	open_ledger(f);
	entry_init(&e, ENTRY_SESSION_ENDED, 1);
	assert_int_equal(ledger_append(f->ledger, &e, 7, &row, NULL, NULL), -EMSGSIZE);
	row.len--;
	assert_int_equal(ledger_append(f->ledger, &e, 7, &row, NULL, NULL), 0);
	read_page(f, true, 0, 7, &copy);
	assert_int_equal(copy.page.len, LEDGER_PAGE);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_start),
		TEST(missing_folder),
		TEST(appends_in_order),
		TEST(groups_commits),
		TEST(reads_by_user),
		TEST(reads_ended),
		TEST(restarts),
		TEST(close_drains),
		TEST(one_connection),
		TEST(long_record),
	};

	if (faulty_install() != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
