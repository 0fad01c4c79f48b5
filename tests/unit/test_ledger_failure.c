/* A database that cannot be written: nobody waits, nothing is forgotten silently. */
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/ledger_fixture.h"

#include <errno.h>

static int heal(void **state)
{
	faulty.write_error = faulty.sync_error = 0;
	return fixture_teardown(state);
}

struct order {
	uint64_t next;
	uint64_t gap;  /* number at which a gap stands; 0: none */
	uint64_t lost; /* in it */
};

static void check_order(void *ctx, const char *line)
{
	struct order *order = ctx;

	if (strstr(line, "\"event\":\"ledger_gap\"") != NULL) {
		order->gap = order->next;
		order->lost += member(line, "count");
		return;
	}
	assert_int_equal(member(line, "limit"), order->next);
	order->next++;
}

static const struct fault {
	const char *name;
	int write_error, sync_error;
	int result;
	const char *words;
} faults[] = {
	{"full", SQLITE_FULL, 0, -ENOSPC, "database or disk is full"},
	{"write", SQLITE_IOERR_WRITE, 0, -EIO, "disk I/O error"},
	{"sync", 0, SQLITE_IOERR_FSYNC, -EIO, "disk I/O error"},
	{"read-only", SQLITE_READONLY, 0, -EROFS, "attempt to write a readonly database"},
};

static void set_fault(const struct fault *fault)
{
	faulty.tries = 0;
	faulty.write_error = fault->write_error;
	faulty.sync_error = fault->sync_error;
}

/* Each error: told at once, kept, written when it is over; in order and once. */
static void told_and_retried(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats stats;
	struct order order = {0};
	uint64_t number = 1;
	size_t i, k;

	open_ledger(f);
	f->expect = 1;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		f->done = f->failed = 0;
		set_fault(&faults[i]);
		for (k = 0; k < 700; k++)
			assert_int_equal(append(f, number++, 1000, 0, true), 0);
		WAIT_UNTIL(f, f->failed == 700);
		assert_int_equal(f->result, faults[i].result);
		/* and who comes now does not wait for a try */
		assert_int_equal(append(f, number++, 1000, 0, true), 0);
		WAIT_UNTIL(f, f->failed == 701);
		assert_int_equal(f->done, 0);
		ledger_stats(f->ledger, &stats);
		assert_true(stats.failing);
		assert_int_equal(stats.queued, 701);
		assert_non_null(strstr(stats.error, faults[i].words));
		/* reads go on */
		assert_int_equal(each_line(f, LEDGER_ALL_UIDS, NULL, NULL), stats.seq);

		faulty.write_error = faulty.sync_error = 0;
		WAIT_UNTIL(f, (ledger_stats(f->ledger, &stats), stats.queued == 0));
		assert_false(stats.failing);
		assert_string_equal(stats.error, "");
		assert_int_equal(stats.lost, 0);
		assert_true(stats.errors >= i + 1);
		/* a try writes little, and there are few of them */
		assert_true(faulty.tries < 1000);
		assert_int_equal(append(f, number++, 1000, 0, true), 0);
		WAIT_UNTIL(f, f->done == 1);
	}
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, check_order, &order), number);
	assert_int_equal(order.next, number);
}

/*
 * The queue overflows. Session 1 is on disk; 2 opens in the queue; 3 and 4 open in the gap, and of
 * these 4 ends in it, as do 1 and 2. After it all, 3 alone lives.
 */
static void overflow(void **state)
{
	static const struct {
		uint64_t id;
		bool live;
	} gap[] = {{3, true}, {4, true}, {1, false}, {4, false}, {2, false}, {5, false}};
	struct fixture *f = *state;
	struct ledger_stats stats;
	struct order order = {0};
	struct copy copy;
	uint64_t i, number;
	unsigned failed;

	open_ledger(f);
	f->expect = 1;
	assert_int_equal(append(f, 1, 1000, 1, true), 0);
	WAIT_UNTIL(f, f->done == 1);
	set_fault(&faults[0]);
	assert_int_equal(append(f, 2, 1000, 2, true), 0);
	WAIT_UNTIL(f, f->failed == 1);
	for (number = 3; number < LEDGER_QUEUE_MAX + 2; number++)
		assert_int_equal(append(f, number, 1000, 0, true), 0);
	for (i = 0; i < sizeof(gap) / sizeof(gap[0]); i++)
		assert_int_equal(append(f, 0, 1000, gap[i].id, gap[i].live), -ENOSPC);
	ledger_stats(f->ledger, &stats);
	assert_int_equal(stats.lost, 6);
	assert_int_equal(stats.queued, LEDGER_QUEUE_MAX + 1);

	failed = LEDGER_QUEUE_MAX;
	WAIT_UNTIL(f, f->failed == failed);
	faulty.write_error = 0;
	WAIT_UNTIL(f, (ledger_stats(f->ledger, &stats), stats.queued == 0));
	assert_int_equal(append(f, number, 1000, 0, true), 0);
	WAIT_UNTIL(f, f->done == 2);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, check_order, &order), number + 2);
	assert_int_equal(order.gap, number);
	assert_int_equal(order.lost, 6);
	close_ledger(f);
	open_ledger(f);
	assert_live(f, "3");
	/* 4 and 5 both began and ended in the gap: nothing is left of them */
	read_page(f, true, 0, 1000, &copy);
	assert_int_equal(copy.page.len, 2 * (12 + strlen("ended of 1")));
}

/* Closing while it fails tries once more, and ends. */
static void close_while_failing(void **state)
{
	struct fixture *f = *state;
	uint64_t i;

	open_ledger(f);
	f->expect = 1;
	set_fault(&faults[0]);
	for (i = 1; i <= 2000; i++)
		assert_int_equal(append(f, i, 1000, 0, true), 0);
	WAIT_UNTIL(f, f->failed == 2000);
	close_ledger(f);
	faulty.write_error = 0;
	open_ledger(f);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, NULL, NULL), 1);
}

/* The one more try does write, where it can. */
static void close_after_healing(void **state)
{
	struct fixture *f = *state;
	uint64_t i;

	open_ledger(f);
	f->expect = 1;
	set_fault(&faults[2]);
	for (i = 1; i <= 2000; i++)
		assert_int_equal(append(f, i, 1000, i, true), 0);
	WAIT_UNTIL(f, f->failed == 2000);
	faulty.sync_error = 0;
	close_ledger(f);
	open_ledger(f);
	assert_int_equal(ledger_last_id(f->ledger), 2000);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, NULL, NULL), 2001);
}

/* A first start on a full disk fails, and the next one begins as if it had not been. */
static void first_start_fails(void **state)
{
	struct fixture *f = *state;

	set_fault(&faults[0]);
	assert_int_equal(ledger_open(f->dir, f->loop, &f->ledger), -ENOSPC);
	assert_null(f->ledger);
	faulty.write_error = 0;
	open_ledger(f);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, NULL, NULL), 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, heal)
	const struct CMUnitTest tests[] = {
		TEST(told_and_retried),
		TEST(overflow),
		TEST(close_while_failing),
		TEST(close_after_healing),
		TEST(first_start_fails),
	};

	if (faulty_install() != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests_name("ledger_failure", tests, NULL, NULL);
}
