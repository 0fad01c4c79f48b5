/* What ends a session by itself, and what its user is told before. */
#include "tests/unit/core_fixture.h"
#include "tests/unit/terminals.h"

#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "common/duration.h"

#define MS   NS_PER_MS
#define S    NS_PER_SEC
#define HOUR (3600 * S)

/* --- Sessions with a terminal --- */

static int prepare(void **state)
{
	if (!terminal_open(&mine)) {
		print_message("no pseudo terminals here\n");
		return -1;
	}
	return setup(state);
}

/* Those of the logins before, when one more needs a terminal. */
static struct terminal others[4];
static size_t n_others;

static void one_more_terminal(void)
{
	assert_true(n_others < 4);
	others[n_others++] = mine;
	assert_true(terminal_open(&mine));
}

static int put_away(void **state)
{
	terminal_close(&mine);
	while (n_others > 0)
		terminal_close(&others[--n_others]);
	return teardown(state);
}

/* Somebody last typed so long ago; negative: it will be. */
static void typed(long seconds_ago)
{
	set_input(&mine, time(NULL) - seconds_ago, 0);
}

static struct login *arrive_on_terminal(struct world *w, const char *service)
{
	int ready = w->shared->ready;
	struct login *l = arrive_as(w, ANNA, service, on_mine);

	await(w->shared->ready > ready);
	return l;
}

static struct login *enter_on_terminal(struct world *w, const char *service)
{
	struct login *l = arrive_on_terminal(w, service);

	ask(w, l);
	assert_granted(w, l);
	return l;
}

/* What can be read from the terminal since last time, or "". */
static const char *screen(void)
{
	static char buf[4096];
	struct pollfd p = {.fd = mine.master, .events = POLLIN};
	ssize_t n = poll(&p, 1, 0) > 0 ? read(mine.master, buf, sizeof(buf) - 1) : 0;

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

/* --- The ledger --- */

struct search {
	const char *event, *word;
	unsigned n;
};

static void search_line(void *ctx, const char *line)
{
	struct search *s = ctx;

	s->n += strstr(line, s->event) != NULL && strstr(line, s->word) != NULL;
}

/* Lines of the ledger that are of this event and hold this word. */
static unsigned lines(struct world *w, const char *event, const char *word)
{
	struct search s = {.event = event, .word = word};

	each_line(w->f, LEDGER_ALL_UIDS, search_line, &s);
	return s.n;
}

static void assert_ended(struct world *w, const struct login *l, const char *reason)
{
	char word[64];

	WAIT_UNTIL(w->f, session_of(w, l) == NULL);
	assert_true(is_dead(l->caller.pid));
	snprintf(word, sizeof(word), "\"reason\":\"%s\"", reason);
	WAIT_UNTIL(w->f, lines(w, "session_ended", word) == 1);
}

/* --- Idle --- */

static void nobody_types(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .idle = 1 * S},
		{.name = two, .any_group = true, .idle = HOUR});
	typed(1000);
	l = enter_on_terminal(w, sshd);
	/* a session is not idle for longer than it is open */
	assert_int_equal(session_of(w, l)->deadline.key, session_of(w, l)->input_at + 1 * S);
	assert_ended(w, l, "idle");
	assert_int_equal(lines(w, "session_ended", "\"policy\":\"one\""), 1);
	assert_int_equal(w->metrics.ended[REASON_IDLE], 1);
	assert_int_equal(lines(w, "session_warned", ""), 0);
}

static void somebody_types(void **state)
{
	struct world *w = *state;
	const struct session *s;
	uint64_t began;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .idle = 1 * S});
	l = enter_on_terminal(w, sshd);
	s = session_of(w, l);
	began = s->input_at;
	typed(0);
	WAIT_UNTIL(w->f, s->input_span != 0);
	assert_active(w, l);
	/* the kernel notes input once in eight seconds: it may have been then */
	assert_in_range(s->input_at, began + 1, began + 9 * S);
	assert_int_equal(s->deadline.key, s->input_at + 1 * S);
}

/* Nobody types in a future, however far: it is now, and stays what it was then. */
static void typed_in_the_future(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct login *l;
	uint64_t at;

	POLICIES(w, {.name = one, .any_group = true, .idle = 100 * MS});
	l = enter_on_terminal(w, sshd);
	s = session_of(w, l);
	typed(-1000000);
	WAIT_UNTIL(w->f, s->input_span != 0);
	at = s->input_at;
	assert_in_range(at, 1, clock_boot() + 8 * S);
	core_set_config(w->core, &w->config);
	assert_int_equal(s->input_at, at);
	assert_int_equal(s->deadline.key, at + 100 * MS);
}

