/* What outlives its session, in core: processes that have a login uid and an audit session, and no
 * session of the table. */
#include "tests/unit/core_fixture.h"

#include "common/timestamp.h"
#include "sessd/core_state.h"

/* Whoever asked, and what he heard. */
struct order {
	struct answer answer;
	unsigned outcomes, sessions;
	struct wire_outcome outcome; /* the last one */
	enum wire_type last;	     /* 0: none yet */
	enum wire_errno error;
	uint64_t count;
};

static void ordered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct order *o = (struct order *)(void *)answer;

	o->sessions += type == WIRE_session;
	if (type == WIRE_outcome) {
		o->outcomes++;
		o->outcome = *(const struct wire_outcome *)msg;
	}
	if (!last)
		return;
	assert_int_equal(o->last, 0);
	o->last = type;
	if (type == WIRE_error)
		o->error = (enum wire_errno)((const struct wire_error *)msg)->code;
	else
		o->count = ((const struct wire_done *)msg)->count;
}

static const struct caller root = {.pidfd = -1, .audit_session = PROC_NO_AUDIT, .admin = true};
static const struct caller ben = {.pidfd = -1, .audit_session = PROC_NO_AUDIT, .uid = BEN};

static void begin_order(struct world *w, struct order *o, const struct caller *caller,
	const struct wire_revoke *want)
{
	struct event event = {
		.type = EVENT_REVOKE, .caller = caller, .answer = &o->answer, .u.revoke = want};

	*o = (struct order){.answer.fn = ordered};
	core_handle(w->core, &event);
}

static struct order order(
	struct world *w, const struct caller *caller, const struct wire_revoke *want)
{
	struct order o;

	begin_order(w, &o, caller, want);
	WAIT_UNTIL(w->f, o.last != 0);
	return o;
}

static struct wire_revoke everything_of(uid_t uid)
{
	struct wire_revoke want = {.id = {.set = true, .uid = uid}};

	snprintf(want.user, sizeof(want.user), "%s", uid == ANNA ? "anna" : "ben");
	return want;
}

/* A process that a login of the user started, and what it does. */
static pid_t begin(struct world *w, uid_t login, process_fn *fn, uint32_t *ret_audit)
{
	struct shared *shared = w->shared;
	char text[16];
	pid_t pid;
	int n = snprintf(text, sizeof(text), "%u", (unsigned)login);

	assert_true(n > 0);
	atomic_store(&shared->ready, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (write_text(AT_FDCWD, "/proc/self/loginuid", text) < 0)
			_exit(1);
		fn(shared);
		_exit(0);
	}
	await(atomic_load(&shared->ready) != 0);
	assert_int_equal(proc_audit_session(pid, ret_audit), 0);
	return pid;
}

static void be_anna(struct shared *shared)
{
	if (setresgid(ANNA, ANNA, ANNA) < 0 || setresuid(ANNA, ANNA, ANNA) < 0)
		_exit(1);
	atomic_store(&shared->ready, 1);
	live_on(shared);
}

static void be_root(struct shared *shared)
{
	atomic_store(&shared->ready, 1);
	live_on(shared);
}

struct search {
	const char *event;
	unsigned n;
};

static void search_line(void *ctx, const char *line)
{
	struct search *s = ctx;

	s->n += strstr(line, s->event) != NULL;
}

static unsigned entries(const struct world *w, const char *event)
{
	struct search s = {.event = event};

	each_line(w->f, LEDGER_ALL_UIDS, search_line, &s);
	return s.n;
}

