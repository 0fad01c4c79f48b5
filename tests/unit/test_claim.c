/* Who may prove himself again, by the kernel's word; what is counted and recorded of it. */
#include "tests/unit/core_fixture.h"

#include "sessd/core_state.h"

#define HERE  UINT32_C(3000000001) /* audit sessions that no process has */
#define THERE UINT32_C(3000000002)

/* What sessd-reauth was answered. */
struct verdict_of {
	struct answer answer;
	enum wire_type type; /* 0: none yet */
	enum wire_errno error;
	enum reason reason;
	char text[TEXT_LONG_MAX + 1];
	struct wire_claimant claimant;
};

static void heard(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct verdict_of *v = (struct verdict_of *)(void *)answer;

	assert_true(last);
	assert_int_equal(v->type, 0);
	v->type = type;
	if (type == WIRE_claimant) {
		v->claimant = *(const struct wire_claimant *)msg;
	} else if (type == WIRE_refused) {
		v->reason = ((const struct wire_refused *)msg)->reason;
		strcpy(v->text, ((const struct wire_refused *)msg)->text);
	} else if (type == WIRE_error) {
		v->error = (enum wire_errno)((const struct wire_error *)msg)->code;
		strcpy(v->text, ((const struct wire_error *)msg)->text);
	}
}

/* A login, and a process in it. */
static struct login *log_in(struct world *w, uid_t uid, uint32_t audit_session)
{
	struct login *l = arrive(w, uid, sshd);

	l->caller.uid = uid;
	l->caller.audit_session = audit_session;
	ask(w, l);
	assert_granted(w, l);
	return l;
}

static struct verdict_of begin(struct world *w, const struct caller *claimant)
{
	struct verdict_of v = {.answer.fn = heard};
	const struct event event = {.type = EVENT_REAUTH, .caller = claimant, .answer = &v.answer};

	core_handle(w->core, &event);
	assert_true(v.type != 0);
	return v;
}

static struct verdict_of settle(
	struct world *w, const struct caller *claimant, const struct wire_reauthenticated *tried)
{
	struct verdict_of v = {.answer.fn = heard};
	const struct event event = {.type = EVENT_REAUTH_TRIED,
		.caller = claimant,
		.answer = &v.answer,
		.u.reauth_tried = tried};

	core_handle(w->core, &event);
	WAIT_UNTIL(w->f, v.type != 0);
	return v;
}

static struct wire_reauthenticated result_of(const struct login *l, bool is_proved)
{
	struct wire_reauthenticated r = {.pid = (uint64_t)l->caller.pid,
		.start = l->caller.start,
		.sid = l->open.sid,
		.uid = l->open.uid,
		.proved = is_proved};

	strcpy(r.user, l->open.user);
	strcpy(r.text, is_proved ? "" : "Authentication failure");
	return r;
}

/* How many lines of the ledger have all of these words. */
struct search {
	const char *event, *words;
	unsigned n;
};

static void search_line(void *ctx, const char *line)
{
	struct search *s = ctx;

	s->n += strstr(line, s->event) != NULL && strstr(line, s->words) != NULL;
}

static bool all_on_disk(const struct world *w)
{
	struct ledger_stats stats;

	ledger_stats(w->f->ledger, &stats);
	return stats.queued == 0;
}

static unsigned recorded(struct world *w, const char *event, const char *words)
{
	struct search s = {.event = event, .words = words};

	WAIT_UNTIL(w->f, all_on_disk(w));
	each_line(w->f, LEDGER_ALL_UIDS, search_line, &s);
	return s.n;
}

static void proves_himself(void **state)
{
	struct world *w = *state;
	struct login *l = log_in(w, ANNA, HERE);
	struct wire_reauthenticated result = result_of(l, true);
	uint64_t before = session_of(w, l)->authenticated;
	struct verdict_of v = begin(w, &l->caller);

	assert_int_equal(v.type, WIRE_claimant);
	assert_true(sid_equal(&v.claimant.sid, &l->open.sid));
	assert_string_equal(v.claimant.user, "anna");
	assert_int_equal(v.claimant.uid, ANNA);
	assert_int_equal(v.claimant.start, l->caller.start);
	assert_int_equal(settle(w, &l->caller, &result).type, WIRE_done);
	assert_true(session_of(w, l)->authenticated > before);
	assert_int_equal(recorded(w, "\"reauthenticated\"", "\"auth\":\"sessd-reauth\""), 1);
	assert_int_equal(recorded(w, "\"reauth_refused\"", ""), 0);
}

