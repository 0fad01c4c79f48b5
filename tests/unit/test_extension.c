/* An administrator moves the end of a session: how far, what is recorded, and when it is answered.
 */
#include "tests/unit/core_fixture.h"

#include "common/duration.h"

#include <fcntl.h>
#include <sys/stat.h>

#define HOUR (3600 * NS_PER_SEC)

/* One request, and what it was answered. */
struct request {
	struct answer answer;
	struct wire_extend ask;
	unsigned answers;
	enum wire_type type;
	struct wire_extended extended;
	struct wire_error error;
};

static void note(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct request *r = (struct request *)(void *)answer;

	assert_true(last);
	assert_int_equal(r->answers++, 0);
	r->type = type;
	if (type == WIRE_extended)
		r->extended = *(const struct wire_extended *)msg;
	else
		r->error = *(const struct wire_error *)msg;
}

static void send_as(struct world *w, struct request *r, const struct login *l, uint64_t time,
	const struct caller *caller)
{
	const struct event event = {
		.type = EVENT_EXTEND, .caller = caller, .answer = &r->answer, .u.extend = &r->ask};
	char sid[SID_HEX + 1];

	*r = (struct request){.answer.fn = note, .ask.time = time};
	snprintf(r->ask.prefix, sizeof(r->ask.prefix), "%s", sid_hex(&l->open.sid, sid));
	core_handle(w->core, &event);
}

static void extend(struct world *w, struct request *r, const struct login *l, uint64_t time)
{
	static const struct caller root = {.audit_session = PROC_NO_AUDIT, .admin = true};

	send_as(w, r, l, time, &root);
}

static void assert_refused(const struct request *r, enum wire_errno code, const char *words)
{
	assert_int_equal(r->answers, 1);
	assert_int_equal(r->type, WIRE_error);
	assert_int_equal(r->error.code, code);
	if (strstr(r->error.text, words) == NULL)
		fail_msg("`%s` is not in `%s`", words, r->error.text);
}

static void moves_the_end(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct request r;
	struct login *l;
	uint64_t deadline, expires;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = HOUR});
	l = enter(w, ANNA, sshd);
	s = session_of(w, l);
	deadline = s->deadline_at;
	expires = s->expires_at;
	extend(w, &r, l, 2 * HOUR);
	/* it holds at once, and is answered when it is on disk */
	assert_int_equal(r.answers, 0);
	assert_int_equal(s->deadline_at, deadline + 2 * HOUR);
	assert_int_equal(s->deadline.key, deadline + 2 * HOUR);
	WAIT_UNTIL(w->f, r.answers > 0);
	assert_int_equal(r.type, WIRE_extended);
	assert_int_equal(r.extended.old_expires_at, expires);
	assert_int_equal(r.extended.expires_at, expires + 2 * HOUR);
	assert_true(sid_equal(&r.extended.sid, &l->open.sid));
	assert_string_equal(r.extended.user, "anna");
	assert_string_equal(r.extended.service, "sshd");
	assert_int_equal(s->expires_at, expires + 2 * HOUR);
	assert_active(w, l);
}

/* Counted from the login, by the strictest of what applies now. */
static void as_far_as_the_policy_allows(void **state)
{
	struct world *w = *state;
	struct request r;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = HOUR, .max_lifetime = 4 * HOUR},
		{.name = two, .any_group = true, .services = only_sshd, .max_lifetime = 3 * HOUR},
		{.name = three, .any_group = true, .max_lifetime = HOUR, .users = only_anna});
	l = enter(w, BEN, sshd);
	extend(w, &r, l, 2 * HOUR + 1);
	assert_refused(&r, WIRE_E_REFUSED,
		"policy \"two\" allows a session to last 3h at most: it can be extended by 2h");
	extend(w, &r, l, HOUR);
	WAIT_UNTIL(w->f, r.answers > 0);
	assert_int_equal(r.type, WIRE_extended);
	extend(w, &r, l, HOUR);
	WAIT_UNTIL(w->f, r.answers > 0);
	assert_int_equal(r.type, WIRE_extended);
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_REFUSED, "extended by 0");
	assert_int_equal(session_of(w, l)->expires_at - session_of(w, l)->opened_at, 3 * HOUR);

	l = enter(w, ANNA, sshd);
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_REFUSED, "policy \"three\"");
}

/* Where no policy says how far, it is still a time that the clock can hold. */
static void not_for_ever(void **state)
{
	struct world *w = *state;
	struct request r;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = HOUR});
	l = enter(w, ANNA, sshd);
	extend(w, &r, l, DURATION_MAX - HOUR);
	WAIT_UNTIL(w->f, r.answers > 0);
	assert_int_equal(r.type, WIRE_extended);
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_REFUSED, "no session can last longer");
	extend(w, &r, l, 0);
	assert_refused(&r, WIRE_E_INVALID, "");
	extend(w, &r, l, UINT64_MAX);
	assert_refused(&r, WIRE_E_INVALID, "");
}