/* The leader, with a child on another terminal. */
static void on_both(struct shared *s)
{
	if (fork() == 0) {
		mine = others[0];
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	on_mine(s);
}

/*
 * The first terminal has an access time of before the clock was set back, or somebody has set it
 * so; the second has a smaller one, and is typed on nevertheless.
 */
static void an_older_time_is_younger(void **state)
{
	struct world *w = *state;
	const struct session *s;
	uint64_t at;
	struct login *l;
	/* late in its span, so that the span is soon over */
	time_t future = (time(NULL) / 8 + 2000) * 8 + 7;

	POLICIES(w, {.name = one, .any_group = true, .idle = 2 * S});
	one_more_terminal();
	set_input(&mine, future, 0);
	set_input(&others[0], future - 24000, 0);
	l = arrive_as(w, ANNA, sshd, on_both);
	await(w->shared->ready == 2);
	ask(w, l);
	assert_granted(w, l);
	s = session_of(w, l);
	WAIT_UNTIL(w->f, s->input_span != 0);
	at = s->input_at;
	set_input(&others[0], future - 8000, 0);
	WAIT_UNTIL(w->f, session_of(w, l) == NULL || s->input_at != at);
	assert_active(w, l);
	assert_true(s->input_at > at);
}

static void without_a_terminal(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct login *l;
	uint64_t at;

	POLICIES(w, {.name = one, .any_group = true, .idle = 100 * MS, .warn = 50 * MS});
	l = enter(w, ANNA, sshd);
	s = session_of(w, l);
	at = s->input_at;
	WAIT_UNTIL(w->f, s->input_at > at + 100 * MS);
	assert_active(w, l);
	assert_int_equal(lines(w, "session_warned", ""), 0);
}

/* su, sudo and cron jobs have none of their own. */
static void only_logins(void **state)
{
	struct world *w = *state;
	struct login *su, *job, *l;

	POLICIES(w, {.name = one, .any_group = true, .idle = 200 * MS});
	typed(1000);
	su = enter_on_terminal(w, sudo);
	one_more_terminal();
	typed(1000);
	job = enter_on_terminal(w, cron);
	one_more_terminal();
	typed(1000);
	l = enter_on_terminal(w, sshd);
	WAIT_UNTIL(w->f, session_of(w, l) == NULL);
	assert_int_equal(session_of(w, su)->input_span, 0);
	assert_int_equal(session_of(w, job)->input_span, 0);
	assert_active(w, su);
	assert_active(w, job);
}

static void exempt(void **state)
{
	struct world *w = *state;
	struct login *l, *other;

	POLICIES(w, {.name = one, .any_group = true, .idle = 100 * MS},
		{.name = two, .any_group = true, .services = only_sshd, .exempt = true});
	typed(1000);
	l = enter_on_terminal(w, sshd);
	one_more_terminal();
	typed(1000);
	other = enter_on_terminal(w, console);
	WAIT_UNTIL(w->f, session_of(w, other) == NULL);
	assert_active(w, l);
	assert_int_equal(session_of(w, l)->input_span, 0);
}

/* What the file says now is what holds. */
static void after_a_reload(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true});
	typed(1000);
	l = enter_on_terminal(w, sshd);
	policies_[0].idle = HOUR;
	core_set_config(w->core, &w->config);
	assert_int_equal(session_of(w, l)->deadline.key, session_of(w, l)->input_at + HOUR);
	policies_[0].idle = 1;
	core_set_config(w->core, &w->config);
	assert_ended(w, l, "idle");
}

/* A reading that fails is no evidence. */
static void cannot_be_found_out(void **state)
{
	struct world *w = *state;
	struct rlimit before, none;
	uint64_t due;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .idle = 100 * MS});
	typed(1000);
	l = enter_on_terminal(w, sshd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	due = session_of(w, l)->deadline.key;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (session_of(w, l) != NULL && session_of(w, l)->deadline.key <= due &&
		loop_turn(w->f->loop, 100) >= 0)
		;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_active(w, l);
	assert_int_equal(session_of(w, l)->input_span, 0);
	/* tried again a little later */
	assert_ended(w, l, "idle");
}

/* --- Starts --- */

