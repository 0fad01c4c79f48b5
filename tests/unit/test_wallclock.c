#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/duration.h"
#include "sessd/wallclock.h"

#define S    NS_PER_SEC
#define HOUR (3600 * S)
#define YEAR (365 * 24 * HOUR)

/* The wall clock when the machine came up. */
#define UP (50 * YEAR)

/* What clock_boot() was when the wall clock showed `wall`; it is `now` now. */
#define assert_when(w, wall, now, boot) assert_int_equal(wallclock_to_boot(w, wall, now), boot)

static void one_era(void **state)
{
	struct wallclock w;

	(void)state;
	wallclock_init(&w, UP + HOUR, HOUR);
	assert_when(&w, UP + HOUR, HOUR, HOUR);
	assert_when(&w, UP + 1, 2 * HOUR, 1);
	assert_when(&w, UP, 2 * HOUR, 0);
	/* what was before the machine came up, as the terminal of a console may say */
	assert_when(&w, UP - 1, 2 * HOUR, 0);
	assert_when(&w, 0, 2 * HOUR, 0);
}

/* Who sets his access time into the future has typed just now, and no later. */
static void the_future(void **state)
{
	struct wallclock w;

	(void)state;
	wallclock_init(&w, UP, 0);
	assert_when(&w, UP + 2 * HOUR + 1, 2 * HOUR, 2 * HOUR);
	assert_when(&w, UP + 9 * YEAR, 2 * HOUR, 2 * HOUR);
	assert_when(&w, UINT64_MAX, 2 * HOUR, 2 * HOUR);
}

static void nobody_set_it(void **state)
{
	struct wallclock w;

	(void)state;
	wallclock_init(&w, UP, 0);
	/* as if the reader had been held up between the two */
	assert_false(wallclock_note(&w, UP + HOUR + S - 1, HOUR));
	assert_false(wallclock_note(&w, UP + 2 * HOUR, 2 * HOUR));
	assert_int_equal(w.n, 1);
	assert_when(&w, UP + HOUR, 2 * HOUR, HOUR);
}

static void forward_by_years(void **state)
{
	struct wallclock w;

	(void)state;
	wallclock_init(&w, UP, 0);
	assert_true(wallclock_note(&w, UP + 10 * YEAR + HOUR, HOUR));
	/* typed before that, after it, and at a moment that was left out */
	assert_when(&w, UP + HOUR / 2, 2 * HOUR, HOUR / 2);
	assert_when(&w, UP + HOUR, 2 * HOUR, HOUR);
	assert_when(&w, UP + 10 * YEAR + HOUR, 2 * HOUR, HOUR);
	assert_when(&w, UP + 10 * YEAR + HOUR + 7, 2 * HOUR, HOUR + 7);
	assert_when(&w, UP + 5 * YEAR, 2 * HOUR, 2 * HOUR);
	assert_when(&w, UP - YEAR, 2 * HOUR, 0);
}

static void back_by_years(void **state)
{
	struct wallclock w;

	(void)state;
	wallclock_init(&w, UP, 0);
	assert_true(wallclock_note(&w, UP - 10 * YEAR + HOUR, HOUR));
	assert_when(&w, UP + HOUR / 2, 2 * HOUR, HOUR / 2);
	assert_when(&w, UP - 10 * YEAR + HOUR + 7, 2 * HOUR, HOUR + 7);
	assert_when(&w, UP - 20 * YEAR, 2 * HOUR, 0);
}

/* Further back than the machine is up: then the wall clock minus the other is less than nothing. */
static void back_to_the_epoch(void **state)
{
	struct wallclock w;

	(void)state;
	wallclock_init(&w, UP, 0);
	assert_true(wallclock_note(&w, 5 * S, HOUR));
	assert_when(&w, 7 * S, 2 * HOUR, HOUR + 2 * S);
	assert_when(&w, UP + HOUR / 2, 2 * HOUR, HOUR / 2);
	assert_when(&w, 0, 2 * HOUR, 0);
	assert_when(&w, UINT64_MAX, 2 * HOUR, 2 * HOUR);
}

