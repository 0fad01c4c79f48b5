/* What a change of password ends, and what it leaves. */
#include "tests/unit/core_fixture.h"

#include "sessd/core_state.h"

struct order {
	struct answer answer;
	unsigned answers;
	enum wire_type type;
	uint64_t count;
};

/* It is answered once. */
static void ordered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct order *o = (struct order *)(void *)answer;

	assert_true(last);
	o->answers++;
	o->type = type;
	if (type == WIRE_done)
		o->count = ((const struct wire_done *)msg)->count;
}

static void change(struct world *w, const struct caller *caller, struct order *o,
	const struct wire_password *said)
{
	struct wire_password want = *said;
	struct event event = {.type = EVENT_PASSWORD_CHANGED,
		.caller = caller,
		.answer = &o->answer,
		.u.password = &want};

	*o = (struct order){.answer.fn = ordered};
	core_handle(w->core, &event);
	memset(&want, 0x5a, sizeof(want));
	WAIT_UNTIL(w->f, o->answers > 0);
	assert_int_equal(o->type, WIRE_done);
}

static const struct wire_password annas = {.user = "anna", .uid = ANNA};

static void unlimited(struct world *w)
{
	POLICIES(w, {.name = one, .any_group = true});
}

/* Where the kernel has no audit sessions the process says it, by those who started it. */
static void own_session_stays(void **state)
{
	struct world *w = *state;
	struct login *own, *other, *bens;
	struct order o;

	unlimited(w);
	own = enter(w, ANNA, sshd);
	other = enter(w, ANNA, sshd);
	bens = enter(w, BEN, sshd);
	change(w, &own->caller, &o, &annas);
	assert_int_equal(o.count, 1);
	/* answered when it is gone, not before */
	assert_null(session_of(w, other));
	assert_true(is_dead(other->caller.pid));
	assert_active(w, own);
	assert_active(w, bens);
}

static void ben_may_be_within_annas(void **state)
{
	struct world *w = *state;
	struct login *own, *other, *job;
	struct order o;

	unlimited(w);
	own = enter(w, BEN, sshd);
	other = enter(w, ANNA, sshd);
	job = enter(w, ANNA, cron);
	change(w, &own->caller, &o, &annas);
	assert_int_equal(o.count, 1);
	assert_null(session_of(w, other));
	assert_active(w, own);
	assert_active(w, job);
	change(w, &own->caller, &o, &annas);
	assert_int_equal(o.count, 0);
}

/* What was ordered while nobody listened. */
static void spooled(void **state)
{
	struct world *w = *state;
	struct login *own, *other;
	struct wire_password order = annas;
	struct order o;

	unlimited(w);
	own = arrive(w, ANNA, sshd);
	own->caller.audit_session = 77;
	ask(w, own);
	assert_granted(w, own);
	other = arrive(w, ANNA, sshd);
	other->caller.audit_session = 78;
	ask(w, other);
	assert_granted(w, other);
	order.audit_session = 77;
	change(w, NULL, &o, &order);
	assert_int_equal(o.count, 1);
	assert_active(w, own);
	assert_null(session_of(w, other));
	order.audit_session = 0;
	change(w, NULL, &o, &order);
	assert_int_equal(o.count, 1);
	assert_null(session_of(w, own));
}

/* For the sanitizers: what waits when the daemon stops. */
static void forgotten(void **state)
{
	struct world *w = *state;
	struct order o = {.answer.fn = ordered};
	struct event event = {
		.type = EVENT_PASSWORD_CHANGED, .answer = &o.answer, .u.password = &annas};

	unlimited(w);
	enter(w, ANNA, sshd);
	core_handle(w->core, &event);
	assert_int_equal(o.answers, 0);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_setup_teardown(own_session_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(ben_may_be_within_annas, setup, teardown),
		cmocka_unit_test_setup_teardown(spooled, setup, teardown),
		cmocka_unit_test_setup_teardown(forgotten, setup, teardown),
	};

	return cmocka_run_group_tests_name("password", all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
