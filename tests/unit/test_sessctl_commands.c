/* Every command against a daemon that does what the test says. */
#include "tests/unit/fake_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "common/chain.h"
#include "sessctl/context.h"

#define SEC NS_PER_SEC

/* 2020-11-23T08:15:30Z, a day that is not today: lists show it with its date */
#define T0 (UINT64_C(1606119330) * SEC)

/* Returns when the client has given up. */
static void silent(struct daemon *d, const struct wire_frame *r)
{
	struct pollfd p = {.fd = d->fd, .events = POLLIN};

	(void)r;
	poll(&p, 1, -1);
}

/* ---- list ---- */

static struct wire_session a_session(uint8_t sid, const char *user, uint64_t opened_at)
{
	struct wire_session s = {
		.sid = {{sid, 0x11, 0x22, 0x33, 0x44}},
		.class = CLASS_LOGIN,
		.phase = PHASE_ACTIVE,
		.uid = 1000,
		.service = "sshd",
		.rhost = "192.0.2.7",
		.leader_pid = 4711,
		.opened_at = opened_at,
		.expires_at = opened_at + 3600 * SEC,
	};

	snprintf(s.user, sizeof(s.user), "%s", user);
	return s;
}

static void first_page(struct daemon *d, const struct wire_frame *r)
{
	struct wire_session s = a_session(0xaa, "alice", T0 + 60 * SEC);

	answer(d, r, WIRE_session, &s);
	s = a_session(0xbb, "bob-with-a-name-that-has-no-end", T0);
	answer(d, r, WIRE_session, &s);
	done(d, r, 77, 2);
}

static void second_page(struct daemon *d, const struct wire_frame *r)
{
	struct wire_session s = a_session(0xcc, "carol", T0 + 30 * SEC);

	s.rhost[0] = '\0';
	strcpy(s.tty, "tty1");
	s.expires_at = 0;
	s.phase = PHASE_ENDED;
	s.ended_at = T0 + 90 * SEC;
	s.reason = REASON_REVOKED;
	answer(d, r, WIRE_session, &s);
	done(d, r, 0, 1);
}

static void no_session(struct daemon *d, const struct wire_frame *r)
{
	done(d, r, 0, 0);
}

static void test_list(void **state)
{
	struct daemon *d = daemon_start(first_page, second_page, NULL);
	struct result r = run(d, "list");

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out,
		"SID       USER                  CLASS  SERVICE  FROM       SINCE         "
		"EXPIRES       LEADER  PHASE\n"
		"bb112233  bob-with-a-name-t...  login  sshd     192.0.2.7  Nov 23 08:15  "
		"Nov 23 09:15  4711    active\n"
		"cc112233  carol                 login  sshd     tty1       Nov 23 08:16  "
		"-             4711    ended\n"
		"aa112233  alice                 login  sshd     192.0.2.7  Nov 23 08:16  "
		"Nov 23 09:16  4711    active\n");
	assert_int_equal(d->requests[0].type, WIRE_list);
	assert_int_equal(d->requests[0].u.list.cursor, 0);
	assert_false(d->requests[0].u.list.all);
	assert_int_equal(d->requests[1].u.list.cursor, 77);
	release(&r, d);
}

static void test_list_all_of_user(void **state)
{
	struct daemon *d = daemon_start(first_page, second_page, NULL);
	struct result r = run(d, "list --all -u carol --color always");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_has(r.out, "\033[1mSID\033[0m");
	assert_has(r.out, "ended   Nov 23 08:17  revoked\n");
	assert_true(d->requests[0].u.list.all);
	assert_string_equal(d->requests[0].u.list.user, "carol");
	assert_string_equal(d->requests[1].u.list.user, "carol");
	release(&r, d);
}

static void test_list_json(void **state)
{
	struct daemon *d = daemon_start(first_page, second_page, NULL);
	struct result r = run(d, "list --json --color always");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.err, "");
	assert_has(r.out, "{\"sid\":\"aa112233440000000000000000000000\",\"class\":\"login\","
			  "\"phase\":\"active\",\"user\":\"alice\",\"uid\":1000,"
			  "\"service\":\"sshd\",\"rhost\":\"192.0.2.7\",\"leader_pid\":4711,"
			  "\"opened_at\":\"2020-11-23T08:16:30.000000Z\","
			  "\"expires_at\":\"2020-11-23T09:16:30.000000Z\"}\n");
	assert_has(r.out, "\"user\":\"bob-with-a-name-that-has-no-end\"");
	assert_has(r.out, "\"ended_at\":\"2020-11-23T08:17:00.000000Z\",\"reason\":\"revoked\"}\n");
	assert_null(strchr(r.out, '\033'));
	release(&r, d);
}

/* What `user` became within the login. */
static struct wire_session an_elevation(
	uint8_t sid, uint8_t parent, const char *ruser, const char *user, uint64_t opened_at)
{
	struct wire_session s = a_session(sid, user, opened_at);

	s.parent = a_session(parent, "", 0).sid;
	s.class = CLASS_ELEVATION;
	strcpy(s.service, "sudo");
	strcpy(s.rhost, "");
	snprintf(s.ruser, sizeof(s.ruser), "%s", ruser);
	s.expires_at = s.leader_pid = 0;
	return s;
}

/* Two logins, what was opened within the older one, and an elevation whose login is over. */
static void elevations(struct daemon *d, const struct wire_frame *r)
{
	const struct wire_session all[] = {
		an_elevation(0x04, 0xaa, "root", "bob", T0 + 50 * SEC),
		an_elevation(0x03, 0xaa, "alice", "root", T0 + 20 * SEC),
		an_elevation(0x05, 0x04, "bob", "a-name-that-is-cut-off", T0 + 55 * SEC),
		a_session(0xbb, "bob", T0 + 10 * SEC),
		a_session(0xaa, "alice", T0),
		an_elevation(0x09, 0x99, "carol", "root", T0 + 5 * SEC),
		an_elevation(0x06, 0xaa, "", "dave", T0 + 56 * SEC),
	};
	size_t i, n = sizeof(all) / sizeof(all[0]);

	for (i = 0; i < n; i++)
		answer(d, r, WIRE_session, &all[i]);
	done(d, r, 0, n);
}

