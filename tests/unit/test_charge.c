#include "tests/unit/seeded.h"

#include "common/duration.h"
#include "sessd/charge.h"

#define COST  (NS_PER_SEC / CHARGE_RATE)
#define START (1000 * NS_PER_SEC)

/* How many requests in a row are let through, up to max. */
static unsigned spend(struct charge *charge, uint64_t now, unsigned max)
{
	unsigned n = 0;

	while (n < max && charge_request(charge, now))
		n++;
	return n;
}

static void release_all(struct charges *c, struct charge *charge, unsigned n)
{
	while (n-- > 0)
		charge_release(c, charge);
}

static void connections(void **state)
{
	struct charges c = {0};
	struct charge *anna = NULL, *ben;
	unsigned i;

	(void)state;
	for (i = 0; i < CHARGE_CONNECTIONS; i++) {
		anna = charge_connection(&c, 1000, START);
		assert_non_null(anna);
	}
	assert_null(charge_connection(&c, 1000, START));
	/* not even later: they are held, not used up */
	assert_null(charge_connection(&c, 1000, START + 3600 * NS_PER_SEC));

	ben = charge_connection(&c, 1001, START);
	assert_non_null(ben);
	assert_ptr_not_equal(ben, anna);

	charge_release(&c, anna);
	assert_ptr_equal(charge_connection(&c, 1000, START), anna);
	assert_null(charge_connection(&c, 1000, START));

	release_all(&c, anna, CHARGE_CONNECTIONS);
	charge_release(&c, ben);
	charges_fini(&c);
}

static void root_is_exempt(void **state)
{
	struct charges c = {0};
	struct charge *root = NULL;
	unsigned i;

	(void)state;
	for (i = 0; i < 10 * CHARGE_CONNECTIONS; i++) {
		root = charge_connection(&c, 0, START);
		assert_non_null(root);
	}
	assert_int_equal(spend(root, START, 10 * CHARGE_BURST), 10 * CHARGE_BURST);
	release_all(&c, root, 10 * CHARGE_CONNECTIONS);
	charges_fini(&c);
}

/* After a pause of so long, so many requests pass. From an empty bucket. */
static const struct {
	uint64_t pause;
	unsigned passed;
} refills[] = {
	{0, 0},
	{COST - 1, 0},
	{COST, 1},
	{2 * COST - 1, 1},
	{2 * COST, 2},
	{NS_PER_SEC / 10, CHARGE_RATE / 10},
	{NS_PER_SEC, CHARGE_RATE},
	{2 * NS_PER_SEC, CHARGE_BURST},
	{3600 * NS_PER_SEC, CHARGE_BURST},
	{DURATION_MAX, CHARGE_BURST},
};

static void token_bucket(void **state)
{
	struct charges c = {0};
	struct charge *charge;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refills) / sizeof(refills[0]); i++) {
		charge = charge_connection(&c, 1000, START);
		assert_non_null(charge);
		assert_int_equal(spend(charge, START, 2 * CHARGE_BURST), CHARGE_BURST);
		assert_int_equal(spend(charge, START + refills[i].pause, 2 * CHARGE_BURST),
			refills[i].passed);
		charge_release(&c, charge);
	}
	charges_fini(&c);
}

/* Asking in vain does not throw away what had been gathered. */
static void refill_in_parts(void **state)
{
	struct charges c = {0};
	struct charge *charge = charge_connection(&c, 1000, START);
	uint64_t now = START;
	unsigned i;

	(void)state;
	assert_non_null(charge);
	assert_int_equal(spend(charge, now, 2 * CHARGE_BURST), CHARGE_BURST);
	for (i = 0; i < 100; i++) {
		now += COST / 4;
		assert_int_equal(charge_request(charge, now), i % 4 == 3);
	}
	charge_release(&c, charge);
	charges_fini(&c);
}

/* Several connections do not give several buckets. */
static void one_bucket_a_user(void **state)
{
	struct charges c = {0};
	struct charge *a = charge_connection(&c, 1000, START);
	struct charge *b = charge_connection(&c, 1000, START);
	struct charge *other = charge_connection(&c, 1001, START);

	(void)state;
	assert_non_null(a);
	assert_ptr_equal(a, b);
	assert_int_equal(spend(a, START, 2 * CHARGE_BURST), CHARGE_BURST);
	assert_false(charge_request(b, START));
	assert_int_equal(spend(other, START, 2 * CHARGE_BURST), CHARGE_BURST);
	release_all(&c, a, 2);
	charge_release(&c, other);
	charges_fini(&c);
}

static void forgetting(void **state)
{
	struct charges c = {0};
	struct charge *a, *b;
	uid_t uid;

	(void)state;
	a = charge_connection(&c, 1000, START);
	b = charge_connection(&c, 1000, START);
	assert_ptr_equal(a, b);
	assert_int_equal(spend(a, START, 2 * CHARGE_BURST), CHARGE_BURST);
	/* one is left: what the uid owes is remembered */
	charge_release(&c, b);
	assert_false(charge_request(a, START));
	charge_release(&c, a);
	assert_int_equal(c.by_uid.n, 0);
	/* many users come and go: nothing piles up */
	for (uid = 1; uid < 1000; uid++) {
		a = charge_connection(&c, uid, START);
		assert_non_null(a);
		charge_release(&c, a);
		assert_int_equal(c.by_uid.n, 0);
	}
	charge_release(&c, NULL);
	charges_fini(&c);
}

static void finish(void *ctx)
{
	charges_fini(ctx);
}

/* The balance must be zero at the end. */
static void unbalanced(void **state)
{
	struct charges c = {0};
	struct charge *charge = charge_connection(&c, 1000, START);

	(void)state;
	assert_non_null(charge);
	assert_true(aborts(finish, &c));
	charge_release(&c, charge);
	charges_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections),
		cmocka_unit_test(root_is_exempt),
		cmocka_unit_test(token_bucket),
		cmocka_unit_test(refill_in_parts),
		cmocka_unit_test(one_bucket_a_user),
		cmocka_unit_test(forgetting),
		cmocka_unit_test(unbalanced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