/* Nothing of it is stored: the first look tells. */
static void restart(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .idle = HOUR});
	typed(0);
	l = enter_on_terminal(w, sshd);
	start_again(w, "test", NULL);
	s = session_of(w, l);
	assert_int_equal(s->input_at, 0);
	WAIT_UNTIL(w->f, s->input_at != 0);
	assert_active(w, l);
	assert_in_range(s->input_at, clock_boot() - 60 * S, clock_boot() + 8 * S);
	typed(1000);
	policies_[0].idle = 1 * MS;
	start_again(w, "test", NULL);
	assert_ended(w, l, "idle");
}

static void stop_in_a_look(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .idle = 1 * MS});
	typed(1000);
	l = enter_on_terminal(w, sshd);
	while (session_of(w, l) != NULL && session_of(w, l)->input == NULL)
		loop_turn(w->f->loop, 100);
	assert_non_null(session_of(w, l));
	core_free(w->core);
	w->core = NULL;
	loop_turn(w->f->loop, 0);
	loop_turn(w->f->loop, 0);
}

static void adopted(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .idle = 10 * S});
	typed(1000);
	l = arrive_on_terminal(w, sshd);
	adopt(w, l, clock_wall() - 20 * S, 0);
	assert_ended(w, l, "idle");
}

/* The wall clock of its login is of years ago: it is not asked. */
static void lives_from_its_login(void **state)
{
	struct world *w = *state;
	const uint64_t now = clock_boot(), began[] = {now - 20 * MS, now + HOUR, 0};
	const struct session *s;
	struct login *l;
	size_t i;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = HOUR});
	for (i = 0; i < sizeof(began) / sizeof(began[0]); i++) {
		l = arrive(w, ANNA, sshd);
		adopt(w, l, clock_wall() - 1000 * HOUR, began[i]);
		s = session_of(w, l);
		assert_int_equal(s->expires_at, s->opened_at + HOUR);
		if (i == 0)
			assert_int_equal(s->deadline_at, began[0] + HOUR);
		else
			/* what cannot be believed: from its adoption */
			assert_in_range(s->deadline_at, now + HOUR, clock_boot() + HOUR);
	}
	policies_[0].lifetime = 10 * MS;
	l = arrive(w, ANNA, sshd);
	adopt(w, l, clock_wall(), now);
	assert_ended(w, l, "lifetime");
}

/* Set forward by years while nobody looked: its login seems older than its leader, and its typing
 * too. */
static void adopted_under_another_clock(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct login *l;
	uint64_t before = clock_boot();

	POLICIES(w, {.name = one, .any_group = true, .idle = 10 * S});
	typed(9 * 365 * 86400);
	l = arrive_on_terminal(w, sshd);
	adopt(w, l, clock_wall() - 9 * 365 * 24 * HOUR, 0);
	s = session_of(w, l);
	WAIT_UNTIL(w->f, s->input_at != 0);
	assert_active(w, l);
	assert_in_range(s->input_at, before, clock_boot());
}

/* --- Warnings --- */

static void warned_of_idle(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct login *l;

	/* a look is taken for the warning of the lifetime too, three seconds later */
	POLICIES(w, {.name = one, .any_group = true, .idle = HOUR, .warn = HOUR - 100 * MS},
		{.name = two, .any_group = true, .lifetime = HOUR + 3 * S});
	typed(1000);
	l = enter_on_terminal(w, sshd);
	s = session_of(w, l);
	WAIT_UNTIL(w->f, lines(w, "session_warned", "\"reason\":\"idle\"") == 1);
	assert_true(s->warned_idle);
	assert_non_null(strstr(screen(), "sessd: this session ends in "));
	assert_int_equal(lines(w, "session_warned", "\"policy\":\"one\""), 1);
	assert_int_equal(lines(w, "session_warned", "Press a key to stay."), 1);
	/* he does: as late as he can, so that it counts when it is seen, and a second more */
	set_input(&mine, (time(NULL) / 8 + 1000) * 8 + 7, 0);
	WAIT_UNTIL(w->f, lines(w, "session_warned", "\"reason\":\"lifetime\"") == 1);
	/* so he is told anew, when he does not type again */
	WAIT_UNTIL(w->f, lines(w, "session_warned", "\"reason\":\"idle\"") == 2);
	assert_active(w, l);
	assert_true(s->warned_idle);
	assert_in_range(s->input_at + HOUR, s->deadline_at + 1, UINT64_MAX);
}