static void test_list_tree(void **state)
{
	struct daemon *d = daemon_start(elevations, NULL);
	struct result r = run(d, "list --tree");

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out,
		"SID           USER                         CLASS      SERVICE  FROM       SINCE   "
		"      EXPIRES       LEADER  PHASE\n"
		"aa112233      alice                        login      sshd     192.0.2.7  Nov 23 "
		"08:15  Nov 23 09:15  4711    active\n"
		"|-03112233    alice -> root                elevation  sudo     -          Nov 23 "
		"08:15  -             -       active\n"
		"|-04112233    root -> bob                  elevation  sudo     -          Nov 23 "
		"08:16  -             -       active\n"
		"| `-05112233  bob -> a-name-that-is-cu...  elevation  sudo     -          Nov 23 "
		"08:16  -             -       active\n"
		"`-06112233    dave                         elevation  sudo     -          Nov 23 "
		"08:16  -             -       active\n"
		"09112233      carol -> root                elevation  sudo     -          Nov 23 "
		"08:15  -             -       active\n"
		"bb112233      bob                          login      sshd     192.0.2.7  Nov 23 "
		"08:15  Nov 23 09:15  4711    active\n");
	release(&r, d);
}

/* Whole trees, of the logins above his and of what is below. */
static void test_list_tree_of_user(void **state)
{
	struct daemon *d = daemon_start(elevations, NULL);
	struct result r = run(d, "list --tree --user dave");

	(void)state;
	assert_string_equal(d->requests[0].u.list.user, "");
	assert_has(r.out, "\naa112233      alice ");
	assert_has(r.out, "\n|-04112233 ");
	assert_has(r.out, "\n| `-05112233 ");
	assert_has(r.out, "\n`-06112233 ");
	assert_null(strstr(r.out, "09112233"));
	assert_null(strstr(r.out, "bb112233"));
	release(&r, d);
}

static void test_list_tree_of_nobody(void **state)
{
	struct daemon *d = daemon_start(elevations, NULL);
	struct result r = run(d, "list -t -u nobody");

	(void)state;
	assert_string_equal(
		r.out, "SID  USER  CLASS  SERVICE  FROM  SINCE  EXPIRES  LEADER  PHASE\n");
	release(&r, d);
}

/* JSON is the daemon's own, and so is the choice. */
static void test_list_tree_as_json(void **state)
{
	struct daemon *d = daemon_start(elevations, NULL);
	struct result r = run(d, "list --json --tree --user dave");

	(void)state;
	assert_string_equal(d->requests[0].u.list.user, "dave");
	assert_int_equal(strncmp(r.out, "{\"sid\":\"04112233", 16), 0);
	assert_has(r.out, "\"user\":\"bob\"");
	release(&r, d);
}

static void test_list_of_nothing(void **state)
{
	struct daemon *d = daemon_start(no_session, NULL);
	struct result r = run(d, "list");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(
		r.out, "SID  USER  CLASS  SERVICE  FROM  SINCE  EXPIRES  LEADER  PHASE\n");
	release(&r, d);
}

static void same_page(struct daemon *d, const struct wire_frame *r)
{
	done(d, r, 5, 0);
}

static void test_list_that_goes_in_circles(void **state)
{
	struct daemon *d = daemon_start(same_page, same_page, same_page, NULL);
	struct result r = run(d, "list");

	(void)state;
	assert_int_equal(r.code, EXIT_UNAVAILABLE);
	assert_int_equal(d->n_requests, 2);
	release(&r, d);
}

static void test_text_that_cannot_be_sent(void **state)
{
	struct daemon *d = daemon_start(no_session, NULL);
	struct result r = run(d, "list --user a\033b");

	(void)state;
	assert_int_equal(r.code, EXIT_USAGE);
	assert_has(r.err, "the request holds text that cannot be sent");
	assert_int_equal(d->n_requests, 0);
	release(&r, d);
}

/* ---- show ---- */

static void one_session(struct daemon *d, const struct wire_frame *r)
{
	struct wire_session s = a_session(0xaa, "alice", T0);

	s.parent.b[0] = 1;
	strcpy(s.auth, "publickey \"x\\y\"");
	answer(d, r, WIRE_session, &s);
	done(d, r, 0, 1);
}

static void unknown(struct daemon *d, const struct wire_frame *r)
{
	error(d, r, WIRE_E_NO_SESSION, "no such session");
}

static void ambiguous(struct daemon *d, const struct wire_frame *r)
{
	error(d, r, WIRE_E_AMBIGUOUS, "the prefix fits more than one session");
}

static void forbidden(struct daemon *d, const struct wire_frame *r)
{
	error(d, r, WIRE_E_NOT_PERMITTED, "");
}

static void unavailable(struct daemon *d, const struct wire_frame *r)
{
	error(d, r, WIRE_E_UNAVAILABLE, "the ledger is full");
}

static void test_show(void **state)
{
	struct daemon *d = daemon_start(one_session, NULL);
	struct result r = run(d, "show aa11");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, "sid: aa112233440000000000000000000000\n"
				   "parent: 01000000000000000000000000000000\n"
				   "class: login\n"
				   "phase: active\n"
				   "user: alice\n"
				   "uid: 1000\n"
				   "service: sshd\n"
				   "rhost: 192.0.2.7\n"
				   "auth: publickey \"x\\y\"\n"
				   "leader_pid: 4711\n"
				   "opened_at: Nov 23 08:15 (2020-11-23T08:15:30.000000Z)\n"
				   "expires_at: Nov 23 09:15 (2020-11-23T09:15:30.000000Z)\n");
	assert_string_equal(d->requests[0].u.show.prefix, "aa11");
	release(&r, d);
}

static void test_show_json(void **state)
{
	struct daemon *d = daemon_start(one_session, NULL);
	struct result r = run(d, "show --json aa11");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_has(r.out, "\"auth\":\"publickey \\\"x\\\\y\\\"\"");
	assert_ptr_equal(strchr(r.out, '\n'), r.out + strlen(r.out) - 1);
	release(&r, d);
}

