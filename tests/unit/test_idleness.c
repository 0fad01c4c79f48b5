/* How long a user's logins have been idle, as another host is told, and as it is judged here. */
#include "tests/unit/core_fixture.h"
#include "tests/unit/terminals.h"

#include "common/duration.h"
#include "common/timestamp.h"

#define TOLD_MAX 8

struct ear {
	struct answer answer;
	struct wire_idleness told[TOLD_MAX];
	unsigned n;
	bool over;
};

static void hear(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct ear *ear = (struct ear *)(void *)answer;

	assert_false(ear->over);
	ear->over = last;
	if (last) {
		assert_int_equal(type, WIRE_done);
		assert_int_equal(((const struct wire_done *)msg)->count, ear->n);
		return;
	}
	assert_int_equal(type, WIRE_idleness);
	assert_true(ear->n < TOLD_MAX);
	ear->told[ear->n++] = *(const struct wire_idleness *)msg;
}

static void ask_about(struct world *w, struct ear *ear, uid_t uid)
{
	*ear = (struct ear){.answer.fn = hear};
	idleness_tell(w->core, uid, &ear->answer);
}

static struct ear listen_to(struct world *w, uid_t uid)
{
	struct ear ear;

	ask_about(w, &ear, uid);
	WAIT_UNTIL(w->f, ear.over);
	return ear;
}

static const struct wire_idleness *of(const struct ear *ear, const struct login *l)
{
	unsigned i;

	for (i = 0; i < ear->n; i++)
		if (sid_equal(&ear->told[i].sid, &l->open.sid))
			return &ear->told[i];
	return NULL;
}

static struct login *enter_on_mine(struct world *w)
{
	int ready = w->shared->ready;
	struct login *l;

	l = arrive_as(w, ANNA, sshd, on_mine);
	await(w->shared->ready > ready);
	ask(w, l);
	assert_granted(w, l);
	return l;
}

/* So many ns ago somebody typed there, by the clock that shows it. */
static void typed_ago(uint64_t ns)
{
	uint64_t at = clock_wall() - ns;

	set_input(&mine, (time_t)(at / NS_PER_SEC), (long)(at % NS_PER_SEC));
}

static int setup_terminal(void **state)
{
	if (!terminal_open(&mine))
		return -1;
	return setup(state);
}

static int teardown_terminal(void **state)
{
	int r = teardown(state);

	terminal_close(&mine);
	return r;
}

static void without_a_terminal_it_counts_from_the_login(void **state)
{
	struct world *w = *state;
	uint64_t before = clock_boot();
	struct login *a = enter(w, ANNA, sshd), *b = enter(w, ANNA, console);
	struct ear ear;

	enter(w, BEN, sshd);
	enter(w, ANNA, sudo);
	ear = listen_to(w, ANNA);
	assert_int_equal(ear.n, 2);
	assert_true(of(&ear, a)->idle > of(&ear, b)->idle);
	assert_true(of(&ear, a)->age > of(&ear, b)->age);
	assert_true(of(&ear, a)->idle <= clock_boot() - before);
	/* nobody's */
	ear = listen_to(w, ANNA + 7);
	assert_int_equal(ear.n, 0);
}

static void typing_counts(void **state)
{
	struct world *w = *state;
	struct login *a = enter_on_mine(w), *b = enter(w, ANNA, sshd);
	struct ear ear;

	typed_ago(0);
	ear = listen_to(w, ANNA);
	assert_true(of(&ear, a)->idle < of(&ear, b)->idle);
	assert_true(of(&ear, a)->age > of(&ear, b)->age);
	/* nobody was idle before he came */
	typed_ago(UINT64_C(3600) * NS_PER_SEC);
	ear = listen_to(w, ANNA);
	assert_true(of(&ear, a)->idle > of(&ear, b)->idle);
	assert_int_equal(of(&ear, a)->idle / NS_PER_SEC, of(&ear, a)->age / NS_PER_SEC);
	/* an access time to come is one of now */
	set_input(&mine, (time_t)(clock_wall() / NS_PER_SEC) + 3600, 0);
	ear = listen_to(w, ANNA);
	assert_int_equal(of(&ear, a)->idle, 0);
}

static void the_same_says_who_goes_here(void **state)
{
	struct world *w = *state;
	struct login *a, *b;

	POLICIES(w, {.name = two,
			    .any_group = true,
			    .max_sessions = 2,
			    .at_limit = AT_LIMIT_EVICT_IDLEST});
	a = enter_on_mine(w);
	b = enter(w, ANNA, sshd);
	typed_ago(0);
	enter(w, ANNA, sshd);
	assert_evicted(w, b);
	assert_active(w, a);
}

static void hear_nothing(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	(void)answer;
	(void)type;
	(void)msg;
	(void)last;
}

static void end_by_order(struct world *w, const struct login *l)
{
	const struct caller root = {.admin = true, .audit_session = PROC_NO_AUDIT};
	static struct answer ignored = {.fn = hear_nothing};
	struct wire_revoke msg = {.prefix = ""};

	sid_hex(&l->open.sid, msg.prefix);
	core_handle(w->core, &(struct event){.type = EVENT_REVOKE,
				     .caller = &root,
				     .answer = &ignored,
				     .u.revoke = &msg});
}

/* While it is looked at, a session may end, and the daemon, too. */
static void what_ends_meanwhile_is_not_told_of(void **state)
{
	struct world *w = *state;
	struct login *a = enter_on_mine(w), *b = enter(w, ANNA, sshd);
	struct ear ear, late;

	ask_about(w, &ear, ANNA);
	assert_false(ear.over);
	end_by_order(w, a);
	WAIT_UNTIL(w->f, ear.over);
	assert_true(ear.n == 1 && of(&ear, b) != NULL);
	ask_about(w, &late, ANNA);
	assert_false(late.over);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_terminal, teardown_terminal)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		TEST(without_a_terminal_it_counts_from_the_login),
		TEST(typing_counts),
		TEST(the_same_says_who_goes_here),
		TEST(what_ends_meanwhile_is_not_told_of),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