/* He was told of an end that a reload has put off: he is told of the new one, too. */
static void warned_of_another_end(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .idle = HOUR, .warn = HOUR - 100 * MS});
	typed(1000);
	l = enter_on_terminal(w, sshd);
	s = session_of(w, l);
	WAIT_UNTIL(w->f, s->warned_idle);
	/* the same end: not once more */
	core_set_config(w->core, &w->config);
	assert_true(s->warned_idle);
	assert_int_equal(s->deadline.key, s->input_at + HOUR);
	policies_[0].idle = 3 * HOUR;
	policies_[0].warn = HOUR;
	core_set_config(w->core, &w->config);
	assert_false(s->warned_idle);
	assert_int_equal(s->deadline.key, s->input_at + 2 * HOUR);
}

static void warned_and_ended(void **state)
{
	struct world *w = *state;
	struct login *l;

	/* together they say: warn a second before half a second has passed */
	POLICIES(w, {.name = one, .any_group = true, .idle = 500 * MS},
		{.name = two, .any_group = true, .warn = 1 * S});
	typed(1000);
	l = enter_on_terminal(w, sshd);
	assert_int_equal(session_of(w, l)->deadline.key, session_of(w, l)->input_at + 250 * MS);
	assert_ended(w, l, "idle");
	assert_int_equal(lines(w, "session_warned", ""), 1);
}

static void extend(struct world *w, struct login *l, uint64_t time)
{
	static const struct caller root = {.audit_session = PROC_NO_AUDIT, .admin = true};
	struct wire_extend extend = {.time = time};
	struct login asker = {.answer.fn = answered};
	const struct event event = {.type = EVENT_EXTEND,
		.caller = &root,
		.answer = &asker.answer,
		.u.extend = &extend};

	sid_hex(&l->open.sid, extend.prefix);
	core_handle(w->core, &event);
	WAIT_UNTIL(w->f, asker.answers > 0);
	assert_int_equal(asker.type, WIRE_extended);
}

static void warned_of_the_end_of_its_lifetime(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = HOUR, .warn = HOUR - 100 * MS});
	typed(0);
	l = enter_on_terminal(w, sshd);
	WAIT_UNTIL(w->f, lines(w, "session_warned", "\"reason\":\"lifetime\"") == 1);
	/* 1h, or on a slow machine 59m59s or 59m58s */
	assert_non_null(
		strstr(screen(), ": its lifetime is over (policy \"one\"). Save your work."));
	assert_int_equal(lines(w, "session_warned", "ends in 1h: ") +
				 lines(w, "session_warned", "ends in 59m5"),
		1);
	/* once, but once more when the end has moved */
	core_set_config(w->core, &w->config);
	assert_int_equal(session_of(w, l)->deadline.key, session_of(w, l)->deadline_at);
	extend(w, l, 1);
	WAIT_UNTIL(w->f, lines(w, "session_warned", "") == 2);
	assert_string_not_equal(screen(), "");
	policies_[0].idle = 1 * MS;
	typed(1000);
	core_set_config(w->core, &w->config);
	assert_ended(w, l, "idle");
	/* that it is idle, too, may have been said in between */
	assert_int_equal(lines(w, "session_warned", "\"reason\":\"lifetime\""), 2);
}

static void lifetime_without_a_terminal(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = 500 * MS, .warn = 400 * MS});
	l = enter(w, ANNA, sshd);
	assert_int_equal(session_of(w, l)->deadline.key, session_of(w, l)->deadline_at - 400 * MS);
	assert_ended(w, l, "lifetime");
	assert_int_equal(lines(w, "session_warned", ""), 0);
}

static int tests(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, prepare, put_away)
	const struct CMUnitTest all[] = {
		TEST(nobody_types),
		TEST(somebody_types),
		TEST(typed_in_the_future),
		TEST(an_older_time_is_younger),
		TEST(without_a_terminal),
		TEST(only_logins),
		TEST(exempt),
		TEST(after_a_reload),
		TEST(cannot_be_found_out),
		TEST(restart),
		TEST(stop_in_a_look),
		TEST(adopted),
		TEST(lives_from_its_login),
		TEST(adopted_under_another_clock),
		TEST(warned_of_idle),
		TEST(warned_of_another_end),
		TEST(warned_and_ended),
		TEST(warned_of_the_end_of_its_lifetime),
		TEST(lifetime_without_a_terminal),
	};

	return cmocka_run_group_tests_name("expiry", all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