static void test_errors_of_the_daemon(void **state)
{
	static const struct {
		step_fn *step;
		int code;
		const char *err;
	} cases[] = {
		{unknown, EXIT_NO_SESSION, "sessctl: aa11: no such session\n"},
		{ambiguous, EXIT_USAGE, "sessctl: aa11: the prefix fits more than one session\n"},
		{forbidden, EXIT_FORBIDDEN, "sessctl: aa11: not permitted\n"},
		{unavailable, EXIT_UNAVAILABLE, "sessctl: aa11: the ledger is full\n"},
	};
	struct daemon *d;
	struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		d = daemon_start(cases[i].step, NULL);
		r = run(d, "show aa11");
		assert_int_equal(r.code, cases[i].code);
		assert_string_equal(r.err, cases[i].err);
		assert_string_equal(r.out, "");
		release(&r, d);
	}
}

/* ---- extend ---- */

static void extended(struct daemon *d, const struct wire_frame *r)
{
	struct wire_extended e = {.sid = {{0xaa, 0x11, 0x22, 0x33}},
		.user = "alice",
		.service = "sshd",
		.old_expires_at = T0,
		.expires_at = T0 + 3600 * SEC};

	answer(d, r, WIRE_extended, &e);
}

static void too_long(struct daemon *d, const struct wire_frame *r)
{
	error(d, r, WIRE_E_REFUSED, "policy \"p\" allows 2h");
}

static void test_extend(void **state)
{
	struct daemon *d = daemon_start(extended, NULL);
	struct result r = run(d, "extend aa11 1h --reason because");

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, "aa112233 alice sshd: ends Nov 23 09:15, not Nov 23 08:15\n");
	assert_int_equal(d->requests[0].type, WIRE_extend);
	assert_string_equal(d->requests[0].u.extend.prefix, "aa11");
	assert_int_equal(d->requests[0].u.extend.time, 3600 * SEC);
	assert_string_equal(d->requests[0].u.extend.text, "because");
	release(&r, d);
}

static void test_extend_json(void **state)
{
	struct daemon *d = daemon_start(extended, NULL);
	struct result r = run(d, "extend --json aa11 1h");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out,
		"{\"sid\":\"aa112233000000000000000000000000\",\"user\":\"alice\","
		"\"service\":\"sshd\",\"old_expires_at\":\"2020-11-23T08:15:30.000000Z\","
		"\"expires_at\":\"2020-11-23T09:15:30.000000Z\"}\n");
	release(&r, d);
}

static void test_extend_refused(void **state)
{
	struct daemon *d = daemon_start(too_long, NULL);
	struct result r = run(d, "extend aa11 3h");

	(void)state;
	assert_int_equal(r.code, EXIT_NO);
	assert_string_equal(r.err, "sessctl: aa11: policy \"p\" allows 2h\n");
	assert_string_equal(r.out, "");
	release(&r, d);
}

/* ---- policy explain ---- */

static void limits(struct daemon *d, const struct wire_frame *r)
{
	struct wire_limit l[] = {
		{.what = "class", .class = CLASS_LOGIN},
		{.what = "exempt", .policy = "free"},
		{.what = "lifetime", .policy = "day", .time = 12 * 3600 * SEC},
		{.what = "max_sessions", .policy = "few", .max = 2, .count = 1, .at_limit = "deny"},
		{.what = "no_match", .policy = "far", .why = "group, source"},
	};
	size_t i;

	for (i = 0; i < sizeof(l) / sizeof(l[0]); i++)
		answer(d, r, WIRE_limit, &l[i]);
	done(d, r, 0, i);
}

static void test_explain(void **state)
{
	struct daemon *d = daemon_start(limits, NULL);
	struct result r = run(d, "policy explain root --from 10.1.2.3 --service login");

	(void)state;
	assert_string_equal(r.err, "");
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, "class: login\n"
				   "exempt: from every limit (policy \"free\")\n"
				   "lifetime: 12h (policy \"day\")\n"
				   "max_sessions: 2, of which 1 are there, then deny (policy "
				   "\"few\")\n"
				   "policy \"far\" does not apply: group, source\n");
	assert_int_equal(d->requests[0].type, WIRE_explain);
	assert_string_equal(d->requests[0].u.explain.user, "root");
	assert_int_equal(d->requests[0].u.explain.uid, 0);
	assert_true(d->requests[0].u.explain.gids.n >= 1);
	assert_int_equal(d->requests[0].u.explain.gids.gid[0], 0);
	assert_string_equal(d->requests[0].u.explain.service, "login");
	assert_string_equal(d->requests[0].u.explain.rhost, "10.1.2.3");
	release(&r, d);
}

static void test_explain_json(void **state)
{
	struct daemon *d = daemon_start(limits, NULL);
	struct result r = run(d, "policy explain root -j");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_has(r.out, "{\"what\":\"class\",\"class\":\"login\"}\n");
	assert_has(r.out, "{\"what\":\"max_sessions\",\"policy\":\"few\",\"max\":2,\"count\":1,"
			  "\"at_limit\":\"deny\"}\n");
	assert_string_equal(d->requests[0].u.explain.service, "sshd");
	assert_string_equal(d->requests[0].u.explain.rhost, "");
	release(&r, d);
}

static void test_explain_forbidden(void **state)
{
	struct daemon *d = daemon_start(forbidden, NULL);
	struct result r = run(d, "policy explain root");

	(void)state;
	assert_int_equal(r.code, EXIT_FORBIDDEN);
	assert_has(r.err, "sessctl: root: ");
	assert_string_equal(r.out, "");
	release(&r, d);
}

/* ---- revoke ---- */

static struct wire_outcome an_outcome(uint8_t sid)
{
	return (struct wire_outcome){
		.sid = {{sid, 0x11, 0x22, 0x33}},
		.user = "alice",
		.service = "sshd",
		.reason = REASON_REVOKED,
		.signalled = 5,
		.elapsed = 12 * NS_PER_MS,
	};
}