static void of_one_user(void **state)
{
	struct world *w = *state;
	struct wire_revoke want = everything_of(ANNA);
	uint32_t audit, other_audit, root_audit;
	pid_t left, other, root_left;
	struct order o;

	NEED_AUDIT();
	left = begin(w, ANNA, be_anna, &audit);
	root_left = begin(w, ANNA, be_root, &root_audit);
	other = begin(w, BEN, be_root, &other_audit);
	enter(w, ANNA, sshd);
	o = order(w, &root, &want);
	assert_int_equal(o.last, WIRE_done);
	assert_int_equal(o.outcomes, 3);
	assert_int_equal(o.count, 3);
	assert_int_equal(o.outcome.audit_session, root_audit);
	assert_string_equal(o.outcome.user, "anna");
	assert_int_equal(o.outcome.signalled, 1);
	assert_int_equal(o.outcome.reason, REASON_REVOKED);
	assert_true(is_dead(left));
	assert_true(is_dead(root_left));
	assert_false(is_dead(other));
	assert_int_equal(entries(w, "\"leftovers_ended\""), 2);
	o = order(w, &root, &want);
	assert_int_equal(o.count, 0);
	finish(left);
	finish(root_left);
	finish(other);
}

static void of_nobody_else(void **state)
{
	struct world *w = *state;
	struct wire_revoke want = everything_of(ANNA);
	uint32_t audit;
	pid_t left;
	struct order o;

	NEED_AUDIT();
	left = begin(w, ANNA, be_anna, &audit);
	o = order(w, &ben, &want);
	assert_int_equal(o.error, WIRE_E_NOT_PERMITTED);
	/* under his own name, either */
	strcpy(want.user, "ben");
	o = order(w, &ben, &want);
	assert_int_equal(o.error, WIRE_E_NOT_PERMITTED);
	want = (struct wire_revoke){.all = true};
	o = order(w, &ben, &want);
	assert_int_equal(o.error, WIRE_E_NOT_PERMITTED);
	assert_false(is_dead(left));
	finish(left);
}

/* What a session of the table has is not left over; a su in it is not such a session. */
static void not_what_a_session_has(void **state)
{
	struct world *w = *state;
	struct wire_revoke want = everything_of(ANNA);
	struct login *job, *elevation;
	uint32_t audit;
	pid_t left;
	struct order o;

	NEED_AUDIT();
	left = begin(w, ANNA, be_anna, &audit);
	job = arrive(w, ANNA, cron);
	job->caller.audit_session = audit;
	ask(w, job);
	assert_granted(w, job);
	o = order(w, &root, &want);
	assert_int_equal(o.count, 0);
	assert_false(is_dead(left));
	assert_active(w, job);
	want.cron = true;
	o = order(w, &root, &want);
	WAIT_UNTIL(w->f, session_of(w, job) == NULL);
	assert_true(is_dead(job->caller.pid));
	finish(left);

	left = begin(w, ANNA, be_anna, &audit);
	elevation = arrive(w, 0, sudo);
	elevation->caller.audit_session = audit;
	ask(w, elevation);
	assert_granted(w, elevation);
	o = order(w, &root, &want);
	assert_int_equal(o.count, 1);
	assert_true(is_dead(left));
	WAIT_UNTIL(w->f, session_of(w, elevation) == NULL);
	finish(left);
}

/* Only root's processes: a login that began before the order's first look and opens its session in
 * time is let alone, one that began after it, too. */
static void not_a_login_that_begins(void **state)
{
	struct world *w = *state;
	struct wire_revoke want = everything_of(ANNA);
	uint32_t audit, early_audit, late_audit;
	pid_t left, early, late, sign;
	struct login *l;
	struct order o;

	NEED_AUDIT();
	sign = begin(w, ANNA, be_anna, &audit);
	left = begin(w, ANNA, be_root, &audit);
	early = begin(w, ANNA, be_root, &early_audit);
	begin_order(w, &o, &root, &want);
	/* she has more than root's processes there, so that the first look ends it */
	WAIT_UNTIL(w->f, is_dead(sign));
	late = begin(w, ANNA, be_root, &late_audit);
	l = arrive(w, ANNA, sshd);
	l->caller.audit_session = early_audit;
	ask(w, l);
	assert_granted(w, l);
	WAIT_UNTIL(w->f, o.last != 0);
	assert_int_equal(o.count, 2);
	assert_int_equal(o.outcome.audit_session, audit);
	assert_true(is_dead(left));
	assert_false(is_dead(early));
	assert_false(is_dead(late));
	assert_active(w, l);
	finish(sign);
	finish(left);
	finish(early);
	finish(late);
}

