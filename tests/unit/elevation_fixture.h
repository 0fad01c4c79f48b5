/* Logins with an audit session, and who calls su or sudo in them. */
#ifndef TESTS_UNIT_ELEVATION_FIXTURE_H
#define TESTS_UNIT_ELEVATION_FIXTURE_H

#include "tests/unit/core_fixture.h"

#define HERE  UINT32_C(3000000001) /* audit sessions that no process has */
#define THERE UINT32_C(3000000002)
#define OVER  UINT32_C(3000000003)

/* As others may see it. */
static inline const struct wire_session *seen(const struct session *s)
{
	static struct wire_session rec;

	session_record(s, &rec);
	return &rec;
}

static inline struct login *log_in(
	struct world *w, uid_t uid, const char *service, uint32_t audit_session)
{
	struct login *l = arrive(w, uid, service);

	l->caller.audit_session = audit_session;
	ask(w, l);
	assert_granted(w, l);
	return l;
}

/* As sudo runs: its real user is who called it. */
static inline void live_as_anna(struct shared *shared)
{
	if (setresuid(ANNA, ANNA, ANNA) == 0)
		live_on(shared);
}

static inline bool is_anna(pid_t pid)
{
	struct proc_owner owner = {.size = 0};

	return proc_owner(pid, &owner) == 0 && owner.uid == ANNA;
}

/* One who is not root, and comes from there. */
static inline struct login *caller_of(struct world *w, const char *service, uint32_t audit_session)
{
	struct login *l = arrive_as(w, ANNA, service, live_as_anna);

	await(is_anna(l->caller.pid));
	l->caller.audit_session = audit_session;
	return l;
}

/* His account phase: he is let through, or not. What is not in `acct` is of the caller. */
static inline void ask_account(struct world *w, struct login *l, struct wire_acct *acct)
{
	const struct event event = {
		.type = EVENT_ACCT, .caller = &l->caller, .answer = &l->answer, .u.acct = acct};

	if (acct->user[0] == '\0') {
		memcpy(acct->user, l->open.user, sizeof(acct->user));
		acct->uid = l->open.uid;
	}
	memcpy(acct->service, l->open.service, sizeof(acct->service));
	l->answers = 0;
	core_handle(w->core, &event);
	/* as the module does, which finds the same token once more */
	if (l->type == WIRE_outdated) {
		acct->again = true;
		l->answers = 0;
		core_handle(w->core, &event);
	}
	assert_int_equal(l->answers, 1);
	assert_true(l->type == WIRE_granted || l->type == WIRE_refused);
}

#endif