static void ended(struct daemon *d, const struct wire_frame *r)
{
	struct wire_outcome o = an_outcome(0xaa);

	answer(d, r, WIRE_outcome, &o);
	done(d, r, 0, 1);
}

static void ended_two(struct daemon *d, const struct wire_frame *r)
{
	struct wire_outcome o = an_outcome(0xaa);

	o.signalled = 1;
	answer(d, r, WIRE_outcome, &o);
	o = an_outcome(0xbb);
	o.reason = REASON_LOGOUT;
	answer(d, r, WIRE_outcome, &o);
	done(d, r, 0, 2);
}

static void survived(struct daemon *d, const struct wire_frame *r)
{
	struct wire_outcome o = an_outcome(0xdd);

	o.survivors = 2;
	strcpy(o.survivor_list, "123 dd D, 124 cp D");
	answer(d, r, WIRE_outcome, &o);
	done(d, r, 0, 1);
}

static void hang_up(struct daemon *d, const struct wire_frame *r)
{
	(void)r;
	shutdown(d->fd, SHUT_RDWR);
}

static void test_revoke_user(void **state)
{
	struct daemon *d = daemon_start(ended_two, NULL);
	struct result r = run(d, "revoke --user alice --reason because");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.err, "");
	assert_string_equal(r.out,
		"aa112233 alice sshd: ended, 1 process gone in 12ms\n"
		"bb112233 alice sshd: ended, 5 processes gone in 12ms (logout)\n");
	assert_string_equal(d->requests[0].u.revoke.user, "alice");
	assert_string_equal(d->requests[0].u.revoke.prefix, "");
	assert_string_equal(d->requests[0].u.revoke.text, "because");
	release(&r, d);
}

static void left_over(struct daemon *d, const struct wire_frame *r)
{
	struct wire_outcome o = an_outcome(0);

	o.sid = (struct sid){{0}};
	o.audit_session = 17;
	strcpy(o.service, "tmux: server");
	answer(d, r, WIRE_outcome, &o);
	o.survivors = 1;
	strcpy(o.survivor_list, "123 dd D");
	answer(d, r, WIRE_outcome, &o);
	done(d, r, 0, 2);
}

/* One that is the sum of many, one whose host could not do all, and one that it does not do. */
static void on_hosts(struct daemon *d, const struct wire_frame *r)
{
	struct wire_outcome o = {
		.reason = REASON_REVOKED, .more = 30, .signalled = 90, .host = "web1"};

	answer(d, r, WIRE_outcome, &o);
	if (d->requests[0].u.revoke.all) {
		o.survivors = 2;
		answer(d, r, WIRE_outcome, &o);
		done(d, r, 0, 2);
		return;
	}
	o = (struct wire_outcome){.reason = REASON_REVOKED, .host = "web2"};
	strcpy(o.failed, "some may be left over");
	answer(d, r, WIRE_outcome, &o);
	done(d, r, 0, 2);
}

static void test_revoke_on_hosts(void **state)
{
	struct daemon *d = daemon_start(on_hosts, NULL);
	struct result r = run(d, "revoke --fleet --user alice");

	(void)state;
	assert_int_equal(r.code, EXIT_NO);
	assert_string_equal(r.out, "web1: and 30 more: ended, 90 processes gone in 0s\n"
				   "web2: FAILED: some may be left over\n");
	release(&r, d);
	d = daemon_start(on_hosts, NULL);
	r = run(d, "revoke --fleet --all");
	assert_int_equal(r.code, EXIT_NO);
	assert_string_equal(r.out, "web1: and 30 more: ended, 90 processes gone in 0s\n"
				   "web1: and 30 more: not ended: 2 of 90 processes still there\n");
	release(&r, d);
}

static void test_revoke_left_over(void **state)
{
	struct daemon *d = daemon_start(left_over, NULL);
	struct result r = run(d, "revoke --user root --cron");

	(void)state;
	assert_int_equal(r.code, EXIT_NO);
	assert_string_equal(r.out,
		"alice: left over (tmux: server): ended, 5 processes gone in 12ms\n"
		"alice: left over (tmux: server): not ended: 1 of 5 processes still there: 123 dd "
		"D\n");
	assert_true(d->requests[0].u.revoke.cron);
	assert_true(d->requests[0].u.revoke.id.set);
	assert_int_equal(d->requests[0].u.revoke.id.uid, 0);
	release(&r, d);
	d = daemon_start(left_over, NULL);
	r = run(d, "revoke --user root --json");
	assert_int_equal(strncmp(r.out,
				 "{\"user\":\"alice\",\"service\":\"tmux: server\","
				 "\"reason\":\"revoked\",",
				 60),
		0);
	assert_has(r.out, "\"audit_session\":17}\n");
	release(&r, d);
}

static void spared_one(struct daemon *d, const struct wire_frame *r)
{
	struct wire_session s = {.sid = {{0xaa, 0x11, 0x22, 0x33}},
		.class = CLASS_LOGIN,
		.phase = PHASE_ACTIVE,
		.user = "root",
		.service = "sshd"};

	answer(d, r, WIRE_session, &s);
	done(d, r, 0, 1);
}

static void test_revoke_all(void **state)
{
	struct daemon *d = daemon_start(spared_one, NULL);
	struct result r = run(d, "revoke --all");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, "");
	assert_string_equal(r.err, "sessctl: aa112233 root sshd is yours and goes on; end it with: "
				   "sessctl revoke aa112233\n");
	assert_true(d->requests[0].u.revoke.all);
	assert_string_equal(d->requests[0].u.revoke.user, "");
	release(&r, d);
	/* that there is nobody is no failure: it is done */
	d = daemon_start(no_session, NULL);
	r = run(d, "revoke --all");
	assert_int_equal(r.code, EXIT_DONE);
	release(&r, d);
}