static void everybody(void **state)
{
	struct world *w = *state;
	struct wire_revoke want = {.all = true};
	struct caller caller = root;
	uint32_t audit, other, own;
	pid_t left, stranger, mine;
	struct login *a, *b, *c;
	struct order o;

	NEED_AUDIT();
	left = begin(w, ANNA, be_anna, &audit);
	mine = begin(w, BEN, be_root, &own);
	stranger = begin(w, 0, be_root, &other);
	a = enter(w, ANNA, sshd);
	b = arrive(w, BEN, sshd);
	b->caller.audit_session = own;
	ask(w, b);
	assert_granted(w, b);
	c = enter(w, BEN, cron);
	caller.audit_session = own;
	o = order(w, &caller, &want);
	assert_int_equal(o.outcomes, 2);
	assert_int_equal(o.sessions, 1);
	assert_int_equal(o.count, 3);
	assert_evicted(w, a);
	assert_active(w, b);
	assert_active(w, c);
	assert_true(is_dead(left));
	assert_false(is_dead(mine));
	assert_false(is_dead(stranger));
	finish(left);
	finish(mine);
	finish(stranger);
}

static struct order lock_it(struct world *w, const struct wire_lock *want)
{
	struct order o = {.answer.fn = ordered};
	struct event event = {
		.type = EVENT_LOCK, .caller = &root, .answer = &o.answer, .u.lock = want};

	core_handle(w->core, &event);
	WAIT_UNTIL(w->f, o.last != 0);
	return o;
}

static void of_the_locked(void **state)
{
	struct world *w = *state;
	struct wire_lock want = {
		.kind = "group", .name = "annas", .id = {.set = true, .uid = ANNA}};
	uint32_t audit;
	pid_t left, other;

	NEED_AUDIT();
	left = begin(w, ANNA, be_anna, &audit);
	other = begin(w, BEN, be_root, &audit);
	/* she is in the group for emergencies */
	w->config.breakglass_gid = ANNA;
	assert_int_equal(lock_it(w, &want).count, 0);
	assert_false(is_dead(left));
	want.even_breakglass = true;
	assert_int_equal(lock_it(w, &want).count, 1);
	assert_true(is_dead(left));
	finish(left);
	left = begin(w, ANNA, be_anna, &audit);
	w->config.breakglass_gid = CONFIG_NO_GID;
	want = (struct wire_lock){.kind = "user", .name = "anna", .id = {.set = true, .uid = ANNA}};
	assert_int_equal(lock_it(w, &want).count, 1);
	assert_true(is_dead(left));
	assert_false(is_dead(other));
	finish(left);
	finish(other);
}

/* A login that has an audit session of its own, and closes. Its leader is gone then. */
static void log_out(struct world *w, uint32_t audit)
{
	struct login *l = arrive(w, ANNA, sshd);
	struct order o = {.answer.fn = ordered};
	struct wire_close close = {.sid = l->open.sid};
	struct event event = {
		.type = EVENT_CLOSE, .caller = &l->caller, .answer = &o.answer, .u.close = &close};

	l->caller.audit_session = audit;
	ask(w, l);
	assert_granted(w, l);
	core_handle(w->core, &event);
	WAIT_UNTIL(w->f, o.last != 0);
	kill(l->caller.pid, SIGKILL);
}

static void after_a_logout(void **state)
{
	struct world *w = *state;
	uint32_t audit, shared_audit;
	struct login *l;
	pid_t left, shared;

	NEED_AUDIT();
	left = begin(w, ANNA, be_anna, &audit);
	log_out(w, audit);
	WAIT_UNTIL(w->f, entries(w, "\"leftovers_kept\"") == 1);
	assert_false(is_dead(left));
	POLICIES(w, {.name = one, .any_group = true, .leftovers = LEFTOVERS_KILL});
	/* somebody has logged in within it */
	shared = begin(w, ANNA, be_anna, &shared_audit);
	log_out(w, shared_audit);
	l = arrive(w, ANNA, console);
	l->caller.audit_session = shared_audit;
	ask(w, l);
	assert_granted(w, l);
	log_out(w, audit);
	WAIT_UNTIL(w->f, entries(w, "\"leftovers_ended\"") == 1);
	assert_true(is_dead(left));
	assert_false(is_dead(shared));
	assert_active(w, l);
	assert_int_equal(entries(w, "\"leftovers_kept\""), 1);
	finish(left);
	finish(shared);
}

