#include <string.h>

#include "tests/unit/seeded.h"

#include "sessd/tries.h"

#define START (1000 * NS_PER_SEC)
#define ANNA  1000
#define BEN   1001
#define ONE   (TRIES_WINDOW / TRIES_MAX)

static struct tries tries;

static int forget(void **state)
{
	(void)state;
	memset(&tries, 0, sizeof(tries));
	return 0;
}

/* How many in a row are allowed. */
static unsigned spend(uid_t uid, uint64_t now)
{
	unsigned n = 0;

	while (n < 100 && tries_take(&tries, uid, now) == TRIES_ALLOWED)
		n++;
	return n;
}

static void so_many_at_once(void **state)
{
	(void)state;
	assert_int_equal(spend(ANNA, START), TRIES_MAX);
	assert_int_equal(spend(BEN, START), TRIES_MAX);
	assert_int_equal(spend(0, START), TRIES_MAX);
}

static void then_one_by_one(void **state)
{
	(void)state;
	spend(ANNA, START);
	assert_int_equal(spend(ANNA, START + ONE - 1), 0);
	assert_int_equal(spend(ANNA, START + ONE), 1);
	assert_int_equal(spend(ANNA, START + 3 * ONE), 2);
	/* never more than there may be at once, however long he waited */
	assert_int_equal(spend(ANNA, START + 100 * TRIES_WINDOW), TRIES_MAX);
}

/* No stretch of a window has more than what is there at once and what came back meanwhile. */
static void never_more_in_a_window(void **state)
{
	uint64_t now = START, taken[400];
	unsigned n = 0, i, first = 0;

	(void)state;
	seed();
	for (i = 0; i < 400; i++) {
		now += any(2 * ONE);
		if (tries_take(&tries, ANNA, now) == TRIES_ALLOWED)
			taken[n++] = now;
	}
	assert_true(n > 50);
	for (i = 0; i < n; i++) {
		while (taken[first] + TRIES_WINDOW <= taken[i])
			first++;
		assert_true(i - first + 1 <= 2 * TRIES_MAX);
	}
}

static void told_once(void **state)
{
	unsigned i;

	(void)state;
	spend(ANNA, START);
	/* the one that ended the spending was told */
	for (i = 0; i < 10; i++)
		assert_int_equal(tries_take(&tries, ANNA, START), TRIES_NONE_LEFT);
	assert_int_equal(tries_take(&tries, ANNA, START + ONE), TRIES_ALLOWED);
	assert_int_equal(tries_take(&tries, ANNA, START + ONE), TRIES_REFUSED);
	assert_int_equal(tries_take(&tries, ANNA, START + ONE), TRIES_NONE_LEFT);
}

static void success_is_free(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 50; i++) {
		assert_int_equal(tries_take(&tries, ANNA, START), TRIES_ALLOWED);
		tries_give_back(&tries, ANNA, START);
	}
	/* and gives back no more than itself */
	assert_int_equal(spend(ANNA, START), TRIES_MAX);
	tries_give_back(&tries, ANNA, START);
	assert_int_equal(spend(ANNA, START), 1);
	/* of somebody of whom nothing is known it gives nothing */
	tries_give_back(&tries, BEN, START);
	assert_int_equal(spend(BEN, START), TRIES_MAX);
	/* nor to one whose debt is a part of a try */
	tries_give_back(&tries, BEN, START + TRIES_WINDOW - 1);
	assert_int_equal(spend(BEN, START + TRIES_WINDOW), TRIES_MAX);
}

/* When all places are taken, no other one tries; when one is free, he does. */
static void places(void **state)
{
	uid_t uid;

	(void)state;
	for (uid = 1; uid <= TRIES_USERS; uid++)
		assert_int_equal(tries_take(&tries, uid, START + uid), TRIES_ALLOWED);
	assert_int_equal(tries_take(&tries, TRIES_USERS + 1, START + TRIES_USERS), TRIES_NONE_LEFT);
	assert_int_equal(tries_take(&tries, 7, START + TRIES_USERS), TRIES_ALLOWED);
	assert_int_equal(tries_take(&tries, TRIES_USERS + 1, START + 1 + ONE), TRIES_ALLOWED);
	/* nobody lost his for it */
	assert_int_equal(spend(7, START + 1 + ONE), TRIES_MAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(so_many_at_once, forget),
		cmocka_unit_test_setup(then_one_by_one, forget),
		cmocka_unit_test_setup(never_more_in_a_window, forget),
		cmocka_unit_test_setup(told_once, forget),
		cmocka_unit_test_setup(success_is_free, forget),
		cmocka_unit_test_setup(places, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