static void test_revoke_goes_on_after_an_unknown_one(void **state)
{
	struct daemon *d = daemon_start(ended, unknown, ended, NULL);
	struct result r = run(d, "revoke aa11 bb11 cc11");

	(void)state;
	assert_int_equal(r.code, EXIT_NO_SESSION);
	assert_string_equal(r.err, "sessctl: bb11: no such session\n");
	assert_int_equal(d->n_requests, 3);
	assert_string_equal(d->requests[0].u.revoke.prefix, "aa11");
	assert_string_equal(d->requests[2].u.revoke.prefix, "cc11");
	release(&r, d);
}

static void test_revoke_survivors(void **state)
{
	struct daemon *d = daemon_start(survived, unknown, forbidden, ended, NULL);
	struct result r = run(d, "revoke aa11 bb11 cc11 dd11");

	(void)state;
	assert_int_equal(r.code, EXIT_NO); /* the gravest */
	assert_has(r.out, "dd112233 alice sshd: not ended: 2 of 5 processes still there: "
			  "123 dd D, 124 cp D\n");
	assert_has(r.out, "ended, 5 processes gone");
	assert_int_equal(d->n_requests, 4);
	release(&r, d);
}

static void test_revoke_json(void **state)
{
	struct daemon *d = daemon_start(survived, NULL);
	struct result r = run(d, "revoke --json dd11");

	(void)state;
	assert_int_equal(r.code, EXIT_NO);
	assert_string_equal(r.out,
		"{\"sid\":\"dd112233000000000000000000000000\",\"user\":\"alice\","
		"\"service\":\"sshd\",\"reason\":\"revoked\",\"signalled\":5,\"elapsed\":0.012000,"
		"\"survivors\":2,\"survivor_list\":\"123 dd D, 124 cp D\"}\n");
	release(&r, d);
}

static void test_revoke_user_without_sessions(void **state)
{
	struct daemon *d = daemon_start(no_session, NULL);
	struct result r = run(d, "revoke --user alcie");

	(void)state;
	assert_int_equal(r.code, EXIT_NO_SESSION);
	assert_string_equal(r.err, "sessctl: alcie: no such session, nor anything left over\n");
	release(&r, d);
}

static void test_revoke_cut_off(void **state)
{
	struct daemon *d = daemon_start(ended, hang_up, NULL);
	struct result r = run(d, "revoke aa11 bb11 cc11");

	(void)state;
	assert_int_equal(r.code, EXIT_UNAVAILABLE);
	assert_int_equal(d->n_requests, 2);
	assert_has(r.err, "sessd broke off the connection");
	assert_has(r.err, "what became of bb11");
	release(&r, d);
}

/* ---- status ---- */

static struct wire_state a_state(void)
{
	return (struct wire_state){
		.program = "sessd 0.1.0",
		.pid = 99,
		.started_at = T0,
		.config = "/etc/sessd/sessd.conf",
		.ledger = "/var/lib/sessd/ledger.db",
		.login = 3,
		.ledger_seq = 40,
		.boot_id = "b",
		.cgroup = true,
	};
}

static void healthy(struct daemon *d, const struct wire_frame *r)
{
	struct wire_state s = a_state();

	answer(d, r, WIRE_state, &s);
}

static void troubled(struct daemon *d, const struct wire_frame *r)
{
	struct wire_state s = a_state();

	strcpy(s.ledger_error, "disk full");
	strcpy(s.config_error, "line 3: no");
	answer(d, r, WIRE_state, &s);
}

static void test_status(void **state)
{
	struct daemon *d = daemon_start(healthy, NULL);
	struct result r = run(d, "status");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_int_equal(
		strncmp(r.out, "sessd 0.1.0 is running, pid 99, since Nov 23 08:15\n", 50), 0);
	assert_has(r.out, "\nlogin: 3\nelevation: 0\n");
	assert_has(r.out, "\npeer_pidfd: no\ncgroup: yes\n");
	assert_null(strstr(r.out, "TROUBLE"));
	release(&r, d);
}

static void test_status_with_trouble(void **state)
{
	struct daemon *d = daemon_start(troubled, NULL);
	struct result r = run(d, "status --color=always");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_has(r.out, "\n\033[1;31mTROUBLE: the ledger cannot be written\033[0m: disk full\n"
			  "\033[1;31mTROUBLE: the new configuration has a mistake, the one before "
			  "holds\033[0m: line 3: no\n");
	release(&r, d);
}

static void test_status_json(void **state)
{
	struct daemon *d = daemon_start(troubled, NULL);
	struct result r = run(d, "status --json");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_has(r.out, "\"ledger_error\":\"disk full\"");
	assert_has(r.out, "\"started_at\":\"2020-11-23T08:15:30.000000Z\"");
	release(&r, d);
}

/* ---- watch ---- */

#define EVENT_41 "{\"seq\":41,\"time\":\"2020-11-23T08:15:30Z\",\"event\":\"e41\",\"user\":\"al\"}"
#define EVENT_42 "{\"seq\":42,\"time\":\"2020-11-23T08:15:31Z\",\"event\":\"e42\"}"

static void event_41(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 41, false, EVENT_41 "\n");
}

static void nothing_new(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 0, false, "");
}

/* Without its newline, which sessd never does. */
static void event_42(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 42, false, EVENT_42);
}

static void test_watch(void **state)
{
	struct daemon *d = daemon_start(healthy, event_41, nothing_new, event_42, NULL);
	struct result r = run(d, "watch");

	(void)state;
	assert_string_equal(r.out, "Nov 23 08:15:30 e41 al -\nNov 23 08:15:31 e42 - -\n");
	assert_int_equal(r.code, EXIT_UNAVAILABLE); /* the daemon went away */
	assert_has(r.err, "sessd broke off the connection");
	assert_int_equal(d->requests[0].type, WIRE_status);
	assert_int_equal(d->requests[1].u.read.after, 40);
	assert_true(d->requests[1].u.read.wait);
	assert_int_equal(d->requests[2].u.read.after, 41);
	assert_int_equal(d->requests[3].u.read.after, 41);
	release(&r, d);
}

