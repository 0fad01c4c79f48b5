/* What core tells who logs in, and when it tells him nothing. */
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/core_fixture.h"

#include "common/duration.h"
#include "common/text.h"

#define HOUR (3600 * NS_PER_SEC)

static struct login *asks(struct world *w, uid_t uid, const char *service)
{
	struct login *l = arrive(w, uid, service);

	l->open.notice = true;
	return l;
}

static struct login *told(struct world *w, uid_t uid, const char *service)
{
	struct login *l = asks(w, uid, service);

	ask(w, l);
	assert_granted(w, l);
	return l;
}

static void assert_told(const struct login *l, const char *words)
{
	if (strstr(l->notice, words) == NULL)
		fail_msg("`%s` is not in `%s`", words, l->notice);
}

static void log_out(struct world *w, const struct login *l)
{
	struct wire_close close_ = {.sid = l->open.sid};
	const struct event end = {.type = EVENT_CLOSE, .caller = &l->caller, .u.close = &close_};

	core_handle(w->core, &end);
	assert_null(session_of(w, l));
}

struct notices {
	unsigned n;
	char last[2048];
};

static void count_notices(void *ctx, const char *line)
{
	struct notices *notices = ctx;

	if (strstr(line, "\"event\":\"notice_given\"") == NULL)
		return;
	notices->n++;
	snprintf(notices->last, sizeof(notices->last), "%s", line);
}

static void flushed(void *ctx, int result)
{
	bool *done = ctx;

	assert_int_equal(result, 0);
	*done = true;
}

/* All that are on disk once what was queued before is. */
static struct notices recorded(struct world *w)
{
	struct notices notices = {.n = 0};
	bool done = false;
	struct entry e;

	entry_init(&e, ENTRY_CONFIG_LOADED, 1);
	assert_int_equal(ledger_append(w->f->ledger, &e, LEDGER_ALL_UIDS, NULL, flushed, &done), 0);
	WAIT_UNTIL(w->f, done);
	each_line(w->f, LEDGER_ALL_UIDS, count_notices, &notices);
	return notices;
}

static void the_one_before(void **state)
{
	struct world *w = *state;
	struct notices notices;
	struct login *l;
	char want[1200];

	l = told(w, ANNA, sshd);
	assert_told(l, "Previous login: none, this is the first one on record; ");
	assert_told(l, "Refused attempts so far: 0; ");
	assert_told(
		l, "Your other sessions on this host: none; This session has no end of its own");
	notices = recorded(w);
	assert_int_equal(notices.n, 1);
	snprintf(want, sizeof(want), "\"text\":\"%s\"", l->notice);
	assert_non_null(strstr(notices.last, want));
	assert_non_null(strstr(notices.last, "\"user\":\"anna\""));
	log_out(w, l);

	/* the one that ended; then, the newest one that lives */
	l = asks(w, ANNA, console);
	strcpy(l->open.tty, "/dev/tty1");
	ask(w, l);
	assert_granted(w, l);
	assert_told(l, ", sshd; Refused attempts since then: 0; ");
	l = told(w, ANNA, sshd);
	assert_told(l, ", login on /dev/tty1; ");
	assert_told(l, "on this host: 1 (login on /dev/tty1 since ");
	enter(w, ANNA, sudo);
	enter(w, ANNA, cron);
	l = told(w, ANNA, console);
	assert_told(l, ", sshd; ");
	assert_told(l, "on this host: 2 (login on /dev/tty1 since ");
	assert_told(told(w, BEN, console), "Previous login: none");
	assert_int_equal(recorded(w).n, 5);
}

/* Not who did not ask, nor who is no login. */
static void nobody_else(void **state)
{
	struct world *w = *state;

	assert_string_equal(enter(w, ANNA, sshd)->notice, "");
	assert_string_equal(told(w, ANNA, sudo)->notice, "");
	assert_string_equal(told(w, ANNA, cron)->notice, "");
	assert_int_equal(recorded(w).n, 0);
	assert_told(told(w, ANNA, sshd), ", sshd; ");
}

