/* What core tells of the limits of a login that nobody makes. */
#include "tests/unit/core_fixture.h"

#include "common/duration.h"

#define LIMITS_MAX 16

struct request {
	struct answer answer;
	struct wire_limit limits[LIMITS_MAX];
	size_t n;
	bool done;
};

static void note(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct request *r = (struct request *)(void *)answer;

	assert_false(r->done);
	if (type == WIRE_limit) {
		assert_false(last);
		assert_true(r->n < LIMITS_MAX);
		r->limits[r->n++] = *(const struct wire_limit *)msg;
		return;
	}
	assert_int_equal(type, WIRE_done);
	assert_true(last);
	assert_int_equal(((const struct wire_done *)msg)->count, r->n);
	r->done = true;
}

static void explain(struct world *w, struct request *r, uid_t uid, const char *service)
{
	struct wire_explain ask = {.uid = uid};

	snprintf(ask.user, sizeof(ask.user), "%s", uid == ANNA ? "anna" : "ben");
	snprintf(ask.service, sizeof(ask.service), "%s", service);
	*r = (struct request){.answer.fn = note};
	core_explain(w->core, &ask, &r->answer);
	assert_true(r->done);
	assert_true(r->n > 0);
	assert_string_equal(r->limits[0].what, "class");
}

static const struct wire_limit *limit(const struct request *r, size_t i, const char *what)
{
	assert_true(i < r->n);
	assert_string_equal(r->limits[i].what, what);
	return &r->limits[i];
}

static void each_with_its_policy(void **state)
{
	struct world *w = *state;
	const struct wire_limit *l;
	struct request r;

	POLICIES(w,
		{.name = one,
			.any_group = true,
			.max_sessions = 5,
			.lifetime = 2 * NS_PER_SEC,
			.max_lifetime = 8 * NS_PER_SEC,
			.idle = 4 * NS_PER_SEC,
			.warn = NS_PER_SEC,
			.grace = 9 * NS_PER_SEC},
		{.name = two,
			.any_group = true,
			.services = only_sshd,
			.max_sessions = 2,
			.at_limit = AT_LIMIT_EVICT_IDLEST,
			.lifetime = 3 * NS_PER_SEC,
			.max_lifetime = 7 * NS_PER_SEC,
			.idle = 5 * NS_PER_SEC,
			.warn = 2 * NS_PER_SEC,
			.grace = 8 * NS_PER_SEC},
		{.name = three, .any_group = true, .users = only_anna, .max_sessions = 1});
	explain(w, &r, BEN, sshd);
	assert_int_equal(r.n, 9);
	assert_int_equal(r.limits[0].class, CLASS_LOGIN);
	l = limit(&r, 1, "lifetime");
	assert_string_equal(l->policy, "one");
	assert_int_equal(l->time, 2 * NS_PER_SEC);
	l = limit(&r, 2, "max_lifetime");
	assert_string_equal(l->policy, "two");
	assert_int_equal(l->time, 7 * NS_PER_SEC);
	l = limit(&r, 3, "idle");
	assert_string_equal(l->policy, "one");
	assert_int_equal(l->time, 4 * NS_PER_SEC);
	l = limit(&r, 4, "warn");
	assert_string_equal(l->policy, "two");
	assert_int_equal(l->time, 2 * NS_PER_SEC);
	l = limit(&r, 5, "grace");
	assert_string_equal(l->policy, "two");
	assert_int_equal(l->time, 8 * NS_PER_SEC);
	l = limit(&r, 6, "max_sessions");
	assert_string_equal(l->policy, "one");
	assert_int_equal(l->max, 5);
	assert_string_equal(l->at_limit, "deny");
	l = limit(&r, 7, "max_sessions");
	assert_string_equal(l->policy, "two");
	assert_string_equal(l->at_limit, "evict_idlest");
	l = limit(&r, 8, "no_match");
	assert_string_equal(l->policy, "three");
	assert_string_equal(l->why, "user");
}

/* As a login would find them: his own, under this policy, and nothing is changed by asking. */
static void counts_as_a_login_does(void **state)
{
	struct world *w = *state;
	struct request r;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 3},
		{.name = two, .any_group = true, .services = only_sshd, .max_sessions = 2});
	enter(w, ANNA, console);
	enter(w, ANNA, sshd);
	enter(w, ANNA, cron);
	enter(w, BEN, sshd);
	explain(w, &r, ANNA, sshd);
	assert_int_equal(limit(&r, 1, "max_sessions")->count, 2);
	assert_int_equal(limit(&r, 2, "max_sessions")->count, 1);
	explain(w, &r, ANNA, sshd);
	assert_int_equal(limit(&r, 1, "max_sessions")->count, 2);
	/* one that is not on disk yet holds its place */
	start(w, ANNA, sshd);
	explain(w, &r, ANNA, sshd);
	assert_int_equal(limit(&r, 1, "max_sessions")->count, 3);
	refuse(w, ANNA, sshd);
}

static void classes_without_limits(void **state)
{
	struct world *w = *state;
	struct request r;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 3, .lifetime = NS_PER_SEC},
		{.name = two, .any_group = true, .services = only_sshd, .max_sessions = 2});
	explain(w, &r, ANNA, sudo);
	assert_int_equal(r.limits[0].class, CLASS_ELEVATION);
	assert_int_equal(r.n, 2);
	assert_string_equal(limit(&r, 1, "no_match")->why, "service");
	explain(w, &r, ANNA, "nobody-knows-it");
	assert_int_equal(r.limits[0].class, CLASS_BACKGROUND);
	assert_int_equal(r.n, 2);
}

static void the_exempt(void **state)
{
	struct world *w = *state;
	struct request r;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 3, .lifetime = NS_PER_SEC},
		{.name = two, .any_group = true, .users = only_anna, .exempt = true});
	explain(w, &r, ANNA, sshd);
	assert_int_equal(r.n, 2);
	assert_string_equal(limit(&r, 1, "exempt")->policy, "two");
	explain(w, &r, BEN, sshd);
	assert_int_equal(r.n, 4);
	assert_string_equal(limit(&r, 3, "no_match")->policy, "two");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_with_its_policy),
		TEST(counts_as_a_login_does),
		TEST(classes_without_limits),
		TEST(the_exempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