static void test_watch_json(void **state)
{
	struct daemon *d = daemon_start(healthy, event_41, event_42, NULL);
	struct result r = run(d, "watch --json");

	(void)state;
	assert_string_equal(r.out, EVENT_41 "\n" EVENT_42 "\n");
	release(&r, d);
}

/* Runs it with an output whose reader has gone away. */
static int run_into_broken_pipe(struct daemon *d, const char *line, char **ret_err)
{
	size_t size;
	FILE *out, *err = open_memstream(ret_err, &size);
	int fds[2], code;

	assert_non_null(err);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	out = fdopen(fds[1], "w");
	assert_non_null(out);
	code = run_into(d, line, out, err);
	fclose(out);
	fclose(err);
	daemon_join(d);
	return code;
}

static void test_watch_ends_quietly(void **state)
{
	struct daemon *d = daemon_start(healthy, event_41, event_42, NULL);
	char *err;

	(void)state;
	assert_int_equal(run_into_broken_pipe(d, "watch", &err), EXIT_DONE);
	assert_string_equal(err, "");
	assert_int_equal(d->n_requests, 2);
	free(err);
	daemon_free(d);
}

/* ---- output that fails ---- */

static void test_broken_pipe(void **state)
{
	struct daemon *d = daemon_start(one_session, NULL);
	char *err;

	(void)state;
	assert_int_equal(run_into_broken_pipe(d, "show aa11", &err), EXIT_NO);
	assert_string_equal(err, "sessctl: standard output: Broken pipe\n");
	free(err);
	daemon_free(d);
}

static void test_full_disk(void **state)
{
	static const char *const lines[] = {"list", "list --json", "audit export", "metrics"};
	struct daemon *d;
	FILE *out, *err;
	char *text;
	size_t i, size;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		d = daemon_start(i < 2 ? first_page : event_41, i < 2 ? second_page : NULL, NULL);
		out = fopen("/dev/full", "we");
		err = open_memstream(&text, &size);
		assert_non_null(out);
		assert_non_null(err);
		assert_int_equal(run_into(d, lines[i], out, err), EXIT_NO);
		fclose(out);
		fclose(err);
		assert_has(text, "sessctl: standard output: No space left on device\n");
		free(text);
		daemon_free(d);
	}
}

/* ---- audit, metrics ---- */

/* A ledger of four events, made once. */
static char ledger[4][256];

static void make_ledger(void)
{
	char hex[CHAIN_HEX + 1];
	struct chain c;
	int i, n;

	chain_init(&c);
	for (i = 0; i < 4; i++) {
		n = snprintf(ledger[i], sizeof(ledger[i]),
			"{\"seq\":%d,\"prev\":\"%s\",\"event\":\"e\"}", i + 1,
			hex_encode(c.hash, CHAIN_HASH, hex));
		chain_append(&c, ledger[i], (size_t)n);
		strcat(ledger[i], "\n");
	}
}

static void events_1_2(struct daemon *d, const struct wire_frame *r)
{
	char body[512];

	snprintf(body, sizeof(body), "%s%s", ledger[0], ledger[1]);
	page(d, r, 2, true, body);
}

static void event_3(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 3, true, ledger[2]);
}

static void event_4(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 4, false, ledger[3]);
}

static void event_3_last(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 3, false, ledger[2]);
}

static char *all_events(void)
{
	static char text[sizeof(ledger)];

	snprintf(text, sizeof(text), "%s%s%s%s", ledger[0], ledger[1], ledger[2], ledger[3]);
	return text;
}

static void test_export(void **state)
{
	struct daemon *d = daemon_start(events_1_2, event_3, event_4, NULL);
	struct result r = run(d, "audit export");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, all_events());
	assert_int_equal(d->requests[0].u.read.after, 0);
	assert_false(d->requests[0].u.read.wait);
	assert_int_equal(d->requests[2].u.read.after, 3);
	release(&r, d);
}

static void read_whole(const char *path, char *ret, size_t size)
{
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	ret[fread(ret, 1, size - 1, f)] = '\0';
	fclose(f);
}

static void test_export_to_file(void **state)
{
	struct daemon *d = daemon_start(events_1_2, event_3, event_4, NULL);
	char line[128], path[64], text[sizeof(ledger)];
	struct result r;
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/out", d->dir);
	snprintf(line, sizeof(line), "audit export -o %s", path);
	r = run(d, line);
	assert_string_equal(r.err, "");
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	read_whole(path, text, sizeof(text));
	assert_string_equal(text, all_events());
	unlink(path);
	release(&r, d); /* rmdir() finds what was left beside it */
}

static void write_whole(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* What was there stays, and nothing is left of the attempt. */
static void test_export_to_file_that_fails(void **state)
{
	struct daemon *d = daemon_start(events_1_2, hang_up, NULL);
	char line[128], path[64], text[64];
	struct result r;

	(void)state;
	snprintf(path, sizeof(path), "%s/out", d->dir);
	write_whole(path, "of yesterday\n");
	snprintf(line, sizeof(line), "audit export --output=%s", path);
	r = run(d, line);
	assert_int_equal(r.code, EXIT_UNAVAILABLE);
	read_whole(path, text, sizeof(text));
	assert_string_equal(text, "of yesterday\n");
	unlink(path);
	release(&r, d);
}

static void test_export_to_what_is_no_file(void **state)
{
	struct daemon *d = daemon_start(event_4, NULL);
	struct result r = run(d, "audit export -o /dev/null");

	(void)state;
	assert_int_equal(r.code, EXIT_NO);
	assert_string_equal(r.err, "sessctl: /dev/null: not a regular file; use standard output\n");
	release(&r, d);
	d = daemon_start(event_4, NULL);
	r = run(d, "audit export -o /nonexistent/folder/file");
	assert_int_equal(r.code, EXIT_NO);
	assert_has(r.err, "/nonexistent/folder/file: No such file or directory");
	release(&r, d);
}

static void kill_client(struct daemon *d, const struct wire_frame *r)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	(void)r;
	if (getsockopt(d->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid == getpid())
		abort();
	kill(cred.pid, SIGTERM);
	silent(d, r);
}

/* A signal in the middle of it; daemon_free() finds what it left. */
static void test_export_killed(void **state)
{
	struct daemon *d = daemon_absent();
	char line[128];
	FILE *null;
	int status;
	pid_t pid;

	(void)state;
	snprintf(line, sizeof(line), "audit export -o %s/out", d->dir);
	daemon_listen(d);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		null = fopen("/dev/null", "we");
		_exit(null ? run_into(d, line, null, null) : 99);
	}
	/* only now, because a process with threads should not fork */
	d->steps[d->n_steps++] = events_1_2;
	d->steps[d->n_steps++] = kill_client;
	daemon_run(d);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	daemon_free(d);
}