static void back_and_forth(void **state)
{
	struct wallclock w;

	(void)state;
	wallclock_init(&w, UP, 0);
	assert_true(wallclock_note(&w, UP + 10 * YEAR + HOUR, HOUR));
	assert_true(wallclock_note(&w, UP + 2 * HOUR, 2 * HOUR));
	assert_true(wallclock_note(&w, UP - 10 * YEAR + 3 * HOUR, 3 * HOUR));
	assert_true(wallclock_note(&w, UP + 4 * HOUR, 4 * HOUR));
	assert_when(&w, UP + HOUR / 2, 5 * HOUR, HOUR / 2);
	assert_when(&w, UP + 10 * YEAR + HOUR + 7, 5 * HOUR, HOUR + 7);
	assert_when(&w, UP + 2 * HOUR + 7, 5 * HOUR, 2 * HOUR + 7);
	assert_when(&w, UP - 10 * YEAR + 3 * HOUR + 7, 5 * HOUR, 3 * HOUR + 7);
	assert_when(&w, UP + 4 * HOUR + 7, 5 * HOUR, 4 * HOUR + 7);
	/* the clock never showed that */
	assert_when(&w, UP + HOUR + HOUR / 2, 5 * HOUR, 5 * HOUR);
}

/* The end of summer, by somebody who sets the clock for it: an hour that it shows twice. */
static void shown_twice(void **state)
{
	struct wallclock w;

	(void)state;
	wallclock_init(&w, UP, 0);
	assert_true(wallclock_note(&w, UP + HOUR, 2 * HOUR));
	/* half an hour later the second time has not come yet */
	assert_when(&w, UP + HOUR + HOUR * 3 / 4, 2 * HOUR + HOUR / 2, HOUR + HOUR * 3 / 4);
	assert_when(&w, UP + HOUR + HOUR / 4, 2 * HOUR + HOUR / 2, 2 * HOUR + HOUR / 4);
}

/* Set so often that the first eras are forgotten: what was then is taken for the youngest that it
 * can be. */
static void forgotten(void **state)
{
	struct wallclock w;
	uint64_t i;

	(void)state;
	wallclock_init(&w, UP, 0);
	for (i = 1; i <= WALLCLOCK_ERAS + 2; i++)
		assert_true(wallclock_note(&w, UP + i * YEAR + i * HOUR, i * HOUR));
	assert_int_equal(w.n, WALLCLOCK_ERAS);
	assert_when(&w, UP + HOUR / 2, 90 * HOUR, 3 * HOUR);
	assert_when(&w, UP + 2 * YEAR + 2 * HOUR + 7, 90 * HOUR, 3 * HOUR);
	assert_when(&w, UP + 3 * YEAR + 3 * HOUR + 7, 90 * HOUR, 3 * HOUR + 7);
	assert_when(&w, UP + 18 * YEAR + 50 * HOUR, 90 * HOUR, 50 * HOUR);
}

/* Whatever the clock was set to, however often: a moment is found again, or a younger one at which
 * the clock showed the same; never an older one. */
static void any_settings(void **state)
{
	struct wallclock w;
	uint64_t boot = 0, wall = UP, typed_at = 0, typed = UP, found;
	unsigned i, since = 0;

	(void)state;
	srandom(1);
	wallclock_init(&w, wall, boot);
	for (i = 0; i < 100000; i++) {
		uint64_t step = (uint64_t)random() % HOUR;

		boot += step;
		wall += step;
		if (random() % 3 == 0) {
			wall = (uint64_t)random() % 100 * YEAR + (uint64_t)random() % HOUR;
			since += wallclock_note(&w, wall, boot);
		}
		if (random() % 3 == 0 || since >= WALLCLOCK_ERAS) {
			typed = wall;
			typed_at = boot;
			since = 0;
		}
		found = wallclock_to_boot(&w, typed, boot);
		assert_in_range(found, typed_at, boot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_era),
		cmocka_unit_test(the_future),
		cmocka_unit_test(nobody_set_it),
		cmocka_unit_test(forward_by_years),
		cmocka_unit_test(back_by_years),
		cmocka_unit_test(back_to_the_epoch),
		cmocka_unit_test(back_and_forth),
		cmocka_unit_test(shown_twice),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(any_settings),
	};

	return cmocka_run_group_tests_name("wallclock", tests, NULL, NULL);
}
