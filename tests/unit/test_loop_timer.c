#include "tests/unit/seeded.h"

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/loop.h"

#define TIMERS 500

struct fixture {
	struct loop *loop;
	struct loop_timer timers[TIMERS];
	struct mark {
		struct fixture *f;
		uint64_t at;
	} marks[TIMERS];
	unsigned calls;
	uint64_t last;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(loop_new(&f->loop), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(f->loop);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void in_order(void *ctx)
{
	struct mark *mark = ctx;

	assert_true(mark->at >= mark->f->last);
	mark->f->last = mark->at;
	mark->f->calls++;
}

/* All are over. Each was moved once, and some are cancelled. */
static void timers_in_order(void **state)
{
	struct fixture *f = *state;
	unsigned i, round, expected = 0;

	seed();
	for (round = 0; round < 2; round++) {
		for (i = 0; i < TIMERS; i++) {
			f->marks[i] = (struct mark){.f = f, .at = 1 + any(10000)};
			assert_int_equal(loop_timer_set(f->loop, &f->timers[i], f->marks[i].at,
						 in_order, &f->marks[i]),
				0);
		}
	}
	for (i = 0; i < TIMERS; i++) {
		if (any(3) == 0)
			loop_timer_cancel(f->loop, &f->timers[i]);
		else
			expected++;
	}
	/* in slices, see loop.c */
	for (i = 0; i < TIMERS && f->calls < expected; i++)
		turn(f);
	assert_int_equal(f->calls, expected);
	turn(f);
	assert_int_equal(f->calls, expected);
}

static void note_time(void *ctx)
{
	struct fixture *f = ctx;

	f->last = clock_boot();
	f->calls++;
}

/* Not before its time, and the loop wakes up for it by itself. A later and an earlier one too. */
static void timer_waits(void **state)
{
	struct fixture *f = *state;
	uint64_t now = clock_boot(), at = now + 3 * NS_PER_MS;

	assert_int_equal(loop_timer_set(f->loop, &f->timers[0], at, note_time, f), 0);
	assert_int_equal(
		loop_timer_set(f->loop, &f->timers[1], now + DURATION_MAX, note_time, f), 0);
	while (f->calls == 0)
		assert_int_equal(loop_turn(f->loop, 30000), 0);
	assert_true(f->last >= at);
	assert_int_equal(f->calls, 1);
	at = clock_boot() + NS_PER_MS;
	assert_int_equal(loop_timer_set(f->loop, &f->timers[2], at, note_time, f), 0);
	while (f->calls == 1)
		assert_int_equal(loop_turn(f->loop, 30000), 0);
	assert_true(f->last >= at);
	loop_timer_cancel(f->loop, &f->timers[1]);
}

static void again_at_once(void *ctx)
{
	struct fixture *f = ctx;

	f->calls++;
	assert_int_equal(loop_timer_set(f->loop, &f->timers[0], f->last, again_at_once, f), 0);
}

static void note_call(void *ctx)
{
	unsigned *n = ctx;

	++*n;
}

/* Set again and again for a time that is over, it runs once in each turn, and keeps no other from
 * running. */
static void timer_for_now(void **state)
{
	static const uint64_t past[] = {0, 1, 3};
	struct fixture *f = *state;
	unsigned i, others;

	for (i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		f->calls = others = 0;
		f->last = past[i];
		assert_int_equal(loop_timer_set(f->loop, &f->timers[0], 1, again_at_once, f), 0);
		assert_int_equal(loop_timer_set(f->loop, &f->timers[1], 2, note_call, &others), 0);
		assert_int_equal(loop_timer_set(f->loop, &f->timers[2], 3, note_call, &others), 0);
		turn(f);
		assert_int_equal(f->calls, 1);
		assert_int_equal(others, 2);
		assert_int_equal(loop_turn(f->loop, 30000), 0);
		assert_int_equal(f->calls, 2);
		loop_timer_cancel(f->loop, &f->timers[0]);
	}
}

static void cancel_all(void *ctx)
{
	struct fixture *f = ctx;
	unsigned i;

	f->calls++;
	for (i = 0; i < TIMERS; i++)
		loop_timer_cancel(f->loop, &f->timers[i]);
}

static void timer_cancels(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < TIMERS; i++)
		assert_int_equal(loop_timer_set(f->loop, &f->timers[i], 1, cancel_all, f), 0);
	turn(f);
	turn(f);
	assert_int_equal(f->calls, 1);
	loop_timer_cancel(f->loop, &f->timers[0]);
}

int main(void)
{
#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_LOOP(timers_in_order),
		WITH_LOOP(timer_waits),
		WITH_LOOP(timer_for_now),
		WITH_LOOP(timer_cancels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