static void no_progress(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 0, true, "x\n");
}

static void test_pages_that_lead_nowhere(void **state)
{
	static const char *const lines[] = {"audit export", "audit verify", "metrics"};
	struct daemon *d;
	struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		d = daemon_start(no_progress, no_progress, NULL);
		r = run(d, lines[i]);
		assert_int_equal(r.code, EXIT_UNAVAILABLE);
		assert_has(r.err, "what answers on the socket is not sessd");
		release(&r, d);
	}
}

static void test_verify_live(void **state)
{
	struct daemon *d = daemon_start(events_1_2, event_3, event_4, NULL);
	struct result r = run(d, "audit verify");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_int_equal(strncmp(r.out, "4 events, chain intact, head ", 29), 0);
	assert_has(r.out, "There is no checkpoint");
	assert_has(r.out, "unanchored tail of 4 events");
	release(&r, d);
}

static void test_verify_live_with_a_gap(void **state)
{
	struct daemon *d = daemon_start(events_1_2, event_4, NULL);
	struct result r = run(d, "audit verify");

	(void)state;
	assert_int_equal(r.code, EXIT_NO);
	assert_string_equal(r.err, "");
	assert_has(r.out, "event 3 (line 3): the sequence number is not the next one\n");
	release(&r, d);
	d = daemon_start(events_1_2, event_4, NULL);
	r = run(d, "audit verify --json");
	assert_int_equal(r.code, EXIT_NO);
	assert_has(r.out, "{\"intact\":false,\"events\":2,\"first\":1,\"last\":2,\"head\":\"");
	assert_has(r.out,
		"\"sealed\":false,\"checkpoints\":0,\"sealed_to\":0,\"anchored\":false,"
		"\"tail\":2,\"beginnings\":0,\"pruned\":false,\"seq\":3,\"line\":3,\"error\":\"the "
		"sequence number is "
		"not the next one\"}\n");
	release(&r, d);
}

static void test_verify_file(void **state)
{
	struct daemon *d = daemon_absent();
	char line[128], path[64];
	struct result r;

	(void)state;
	snprintf(path, sizeof(path), "%s/ledger", d->dir);
	snprintf(line, sizeof(line), "audit verify %s", path);
	write_whole(path, all_events());
	r = run(d, line);
	assert_int_equal(r.code, EXIT_DONE);
	assert_int_equal(strncmp(r.out, "4 events, chain intact, head ", 29), 0);
	free(r.out);
	free(r.err);
	write_whole(path, all_events() + strlen(ledger[0]));
	r = run(d, line);
	assert_int_equal(r.code, EXIT_DONE);
	assert_has(r.out, "begins at seq 2: the events before it are not in this file");
	free(r.out);
	free(r.err);
	write_whole(path, "");
	r = run(d, line);
	assert_int_equal(r.code, EXIT_NO);
	assert_has(r.out, "there is no event to verify");
	unlink(path);
	free(r.out);
	free(r.err);
	r = run(d, line);
	assert_int_equal(r.code, EXIT_NO);
	assert_has(r.err, "No such file or directory");
	free(r.out);
	free(r.err);
	r = run(d, "audit verify /");
	assert_int_equal(r.code, EXIT_NO);
	assert_has(r.err, "sessctl: /: Is a directory");
	release(&r, d);
}

static void metrics_1(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 10, true, "# TYPE a\n");
}

static void metrics_2(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 15, false, "# EOF\n");
}

static void test_metrics(void **state)
{
	struct daemon *d = daemon_start(metrics_1, metrics_2, NULL);
	struct result r = run(d, "metrics");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, "# TYPE a\n# EOF\n");
	assert_int_equal(d->requests[0].u.metrics.after, 0);
	assert_int_equal(d->requests[1].u.metrics.after, 10);
	release(&r, d);
}

/* ---- a daemon that is not as it should be ---- */

static const char *const every_command[] = {"list", "list --json", "show aa11", "revoke aa11",
	"revoke --user al", "status", "status --json", "watch", "watch --json", "audit export",
	"audit verify", "metrics"};

#define N_EVERY (sizeof(every_command) / sizeof(every_command[0]))

static void test_down(void **state)
{
	struct daemon *d;
	struct result r;
	char want[160];
	size_t i;

	(void)state;
	for (i = 0; i < N_EVERY; i++) {
		d = daemon_absent();
		r = run(d, every_command[i]);
		snprintf(want, sizeof(want),
			"sessctl: %s: sessd is not running (systemctl start sessd)\n", d->path);
		assert_int_equal(r.code, EXIT_UNAVAILABLE);
		assert_string_equal(r.err, want);
		assert_string_equal(r.out, "");
		release(&r, d);
	}
}

static void test_timeout(void **state)
{
	struct daemon *d;
	struct result r;
	char line[64];
	size_t i;

	(void)state;
	for (i = 0; i < N_EVERY; i++) {
		d = daemon_start(silent, NULL);
		snprintf(line, sizeof(line), "--timeout 20ms %s", every_command[i]);
		r = run(d, line);
		assert_int_equal(r.code, EXIT_UNAVAILABLE);
		assert_has(r.err, "sessd does not answer");
		assert_has(r.err, d->path);
		release(&r, d);
	}
}

static void too_old(struct daemon *d, const struct wire_frame *r)
{
	error(d, r, WIRE_E_VERSION, "sessctl is too old");
}