/* A core that is taken down in the middle of it leaves nothing behind, and tells nobody. */
static void taken_down(void **state)
{
	struct world *w = *state;
	struct wire_revoke want = everything_of(ANNA);
	uint32_t audit;
	struct order o;
	pid_t left;

	NEED_AUDIT();
	left = begin(w, ANNA, be_root, &audit);
	log_out(w, audit);
	begin_order(w, &o, &root, &want);
	assert_true(loop_turn(w->f->loop, 100) >= 0);
	assert_int_equal(o.last, 0);
	core_free(w->core);
	w->core = NULL;
	assert_int_equal(o.last, 0);
	finish(left);
}

/* The same after any number of turns, with all that can be under way under way. */
static void taken_down_at_any_turn(void **state)
{
	struct wire_lock lock = {.kind = "user", .name = "ben", .id = {.set = true, .uid = BEN}};
	struct wire_revoke gently = everything_of(ANNA), at_once = gently;
	struct order first, second, third = {.answer.fn = ordered};
	struct event set = {.type = EVENT_LOCK, .caller = &root, .answer = &third.answer};
	struct login *parent, *child;
	unsigned turns, i;
	uint32_t audit;
	struct world *w;
	void *world;
	pid_t left;

	(void)state;
	NEED_AUDIT();
	set.u.lock = &lock;
	gently.grace = WIRE_GRACE_MAX;
	strcpy(gently.message, "later");
	for (turns = 0; turns < 40; turns++) {
		assert_int_equal(setup(&world), 0);
		w = world;
		w->config.policies.policies =
			&(struct policy){.name = one, .any_group = true, .idle = 1, .warn = 1};
		w->config.policies.n_policies = 1;
		left = begin(w, ANNA, be_anna, &audit);
		log_out(w, audit);
		parent = enter(w, ANNA, sshd);
		child = arrive(w, 0, sudo);
		child->open.token = parent->open.new_token;
		ask(w, child);
		enter(w, BEN, sshd);
		third.last = 0;
		begin_order(w, &first, &root, &gently);
		core_handle(w->core, &set);
		for (i = 0; i < turns; i++) {
			if (i == turns / 2)
				begin_order(w, &second, &root, &at_once);
			assert_true(loop_turn(w->f->loop, 1) >= 0);
		}
		start(w, BEN, sshd);
		finish(left);
		assert_int_equal(teardown(&world), 0);
	}
}

/* He names his uid, and somebody else's name: the record is of what he has, and has not that name.
 */
static void under_a_false_name(void **state)
{
	struct world *w = *state;
	struct wire_revoke want = everything_of(ANNA);
	uint32_t audit;
	struct order o;
	pid_t left;

	NEED_AUDIT();
	left = begin(w, BEN, be_root, &audit);
	want.id.uid = BEN;
	o = order(w, &ben, &want);
	assert_int_equal(o.last, WIRE_done);
	assert_int_equal(o.outcomes, 1);
	assert_true(is_dead(left));
	assert_string_equal(o.outcome.user, "uid 3000001001");
	assert_int_equal(entries(w, "\"leftovers_ended\""), 1);
	assert_int_equal(entries(w, "\"anna\""), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int all(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_one_user),
		TEST(under_a_false_name),
		TEST(of_nobody_else),
		TEST(not_what_a_session_has),
		TEST(not_a_login_that_begins),
		TEST(everybody),
		TEST(of_the_locked),
		TEST(after_a_logout),
		TEST(taken_down),
		cmocka_unit_test(taken_down_at_any_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return processes_main(all);
}
