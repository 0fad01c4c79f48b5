/* Ends that are not immediate: who is given a grace, how much of it, and who takes it away. */
#include <sys/resource.h>

#include "tests/unit/core_fixture.h"

#include "common/duration.h"

#define HOUR (3600 * NS_PER_SEC)

static const struct caller root = {.pidfd = -1, .audit_session = PROC_NO_AUDIT, .admin = true};

/* Whoever asked for an end, and what he was answered. */
struct order {
	struct answer answer;
	unsigned outcomes;
	struct wire_outcome outcome; /* the last */
	enum wire_type last;	     /* 0: none yet */
	struct wire_error error;
};

static void ordered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct order *o = (struct order *)(void *)answer;

	assert_int_equal(o->last, 0);
	if (type == WIRE_outcome) {
		o->outcomes++;
		o->outcome = *(const struct wire_outcome *)msg;
	}
	if (type == WIRE_error)
		o->error = *(const struct wire_error *)msg;
	if (last)
		o->last = type;
}

static void end(struct world *w, struct order *o, const struct login *l, uint64_t grace,
	const char *message)
{
	struct wire_revoke ask = {.grace = grace};
	struct event event = {
		.type = EVENT_REVOKE, .caller = &root, .answer = &o->answer, .u.revoke = &ask};
	char sid[SID_HEX + 1];

	*o = (struct order){.answer.fn = ordered};
	snprintf(ask.prefix, sizeof(ask.prefix), "%s", sid_hex(&l->open.sid, sid));
	snprintf(ask.message, sizeof(ask.message), "%s", message);
	core_handle(w->core, &event);
}

/*
 * Ends by SIGKILL alone, and counts what it is told instead. It waits for the signals and handles
 * none: the thread sanitizer calls no handler in a child of a process that has threads.
 */
static void ignore(struct shared *shared)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	shared->ready++;
	for (;;)
		if (sigwaitinfo(&signals, NULL) == SIGTERM)
			shared->termed++;
}

static struct login *enter_stubborn(struct world *w, uid_t uid, const char *service)
{
	int ready = w->shared->ready;
	struct login *l = arrive_as(w, uid, service, ignore);

	await(w->shared->ready > ready);
	ask(w, l);
	assert_granted(w, l);
	return l;
}

/* In its grace: told, and there. */
static void assert_told(struct world *w, const struct login *l, int told)
{
	WAIT_UNTIL(w->f, w->shared->termed == told);
	assert_non_null(session_of(w, l));
	assert_int_equal(session_of(w, l)->phase, PHASE_ENDING);
	assert_false(is_dead(l->caller.pid));
}

/* What the ledger says of a session: `event(reason) grace` for each. */
struct story {
	char sid[SID_HEX + 1];
	char text[1024];
};

static void word(const char *line, const char *name, char *out, size_t size)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":\"", name);
	at = strstr(line, key);
	if (at != NULL)
		snprintf(out, size, "%.*s", (int)strcspn(at + strlen(key), "\""), at + strlen(key));
}

static void tell(void *ctx, const char *line)
{
	struct story *story = ctx;
	char event[64] = "", reason[64] = "-", message[64] = "-";
	size_t len = strlen(story->text);

	if (strstr(line, story->sid) == NULL || strstr(line, "session_opened") != NULL)
		return;
	word(line, "event", event, sizeof(event));
	word(line, "reason", reason, sizeof(reason));
	word(line, "message", message, sizeof(message));
	snprintf(story->text + len, sizeof(story->text) - len, "%s %s %u %s\n", event, reason,
		(unsigned)member(line, "grace"), message);
}

static void assert_story(struct world *w, const struct login *l, const char *expected)
{
	struct story story = {.text = ""};

	sid_hex(&l->open.sid, story.sid);
	each_line(w->f, LEDGER_ALL_UIDS, tell, &story);
	assert_string_equal(story.text, expected);
}

static void at_once_without(void **state)
{
	struct world *w = *state;
	struct login *l = enter_stubborn(w, ANNA, sshd);
	struct order o;

	end(w, &o, l, 0, "");
	WAIT_UNTIL(w->f, o.last != 0);
	assert_int_equal(o.outcomes, 1);
	assert_int_equal(w->shared->termed, 0);
	assert_int_equal(w->metrics.revoke.count, 1);
	assert_story(w, l, "session_ending revoked 0 -\nsession_ended revoked 0 -\n");
}

static void obeyed(void **state)
{
	struct world *w = *state;
	struct login *l = enter(w, ANNA, sshd);
	struct order o;

	end(w, &o, l, HOUR, "go home");
	assert_int_equal(session_of(w, l)->phase, PHASE_ENDING);
	assert_int_equal(o.last, 0);
	WAIT_UNTIL(w->f, o.last != 0);
	assert_int_equal(o.last, WIRE_done);
	assert_int_equal(o.outcome.signalled, 1);
	assert_int_equal(o.outcome.reason, REASON_REVOKED);
	/* the latency of orders that were to be carried out at once is not what this was */
	assert_int_equal(w->metrics.revoke.count, 0);
	assert_story(w, l, "session_ending revoked 3600 go home\nsession_ended revoked 0 -\n");
}