static void too_many(struct daemon *d, const struct wire_frame *r)
{
	error(d, r, WIRE_E_LIMIT, "too many connections");
}

static void test_hello_refused(void **state)
{
	static const struct {
		step_fn *hello;
		const char *says;
	} cases[] = {
		{too_old, "sessctl is too old (install the same version"},
		{too_many, ": too many connections\n"},
	};
	struct daemon *d;
	struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		d = daemon_absent();
		d->hello = cases[i].hello;
		daemon_run(d);
		r = run(d, "list");
		assert_int_equal(r.code, EXIT_UNAVAILABLE);
		assert_has(r.err, cases[i].says);
		release(&r, d);
	}
}

static void rubbish(struct daemon *d, const struct wire_frame *r)
{
	(void)r;
	raw(d, "rubbish", 7);
}

static void giant(struct daemon *d, const struct wire_frame *r)
{
	static uint8_t packet[WIRE_MAX + 1000];

	(void)r;
	raw(d, packet, sizeof(packet));
}

static void old_serial(struct daemon *d, const struct wire_frame *r)
{
	struct wire_frame other = *r;

	other.serial--;
	done(d, &other, 0, 0);
}

/* Fits no command: it is an answer to what only the module asks. */
static void out_of_place(struct daemon *d, const struct wire_frame *r)
{
	struct wire_granted msg = {.tracked = true};

	answer(d, r, WIRE_granted, &msg);
}

static void test_answers_that_make_no_sense(void **state)
{
	static step_fn *const steps[] = {rubbish, giant, old_serial, out_of_place};
	struct daemon *d;
	struct result r;
	size_t i, k;

	(void)state;
	for (i = 0; i < N_EVERY; i++)
		for (k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			d = daemon_start(steps[k], NULL);
			r = run(d, every_command[i]);
			if (r.code != EXIT_UNAVAILABLE)
				fail_msg("%s, answer %zu: exit %d", every_command[i], k, r.code);
			assert_has(r.err, "what answers on the socket is not sessd");
			release(&r, d);
		}
}

/* Whatever bits are wrong, the program ends, with an exit code of its own and text that a terminal
 * can be shown. */
static void test_noise(void **state)
{
	static step_fn *const answers[N_EVERY][3] = {{first_page, second_page},
		{first_page, second_page}, {one_session}, {ended}, {ended_two}, {troubled},
		{troubled}, {healthy, event_41, event_42}, {healthy, event_41, event_42},
		{events_1_2, event_3_last}, {healthy, events_1_2, event_3_last},
		{metrics_1, metrics_2}};
	struct daemon *d;
	struct result r;
	unsigned seed;
	size_t i, k;
	char line[64];

	(void)state;
	for (seed = 1; seed <= 60; seed++)
		for (i = 0; i < N_EVERY; i++) {
			d = daemon_absent();
			for (k = 0; k < 3 && answers[i][k] != NULL; k++)
				d->steps[d->n_steps++] = answers[i][k];
			d->noise = seed;
			daemon_run(d);
			/* a flipped type may leave the client waiting for more */
			snprintf(line, sizeof(line), "--timeout 2s %s", every_command[i]);
			r = run(d, line);
			assert_in_range(r.code, EXIT_DONE, EXIT_NO_SESSION);
			assert_null(strchr(r.err, '\033'));
			release(&r, d);
		}
}

/* A socket that somebody else made is not believed. */
static void test_not_root(void **state)
{
	struct daemon *d;
	struct result r;
	int ready[2], status;
	pid_t pid;
	char c;

	(void)state;
	if (geteuid() != 0)
		skip();
	d = daemon_absent();
	assert_int_equal(chmod(d->dir, 0777), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		daemon_listen(d);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	r = run(d, "list");
	assert_int_equal(r.code, EXIT_UNAVAILABLE);
	assert_has(r.err, "what answers on the socket is not sessd (look at who owns the socket");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	release(&r, d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_all_of_user),
		cmocka_unit_test(test_list_json),
		cmocka_unit_test(test_list_tree),
		cmocka_unit_test(test_list_tree_of_user),
		cmocka_unit_test(test_list_tree_of_nobody),
		cmocka_unit_test(test_list_tree_as_json),
		cmocka_unit_test(test_list_of_nothing),
		cmocka_unit_test(test_list_that_goes_in_circles),
		cmocka_unit_test(test_text_that_cannot_be_sent),
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_show_json),
		cmocka_unit_test(test_errors_of_the_daemon),
		cmocka_unit_test(test_extend),
		cmocka_unit_test(test_extend_json),
		cmocka_unit_test(test_extend_refused),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_explain_json),
		cmocka_unit_test(test_explain_forbidden),
		cmocka_unit_test(test_revoke_user),
		cmocka_unit_test(test_revoke_on_hosts),
		cmocka_unit_test(test_revoke_left_over),
		cmocka_unit_test(test_revoke_all),
		cmocka_unit_test(test_revoke_goes_on_after_an_unknown_one),
		cmocka_unit_test(test_revoke_survivors),
		cmocka_unit_test(test_revoke_json),
		cmocka_unit_test(test_revoke_user_without_sessions),
		cmocka_unit_test(test_revoke_cut_off),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_with_trouble),
		cmocka_unit_test(test_status_json),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_watch_json),
		cmocka_unit_test(test_watch_ends_quietly),
		cmocka_unit_test(test_broken_pipe),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_export_to_file),
		cmocka_unit_test(test_export_to_file_that_fails),
		cmocka_unit_test(test_export_to_what_is_no_file),
		cmocka_unit_test(test_export_killed),
		cmocka_unit_test(test_pages_that_lead_nowhere),
		cmocka_unit_test(test_verify_live),
		cmocka_unit_test(test_verify_live_with_a_gap),
		cmocka_unit_test(test_verify_file),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_hello_refused),
		cmocka_unit_test(test_answers_that_make_no_sense),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_not_root),
	};

	signal(SIGPIPE, SIG_IGN);
	setenv("TZ", "UTC", 1);
	unsetenv("NO_COLOR");
	tzset();
	make_ledger();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
