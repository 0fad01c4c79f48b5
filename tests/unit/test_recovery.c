/* What the next start makes of sessions whose leaders died, or whose ends were under way. */
#include "tests/unit/core_fixture.h"

static struct login *enter_elevation(struct world *w, const struct login *parent)
{
	struct login *l = arrive(w, ANNA, sudo);

	l->open.token = parent->open.new_token;
	ask(w, l);
	assert_granted(w, l);
	assert_true(sid_equal(&session_of(w, l)->parent, &parent->open.sid));
	return l;
}

/* While no daemon looks. */
static void leave(struct world *w, struct login *l)
{
	finish(l->caller.pid);
	/* for the teardown */
	l->caller.pid = spawn(live_on, w->shared, NULL);
}

struct tally {
	const char *sid;
	unsigned adopted, ending, ended;
};

static void tally_line(void *ctx, const char *line)
{
	struct tally *t = ctx;

	if (strstr(line, t->sid) == NULL)
		return;
	t->adopted += strstr(line, "\"session_adopted\"") != NULL;
	t->ending += strstr(line, "\"session_ending\"") != NULL;
	t->ended += strstr(line, "\"session_ended\"") != NULL;
}

static struct tally tally(struct world *w, const struct login *l)
{
	char hex[SID_HEX + 1], sid[SID_HEX + 16];
	struct tally t = {.sid = sid};

	snprintf(sid, sizeof(sid), "\"sid\":\"%s\"", sid_hex(&l->open.sid, hex));
	each_line(w->f, LEDGER_ALL_UIDS, tally_line, &t);
	return t;
}

/* One order and one end of it are in the ledger, however many had a reason to end it. */
static void assert_ended_once(struct world *w, const struct login *l)
{
	struct tally t = tally(w, l);

	assert_int_equal(t.ending, 1);
	assert_int_equal(t.ended, 1);
}

static void wait_for_all(struct world *w)
{
	struct ledger_stats stats;

	WAIT_UNTIL(w->f, core_sessions(w->core)->by_sid.n == 0 && reaper_active(w->reaper) == 0 &&
				 (ledger_stats(w->f->ledger, &stats), stats.queued == 0));
}

/* The end of the parent orders the end of the elevation before its own turn has come. */
static void an_elevation_whose_parent_is_gone(void **state)
{
	struct world *w = *state;
	struct login *l = enter(w, ANNA, sshd), *root_shell = enter_elevation(w, l);

	leave(w, l);
	leave(w, root_shell);
	start_again(w, "test", NULL);
	wait_for_all(w);
	assert_ended_once(w, l);
	assert_ended_once(w, root_shell);
}

/* It is ended as what it is: with its leader, and not before that one is gone. */
static void an_elevation_that_lives_on(void **state)
{
	struct world *w = *state;
	struct login *l = enter(w, ANNA, sshd), *root_shell = enter_elevation(w, l);

	leave(w, l);
	start_again(w, "test", NULL);
	wait_for_all(w);
	assert_true(is_dead(root_shell->caller.pid));
	assert_ended_once(w, root_shell);
}

/* It was let in, and is gone before the place is free that it waits for: the ledger tells of both.
 */
static void adopted_and_gone(void **state)
{
	struct world *w = *state;
	struct login *first, *l;

	POLICIES(w, {.name = one,
			    .any_group = true,
			    .max_sessions = 1,
			    .at_limit = AT_LIMIT_EVICT_OLDEST});
	first = enter(w, ANNA, sshd);
	l = arrive(w, ANNA, sshd);
	hand_in(w, l, clock_wall(), clock_boot());
	assert_int_equal(session_of(w, l)->waits, 1);
	leave(w, l);
	wait_for_all(w);
	assert_ended_once(w, first);
	assert_int_equal(l->type, WIRE_granted);
	assert_int_equal(tally(w, l).adopted, 1);
	assert_ended_once(w, l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		TEST(an_elevation_whose_parent_is_gone),
		TEST(an_elevation_that_lives_on),
		TEST(adopted_and_gone),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