static void refused_and_limited(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1},
		{.name = two, .any_group = true, .lifetime = 8 * HOUR, .users = only_anna});
	l = told(w, ANNA, sshd);
	assert_told(l, ", after 8h (policy \"two\")");
	refuse(w, ANNA, sshd);
	refuse(w, ANNA, console);
	refuse(w, ANNA, sshd);
	log_out(w, l);
	assert_told(told(w, ANNA, sshd), "Refused attempts since then: 3; ");
	assert_told(told(w, BEN, sshd), "Refused attempts so far: 0; ");
	policies_[0].max_sessions = 0;
	policies_[0].idle = HOUR / 4;
	assert_told(told(w, BEN, console),
		"no end of its own, but ends if nobody types for 15m (policy \"one\")");
	assert_told(told(w, ANNA, console),
		", after 8h (policy \"two\"), or if nobody types for 15m (policy \"one\")");
	w->config.policies.policies[0].exempt = true;
	assert_told(told(w, ANNA, sshd), "no end of its own (policy \"one\" exempts it)");
}

/* One that has to wait for its place is told when it has it. */
static void after_a_wait(void **state)
{
	struct world *w = *state;
	struct login *first, *second;

	POLICIES(w, {.name = one,
			    .any_group = true,
			    .max_sessions = 1,
			    .at_limit = AT_LIMIT_EVICT_OLDEST});
	first = told(w, ANNA, sshd);
	second = told(w, ANNA, console);
	assert_evicted(w, first);
	assert_told(second, ", sshd; ");
	assert_told(second, "on this host: none");
}

/* All of it at its longest fits, and is text; a semicolon in it ends no line. */
static void long_and_strange(void **state)
{
	struct world *w = *state;
	struct login *l = NULL;
	const char *at;
	unsigned i, lines = 1;

	for (i = 0; i < 5; i++) {
		l = asks(w, ANNA, sshd);
		memset(l->open.rhost, i % 2 ? ';' : 'x', TEXT_STR_MAX);
		/* a character that a cut would fall into */
		strcpy(l->open.rhost + 61, "\xe2\x82\xac\xe2\x82\xac");
		ask(w, l);
		assert_granted(w, l);
	}
	assert_true(text_valid(l->notice, strlen(l->notice)));
	assert_told(l, "\\x3b\\x3b");
	assert_told(l, ", and 1 more)");
	for (at = l->notice; (at = strstr(at, WIRE_LINE_END)) != NULL; at++)
		lines++;
	assert_int_equal(lines, 4);
}

static void without_a_ledger(void **state)
{
	struct world *w = *state;
	struct login *l;

	faulty.write_error = SQLITE_FULL;
	l = told(w, ANNA, sshd);
	assert_told(l, "Previous login: not known");
	assert_told(l, "; Your other sessions on this host: none; ");
	assert_null(strstr(l->notice, "Refused"));
	faulty.write_error = 0;
}

/* Longer than sessd itself lets it last, so that sessd is the one to end it. */
static void what_systemd_is_told(void **state)
{
	struct world *w = *state;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = HOUR, .services = only_sshd},
		{.name = two, .any_group = true, .max_lifetime = 3 * HOUR, .users = only_anna});
	assert_int_equal(enter(w, BEN, sshd)->runtime_max, HOUR + 60 * NS_PER_SEC);
	assert_int_equal(enter(w, ANNA, sshd)->runtime_max, 3 * HOUR + 60 * NS_PER_SEC);
	assert_int_equal(enter(w, ANNA, console)->runtime_max, 0);
	assert_int_equal(enter(w, ANNA, sudo)->runtime_max, 0);
	w->config.policies.policies[1].max_lifetime = HOUR / 2;
	assert_int_equal(enter(w, ANNA, sshd)->runtime_max, HOUR + 60 * NS_PER_SEC);
	/* the grace comes behind the lifetime, and must fit in */
	policies_[0].grace = HOUR / 4;
	assert_int_equal(enter(w, BEN, sshd)->runtime_max, HOUR + HOUR / 4 + 60 * NS_PER_SEC);
}

static int heal(void **state)
{
	faulty.write_error = 0;
	return teardown(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, heal)
	const struct CMUnitTest tests[] = {
		TEST(the_one_before),
		TEST(nobody_else),
		TEST(refused_and_limited),
		TEST(after_a_wait),
		TEST(long_and_strange),
		TEST(without_a_ledger),
		TEST(what_systemd_is_told),
	};

	if (faulty_install() != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests_name("notice", tests, NULL, NULL);
}
