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
	unsigned ending, ended;
};

static void tally_line(void *ctx, const char *line)
{
	struct tally *t = ctx;

	if (strstr(line, t->sid) == NULL)
		return;
	t->ending += strstr(line, "\"session_ending\"") != NULL;
	t->ended += strstr(line, "\"session_ended\"") != NULL;
}

/* One order and one end of it are in the ledger, however many had a reason to end it. */
static void assert_ended_once(struct world *w, const struct login *l)
{
	char hex[SID_HEX + 1], sid[SID_HEX + 16];
	struct tally t = {.sid = sid};

	snprintf(sid, sizeof(sid), "\"sid\":\"%s\"", sid_hex(&l->open.sid, hex));
	each_line(w->f, LEDGER_ALL_UIDS, tally_line, &t);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		TEST(an_elevation_whose_parent_is_gone),
		TEST(an_elevation_that_lives_on),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