static void fails(void **state)
{
	struct world *w = *state;
	struct login *l = log_in(w, ANNA, HERE);
	struct wire_reauthenticated result = result_of(l, false);
	uint64_t before = session_of(w, l)->authenticated;

	assert_int_equal(settle(w, &l->caller, &result).type, WIRE_done);
	assert_int_equal(settle(w, NULL, &result).type, WIRE_done);
	assert_int_equal(session_of(w, l)->authenticated, before);
	assert_int_equal(recorded(w, "\"reauth_refused\"", "Authentication failure"), 2);
	/* the session is over */
	assert_int_equal(sid_random(&result.sid), 0);
	assert_int_equal(settle(w, NULL, &result).type, WIRE_done);
	assert_int_equal(recorded(w, "\"reauth_refused\"", "\"user\":\"anna\""), 3);
	assert_int_equal(recorded(w, "\"reauthenticated\"", ""), 0);
}

/* Whoever asks must be the user of a live session. */
static void wrong_process(void **state)
{
	struct world *w = *state;
	struct login *l = log_in(w, ANNA, HERE);
	struct wire_reauthenticated result = result_of(l, true);
	struct caller other = l->caller;
	struct verdict_of v;

	other.uid = 0;
	v = begin(w, &other);
	assert_int_equal(v.error, WIRE_E_NOT_PERMITTED);
	assert_non_null(strstr(v.text, "this session is anna's"));
	assert_int_equal(settle(w, &other, &result).error, WIRE_E_NOT_PERMITTED);
	other = l->caller;
	other.audit_session = THERE;
	assert_int_equal(begin(w, &other).error, WIRE_E_NO_SESSION);
	assert_int_equal(settle(w, &other, &result).error, WIRE_E_NO_SESSION);
	other.audit_session = PROC_NO_AUDIT;
	assert_int_equal(begin(w, &other).error, WIRE_E_NO_SESSION);
	assert_int_equal(recorded(w, "\"reauthenticated\"", ""), 0);
}

/* The process that proved himself has gone, and another one has its number. */
static void another_process(void **state)
{
	struct world *w = *state;
	struct login *l = log_in(w, ANNA, HERE);
	struct wire_reauthenticated result = result_of(l, true);
	struct caller reused = l->caller;

	reused.start++;
	assert_int_equal(settle(w, &reused, &result).error, WIRE_E_NO_SESSION);
	assert_int_equal(settle(w, NULL, &result).error, WIRE_E_NO_SESSION);
	assert_int_equal(recorded(w, "\"reauthenticated\"", ""), 0);
}

/* It is in another session than the one that was asked about. */
static void another_session(void **state)
{
	struct world *w = *state;
	struct login *one_login = log_in(w, ANNA, HERE), *other = log_in(w, ANNA, THERE);
	struct wire_reauthenticated result = result_of(one_login, true);

	result.pid = (uint64_t)other->caller.pid;
	result.start = other->caller.start;
	assert_int_equal(settle(w, &other->caller, &result).error, WIRE_E_NO_SESSION);
	assert_int_equal(recorded(w, "\"reauthenticated\"", ""), 0);
}

static void too_many(void **state)
{
	struct world *w = *state;
	struct login *l = log_in(w, ANNA, HERE), *ben = log_in(w, BEN, THERE);
	struct wire_reauthenticated result = result_of(l, true);
	struct verdict_of v;
	unsigned i;

	/* what succeeds is not counted */
	for (i = 0; i < 2 * TRIES_MAX; i++) {
		assert_int_equal(begin(w, &l->caller).type, WIRE_claimant);
		assert_int_equal(settle(w, &l->caller, &result).type, WIRE_done);
	}
	for (i = 0; i < TRIES_MAX; i++)
		assert_int_equal(begin(w, &l->caller).type, WIRE_claimant);
	for (i = 0; i < 3; i++) {
		v = begin(w, &l->caller);
		assert_int_equal(v.type, WIRE_refused);
		assert_int_equal(v.reason, REASON_REAUTH);
	}
	assert_int_equal(recorded(w, "\"reauth_refused\"", "too many tries"), 1);
	assert_int_equal(begin(w, &ben->caller).type, WIRE_claimant);
}

/* The lock ends the session; but until that is done, nothing is asked for it. */
static void locked(void **state)
{
	struct world *w = *state;
	struct login *l = log_in(w, ANNA, HERE);
	struct wire_reauthenticated result = result_of(l, true);
	const struct wire_locked what = {
		.kind = "user", .name = "anna", .message = "call 4711", .set_at = 1};
	struct verdict_of v;

	assert_non_null(locks_put(w->core, &what, 0));
	v = begin(w, &l->caller);
	assert_int_equal(v.type, WIRE_refused);
	assert_int_equal(v.reason, REASON_LOCKED);
	assert_string_equal(v.text, "call 4711");
	assert_int_equal(settle(w, &l->caller, &result).reason, REASON_LOCKED);
	assert_int_equal(recorded(w, "\"reauth_refused\"", "call 4711"), 2);
	assert_int_equal(recorded(w, "\"reauthenticated\"", ""), 0);
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_WORLD(proves_himself),
		WITH_WORLD(fails),
		WITH_WORLD(wrong_process),
		WITH_WORLD(another_process),
		WITH_WORLD(another_session),
		WITH_WORLD(too_many),
		WITH_WORLD(locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
