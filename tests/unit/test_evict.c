/* Caps that end a session to make room for another. */
#include "tests/unit/core_fixture.h"

static void evict_oldest(void **state)
{
	struct world *w = *state;
	struct login *a, *b, *c;

	POLICIES(w, {.name = two,
			    .any_group = true,
			    .max_sessions = 2,
			    .at_limit = AT_LIMIT_EVICT_OLDEST});
	a = enter(w, ANNA, sshd);
	b = enter(w, ANNA, sshd);
	c = arrive(w, ANNA, sshd);
	c->outlives = a;
	ask(w, c);
	/* it waits, and in the meantime it is the one that counts */
	assert_int_equal(c->answers, 0);
	assert_int_equal(session_of(w, c)->phase, PHASE_OPENING);
	assert_int_equal(session_of(w, a)->phase, PHASE_ENDING);
	assert_int_equal(session_of(w, a)->reason, REASON_EVICTED);
	assert_granted(w, c);
	assert_evicted(w, a);
	assert_active(w, b);
	assert_active(w, c);
	assert_int_equal(w->metrics.ended[REASON_EVICTED], 1);
}

/* Without a terminal, that is who logged in first. */
static void evict_idlest(void **state)
{
	struct world *w = *state;
	struct login *a, *b, *c;

	POLICIES(w, {.name = two,
			    .any_group = true,
			    .max_sessions = 2,
			    .at_limit = AT_LIMIT_EVICT_IDLEST});
	a = enter(w, ANNA, sshd);
	b = enter(w, ANNA, sshd);
	c = enter(w, ANNA, sshd);
	assert_evicted(w, a);
	assert_active(w, b);
	assert_active(w, c);
}

/* Many at once: the last ones are in, the others are refused or evicted, and all of them hear. */
static void storm(void **state)
{
	enum { LOGINS = 12, CAP = 3 };
	struct world *w = *state;
	struct login *l[LOGINS];
	unsigned i;

	POLICIES(w, {.name = three,
			    .any_group = true,
			    .max_sessions = CAP,
			    .at_limit = AT_LIMIT_EVICT_OLDEST});
	for (i = 0; i < LOGINS; i++)
		l[i] = start(w, ANNA, sshd);
	for (i = 0; i < LOGINS; i++) {
		WAIT_UNTIL(w->f, l[i]->answers > 0);
		assert_true(active(w) <= CAP);
	}
	for (i = 0; i < LOGINS - CAP; i++) {
		WAIT_UNTIL(w->f, session_of(w, l[i]) == NULL);
		/* one that was refused while it waited is given a moment */
		WAIT_UNTIL(w->f, is_dead(l[i]->caller.pid));
	}
	for (; i < LOGINS; i++)
		assert_active(w, l[i]);
	assert_int_equal(active(w), CAP);
}

/* The cap was lowered: several must go before one more comes in. */
static void lowered_cap(void **state)
{
	struct world *w = *state;
	struct login *l[3], *next;
	unsigned i;

	for (i = 0; i < 3; i++)
		l[i] = enter(w, ANNA, sshd);
	POLICIES(w, {.name = one,
			    .any_group = true,
			    .max_sessions = 1,
			    .at_limit = AT_LIMIT_EVICT_OLDEST});
	next = enter(w, ANNA, sshd);
	for (i = 0; i < 3; i++)
		assert_evicted(w, l[i]);
	assert_active(w, next);
	assert_int_equal(active(w), 1);
}

static void superseded(void **state)
{
	struct world *w = *state;
	struct login *a, *b, *c;

	POLICIES(w, {.name = one,
			    .any_group = true,
			    .max_sessions = 1,
			    .at_limit = AT_LIMIT_EVICT_OLDEST});
	a = enter(w, ANNA, sshd);
	b = start(w, ANNA, sshd);
	assert_int_equal(b->answers, 0);
	c = arrive(w, ANNA, sshd);
	c->outlives = a;
	ask(w, c);
	assert_int_equal(b->type, WIRE_refused);
	assert_int_equal(b->reason, REASON_CAP);
	assert_null(session_of(w, b));
	assert_granted(w, c);
	assert_evicted(w, a);
	assert_active(w, c);
	/* the refused one's process goes too */
	WAIT_UNTIL(w->f, is_dead(b->caller.pid));
	assert_active(w, c);
}

static void dies_while_it_waits(void **state)
{
	struct world *w = *state;
	struct login *a, *b;

	POLICIES(w, {.name = one,
			    .any_group = true,
			    .max_sessions = 1,
			    .at_limit = AT_LIMIT_EVICT_OLDEST});
	a = enter(w, ANNA, sshd);
	b = arrive(w, ANNA, sshd);
	kill(b->caller.pid, SIGKILL);
	await(is_dead(b->caller.pid));
	ask(w, b);
	/* either it is noticed while it waits, or it is let in and ends at once */
	WAIT_UNTIL(w->f, b->answers > 0);
	WAIT_UNTIL(w->f, session_of(w, b) == NULL);
	assert_evicted(w, a);
	/* whichever it was, the place is free */
	enter(w, ANNA, sshd);
	assert_int_equal(active(w), 1);
}

/* Of two caps that are reached, one that denies is stricter than one that evicts. */
static void deny_wins(void **state)
{
	struct world *w = *state;
	struct login *a, *l;

	POLICIES(w,
		{.name = two,
			.any_group = true,
			.max_sessions = 1,
			.services = only_sshd,
			.at_limit = AT_LIMIT_EVICT_OLDEST},
		{.name = one, .any_group = true, .max_sessions = 1, .users = only_anna},
		{.name = three,
			.any_group = true,
			.max_sessions = 1,
			.at_limit = AT_LIMIT_EVICT_IDLEST});
	a = enter(w, ANNA, sshd);
	l = refuse(w, ANNA, sshd);
	assert_non_null(strstr(l->text, "(policy \"one\")"));
	assert_active(w, a);
	/* where the one that denies does not apply, the others do */
	a = enter(w, BEN, sshd);
	enter(w, BEN, sshd);
	assert_evicted(w, a);
}

static int all(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(evict_oldest),
		IN_WORLD(evict_idlest),
		IN_WORLD(storm),
		IN_WORLD(lowered_cap),
		IN_WORLD(superseded),
		IN_WORLD(dies_while_it_waits),
		IN_WORLD(deny_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return processes_main(all);
}