static void over(void **state)
{
	struct world *w = *state;
	struct login *l = enter_stubborn(w, ANNA, sshd);
	struct order o;

	end(w, &o, l, 100 * NS_PER_MS, "");
	WAIT_UNTIL(w->f, o.last != 0);
	assert_true(is_dead(l->caller.pid));
	assert_int_equal(w->shared->termed, 1);
	assert_int_equal(o.outcome.signalled, 1);
	assert_true(o.outcome.elapsed >= 100 * NS_PER_MS);
}

static void shortened_by_a_second_order(void **state)
{
	struct world *w = *state;
	struct login *l = enter_stubborn(w, ANNA, sshd);
	struct order first, longer, last;

	end(w, &first, l, HOUR / 2, "");
	assert_told(w, l, 1);
	end(w, &longer, l, HOUR, "");
	assert_told(w, l, 1);
	end(w, &last, l, 0, "");
	WAIT_UNTIL(w->f, first.last != 0 && longer.last != 0 && last.last != 0);
	assert_int_equal(first.outcomes + longer.outcomes + last.outcomes, 3);
	assert_true(is_dead(l->caller.pid));
	assert_int_equal(w->shared->termed, 1);
	assert_story(w, l,
		"session_ending revoked 1800 -\nsession_ending revoked 0 -\n"
		"session_ended revoked 0 -\n");
}

/* While the terminals are looked for: it is not waited for that either. */
static void shortened_before_it_began(void **state)
{
	struct world *w = *state;
	struct login *l = enter_stubborn(w, ANNA, sshd);
	struct order first, last;

	end(w, &first, l, HOUR, "");
	end(w, &last, l, 0, "");
	WAIT_UNTIL(w->f, last.last != 0);
	assert_int_equal(first.outcomes, 1);
	assert_int_equal(w->shared->termed, 0);
}

/* One that waits for the ledger is ended as the last order says. */
static void shortened_while_it_opens(void **state)
{
	struct world *w = *state;
	struct login *l = arrive_as(w, ANNA, sshd, ignore);
	struct order first, last;

	await(w->shared->ready == 1);
	ask(w, l);
	end(w, &first, l, HOUR, "");
	end(w, &last, l, 0, "");
	WAIT_UNTIL(w->f, first.last != 0 && last.last != 0);
	assert_true(is_dead(l->caller.pid));
	assert_int_equal(w->shared->termed, 0);
}

static void shortened_by_a_lock(void **state)
{
	struct world *w = *state;
	struct login *l = enter_stubborn(w, ANNA, sshd);
	struct wire_lock ask = {.kind = "user", .name = "anna"};
	struct order first, lock = {.answer.fn = ordered};
	struct event event = {
		.type = EVENT_LOCK, .caller = &root, .answer = &lock.answer, .u.lock = &ask};

	end(w, &first, l, HOUR, "");
	assert_told(w, l, 1);
	core_handle(w->core, &event);
	WAIT_UNTIL(w->f, first.last != 0 && lock.last != 0);
	assert_true(is_dead(l->caller.pid));
	/* it was revoked first, and that was not undone */
	assert_int_equal(lock.outcome.reason, REASON_REVOKED);
	assert_story(w, l,
		"session_ending revoked 3600 -\nsession_ending locked 0 -\n"
		"session_ended revoked 0 -\n");
}

static enum wire_type allowed(struct world *w, struct login *l)
{
	struct wire_acct acct = {.uid = l->open.uid};
	const struct event event = {
		.type = EVENT_ACCT, .caller = &l->caller, .answer = &l->answer, .u.acct = &acct};

	snprintf(acct.user, sizeof(acct.user), "%s", l->open.user);
	snprintf(acct.service, sizeof(acct.service), "%s", l->open.service);
	l->answers = 0;
	core_handle(w->core, &event);
	return l->type;
}

/* A place that will not be free in a moment is not promised to anybody. */
static void keeps_its_place(void **state)
{
	struct world *w = *state;
	struct login *l, *next;
	struct order o, last;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1});
	l = enter_stubborn(w, ANNA, sshd);
	end(w, &o, l, HOUR, "");
	assert_told(w, l, 1);
	next = refuse(w, ANNA, sshd);
	assert_int_equal(allowed(w, next), WIRE_refused);
	end(w, &last, l, 0, "");
	assert_int_equal(allowed(w, next), WIRE_granted);
	enter(w, ANNA, sshd);
	assert_true(is_dead(l->caller.pid));
	WAIT_UNTIL(w->f, o.last != 0 && last.last != 0);
}

static void evicted_first(void **state)
{
	struct world *w = *state;
	struct login *stays, *l, *next;
	struct order o;

	POLICIES(w, {.name = one,
			    .any_group = true,
			    .max_sessions = 2,
			    .at_limit = AT_LIMIT_EVICT_OLDEST});
	stays = enter(w, ANNA, sshd);
	l = enter_stubborn(w, ANNA, sshd);
	end(w, &o, l, HOUR, "");
	assert_told(w, l, 1);
	next = arrive(w, ANNA, sshd);
	next->outlives = l;
	ask(w, next);
	assert_granted(w, next);
	assert_active(w, stays);
	WAIT_UNTIL(w->f, o.last != 0);
	assert_int_equal(o.outcome.reason, REASON_REVOKED);
}

