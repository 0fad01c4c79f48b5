/* An order that hits very many sessions is carried out in slices. */
#include "tests/unit/core_fixture.h"

#include "sessd/core_state.h"

#define MANY 100

struct order {
	struct answer answer;
	unsigned outcomes;
	enum wire_type last; /* 0: none yet */
};

static void ordered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct order *o = (struct order *)(void *)answer;

	(void)msg;
	o->outcomes += type == WIRE_outcome;
	if (last)
		o->last = type;
}

static const struct caller root = {.pidfd = -1, .audit_session = PROC_NO_AUDIT, .admin = true};

static void fill(struct world *w)
{
	int i;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 10 * MANY});
	for (i = 0; i < MANY; i++)
		enter(w, ANNA, sshd);
}

static void revoke_anna(struct world *w, struct order *o)
{
	struct wire_revoke want = {.user = "anna"};
	struct event event = {
		.type = EVENT_REVOKE, .caller = &root, .answer = &o->answer, .u.revoke = &want};

	*o = (struct order){.answer.fn = ordered};
	core_handle(w->core, &event);
	/* what the request was made of is gone */
	memset(&want, 0x5a, sizeof(want));
}

static void others_come_between(void **state)
{
	struct world *w = *state;
	struct login *late;
	struct order o;

	fill(w);
	revoke_anna(w, &o);
	assert_in_range(active(w), 1, MANY - 1);
	assert_int_equal(o.last, 0);
	late = arrive(w, ANNA, sshd);
	ask(w, late);
	WAIT_UNTIL(w->f, o.last != 0);
	assert_int_equal(o.last, WIRE_done);
	assert_int_equal(o.outcomes, MANY);
	/* it came after the order */
	WAIT_UNTIL(w->f, late->answers > 0);
	assert_int_equal(late->type, WIRE_granted);
	assert_int_equal(session_of(w, late)->phase, PHASE_ACTIVE);
	assert_int_equal(active(w), 1);
}

static void set_lock(struct world *w, struct order *o)
{
	struct wire_lock want = {.kind = "user", .name = "anna", .id = {.set = true, .uid = ANNA}};
	struct event event = {
		.type = EVENT_LOCK, .caller = &root, .answer = &o->answer, .u.lock = &want};

	*o = (struct order){.answer.fn = ordered};
	core_handle(w->core, &event);
}

static void lift(struct world *w, struct order *o)
{
	struct wire_unlock want = {.kind = "user", .name = "anna"};
	struct event event = {
		.type = EVENT_UNLOCK, .caller = &root, .answer = &o->answer, .u.unlock = &want};

	*o = (struct order){.answer.fn = ordered};
	core_handle(w->core, &event);
}

static void a_lock_is_lifted_between(void **state)
{
	struct world *w = *state;
	struct order set, lifted;
	uint32_t left;

	fill(w);
	set_lock(w, &set);
	left = active(w);
	assert_in_range(left, 1, MANY - 1);
	lift(w, &lifted);
	WAIT_UNTIL(w->f, set.last != 0 && lifted.last != 0);
	assert_int_equal(set.outcomes, MANY - left);
	assert_int_equal(active(w), left);
}

/* For the sanitizers: what waits for its turn when the daemon stops. */
static void forgotten(void **state)
{
	struct world *w = *state;
	struct order o;

	fill(w);
	revoke_anna(w, &o);
	assert_in_range(active(w), 1, MANY - 1);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_setup_teardown(others_come_between, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_is_lifted_between, setup, teardown),
		cmocka_unit_test_setup_teardown(forgotten, setup, teardown),
	};

	return cmocka_run_group_tests_name("round", all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