static void only_what_lives_and_will_end(void **state)
{
	struct world *w = *state;
	struct wire_revoke revoke = {.user = "anna"};
	struct caller plain = {.uid = ANNA, .audit_session = PROC_NO_AUDIT};
	struct caller root = {.audit_session = PROC_NO_AUDIT, .admin = true};
	const struct event end = {.type = EVENT_REVOKE, .caller = &root, .u.revoke = &revoke};
	struct request r;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .max_lifetime = HOUR},
		{.name = two, .any_group = true, .lifetime = HOUR, .users = only_anna});
	l = enter(w, BEN, sshd);
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_REFUSED, "has no lifetime");

	l = start(w, ANNA, sshd);
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_REFUSED, "not open yet");
	assert_granted(w, l);
	/* his own, but he is no administrator */
	send_as(w, &r, l, 1, &plain);
	assert_refused(&r, WIRE_E_NOT_PERMITTED, "");
	core_handle(w->core, &end);
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_REFUSED, "being ended");
	WAIT_UNTIL(w->f, session_of(w, l) == NULL);
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_NO_SESSION, "");
}

/* The session ends before the ledger has it: the answer is given all the same. */
static void gone_meanwhile(void **state)
{
	struct world *w = *state;
	struct wire_close close_;
	struct event end = {.type = EVENT_CLOSE, .u.close = &close_};
	struct request r;
	struct login *l;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = HOUR});
	l = enter(w, ANNA, sshd);
	extend(w, &r, l, HOUR);
	close_.sid = l->open.sid;
	end.caller = &l->caller;
	core_handle(w->core, &end);
	assert_null(session_of(w, l));
	WAIT_UNTIL(w->f, r.answers > 0);
	assert_int_equal(r.type, WIRE_extended);
	/* and one that nobody will hear of any more is freed with core */
	l = enter(w, ANNA, sshd);
	extend(w, &r, l, HOUR);
}

/* It is ended at its new time, not at the old one. */
static void ends_at_the_new_time(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct request r;
	struct login *l;
	uint64_t old;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = 300 * NS_PER_MS});
	l = enter(w, ANNA, sshd);
	s = session_of(w, l);
	old = s->deadline_at;
	extend(w, &r, l, 400 * NS_PER_MS);
	WAIT_UNTIL(w->f, session_of(w, l) == NULL);
	assert_int_equal(r.type, WIRE_extended);
	assert_true(clock_boot() >= old + 400 * NS_PER_MS);
	assert_int_equal(w->metrics.ended[REASON_LIFETIME], 1);
}

/* As logind names them; without a process in them. */
static void make_scope(struct world *w, uint32_t audit_session)
{
	char path[200];

	w->cgroups.root_fd = open(w->f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->cgroups.root_fd >= 0);
	snprintf(path, sizeof(path), "%s/user.slice", w->f->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/user.slice/user-%u.slice", w->f->dir, ANNA);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/user.slice/user-%u.slice/session-%u.scope", w->f->dir,
		ANNA, (unsigned)audit_session);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void remove_scope(struct world *w, uint32_t audit_session)
{
	char path[200];

	close(w->cgroups.root_fd);
	w->cgroups.root_fd = -1;
	snprintf(path, sizeof(path), "%s/user.slice/user-%u.slice/session-%u.scope", w->f->dir,
		ANNA, (unsigned)audit_session);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/user.slice/user-%u.slice", w->f->dir, ANNA);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/user.slice", w->f->dir);
	assert_int_equal(rmdir(path), 0);
}

/* systemd ends a scope when it was told at the login; a policy of today does not change that. */
static void not_beyond_its_scope(void **state)
{
	struct world *w = *state;
	struct login *l, *other;
	struct request r;

	POLICIES(w, {.name = one, .any_group = true, .lifetime = HOUR, .max_lifetime = 2 * HOUR});
	l = arrive(w, ANNA, sshd);
	l->caller.audit_session = 77;
	ask(w, l);
	assert_granted(w, l);
	other = enter(w, BEN, sshd);
	make_scope(w, 77);
	policies_[0].max_lifetime = 9 * HOUR;
	extend(w, &r, l, HOUR + 1);
	assert_refused(&r, WIRE_E_REFUSED, "after 2h: it can be extended by 1h;");
	extend(w, &r, l, UINT64_C(8) * HOUR);
	assert_refused(&r, WIRE_E_REFUSED, "set max_lifetime first");
	extend(w, &r, l, HOUR);
	WAIT_UNTIL(w->f, r.answers > 0);
	assert_int_equal(r.type, WIRE_extended);
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_REFUSED, "extended by 0s;");
	/* the grace at its end must fit in, too */
	policies_[0].grace = HOUR / 4;
	extend(w, &r, l, 1);
	assert_refused(&r, WIRE_E_REFUSED, "after 1h45m: it can be extended by 0s;");
	policies_[0].grace = 0;
	/* one without a scope is not concerned */
	extend(w, &r, other, 8 * HOUR);
	WAIT_UNTIL(w->f, r.answers > 0);
	assert_int_equal(r.type, WIRE_extended);
	remove_scope(w, 77);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(moves_the_end),
		TEST(as_far_as_the_policy_allows),
		TEST(not_for_ever),
		TEST(only_what_lives_and_will_end),
		TEST(gone_meanwhile),
		TEST(ends_at_the_new_time),
		TEST(not_beyond_its_scope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