/* Nobody buys himself time with it. */
static void not_beyond_the_lifetime(void **state)
{
	struct world *w = *state;
	struct login *l;
	struct order o;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = NS_PER_SEC});
	l = enter_stubborn(w, ANNA, sshd);
	end(w, &o, l, HOUR, "");
	WAIT_UNTIL(w->f, o.last != 0);
	assert_int_equal(o.outcome.reason, REASON_REVOKED);
	assert_true(is_dead(l->caller.pid));
	assert_int_equal(w->shared->termed, 1);
}

static void at_most_an_hour(void **state)
{
	struct world *w = *state;
	struct login *l = enter(w, ANNA, sshd);
	struct order o;

	end(w, &o, l, HOUR + 1, "");
	assert_int_equal(o.last, WIRE_error);
	assert_int_equal(o.error.code, WIRE_E_INVALID);
	assert_non_null(strstr(o.error.text, "an hour"));
	assert_active(w, l);
}

/* The shortest that is given, of an end that the clock brings; the policy of the end is another. */
static void by_policy(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = 50 * NS_PER_MS},
		{.name = two, .any_group = true, .grace = HOUR},
		{.name = three, .any_group = true, .grace = 2 * NS_PER_SEC});
	l = enter_stubborn(w, ANNA, sshd);
	assert_told(w, l, 1);
	WAIT_UNTIL(w->f, session_of(w, l) == NULL);
	assert_story(w, l, "session_ending lifetime 2 -\nsession_ended lifetime 0 -\n");
}

static void without_one_in_the_policies(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = 50 * NS_PER_MS},
		{.name = two, .any_group = true, .users = only_anna, .grace = HOUR});
	l = enter_stubborn(w, BEN, sshd);
	WAIT_UNTIL(w->f, session_of(w, l) == NULL);
	assert_int_equal(w->shared->termed, 0);
	assert_story(w, l, "session_ending lifetime 0 -\nsession_ended lifetime 0 -\n");
}

/* Its leader is told with the parent's processes, so not by an order of its own. */
static void an_elevation_with_its_session(void **state)
{
	struct world *w = *state;
	struct login *l = enter_stubborn(w, ANNA, sshd), *root_shell;
	struct order o, last;

	root_shell = arrive_as(w, ANNA, sudo, ignore);
	await(w->shared->ready == 2);
	root_shell->open.token = l->open.new_token;
	ask(w, root_shell);
	assert_granted(w, root_shell);
	assert_true(sid_equal(&session_of(w, root_shell)->parent, &l->open.sid));
	end(w, &o, l, HOUR, "");
	assert_told(w, l, 1);
	WAIT_UNTIL(w->f, session_of(w, root_shell)->phase == PHASE_ENDING);
	assert_false(is_dead(root_shell->caller.pid));
	end(w, &last, l, 0, "");
	WAIT_UNTIL(w->f, session_of(w, l) == NULL && session_of(w, root_shell) == NULL);
	WAIT_UNTIL(w->f, o.last != 0 && last.last != 0);
	assert_true(is_dead(root_shell->caller.pid));
	assert_int_equal(w->shared->termed, 1);
	assert_story(w, root_shell,
		"session_ending revoked 3600 -\nsession_ending revoked 0 -\n"
		"session_ended revoked 0 -\n");
}

/* Its end needs a descriptor, and there is none for a while. */
static void when_there_are_descriptors_again(void **state)
{
	struct world *w = *state;
	struct login *l = enter_stubborn(w, ANNA, sshd);
	struct rlimit limit, none;
	struct order o;
	int next = dup(STDIN_FILENO), i;

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	end(w, &o, l, 0, "");
	for (i = 0; i < 10; i++)
		loop_turn(w->f->loop, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(o.outcomes, 0);
	assert_int_equal(o.last, 0);
	assert_false(is_dead(l->caller.pid));
	WAIT_UNTIL(w->f, o.last != 0);
	assert_int_equal(o.last, WIRE_done);
	assert_int_equal(o.outcomes, 1);
	assert_int_equal(o.outcome.signalled, 1);
	assert_true(is_dead(l->caller.pid));
	assert_story(w, l, "session_ending revoked 0 -\nsession_ended revoked 0 -\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		TEST(at_once_without),
		TEST(obeyed),
		TEST(over),
		TEST(shortened_by_a_second_order),
		TEST(shortened_before_it_began),
		TEST(shortened_while_it_opens),
		TEST(shortened_by_a_lock),
		TEST(keeps_its_place),
		TEST(evicted_first),
		TEST(not_beyond_the_lifetime),
		TEST(at_most_an_hour),
		TEST(by_policy),
		TEST(without_one_in_the_policies),
		TEST(an_elevation_with_its_session),
		TEST(when_there_are_descriptors_again),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
