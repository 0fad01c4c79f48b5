/*
 * A core with a real loop, ledger and reaper. Each login has a real process as its leader, which is
 * really ended where its session is.
 */
#ifndef TESTS_UNIT_CORE_FIXTURE_H
#define TESTS_UNIT_CORE_FIXTURE_H

#include "tests/unit/ledger_fixture.h"
#include "tests/unit/processes.h"

#include "sessd/core.h"

/* Users whom no machine has: what is left over from logins is looked for in the whole of /proc, and
 * a test must find its own processes only. */
#define ANNA UINT32_C(3000001000)
#define BEN  UINT32_C(3000001001)

/* One login: its leader, what it asked for, and what it was answered. */
struct login {
	struct answer answer;
	struct login *next;
	struct wire_open open;
	struct caller caller;
	enum wire_type type; /* of the answer; 0: none yet */
	enum reason reason;
	enum wire_errno error;
	char text[TEXT_LONG_MAX + 1];
	char notice[TEXT_LONG_MAX + 1];
	uint64_t runtime_max;
	const struct login *outlives; /* must be dead when this one is granted */
	unsigned answers;
};

struct world {
	struct fixture *f; /* first: ledger_fixture.h works on it */
	struct cgroups cgroups;
	struct sweep *sweep;
	struct reaper *reaper;
	struct metrics metrics;
	struct config config;
	struct core *core;
	struct shared *shared;
	struct login *logins;
	uint8_t key[32];
};

/* Words for policies; not every test needs all. */
#define WORD static __attribute__((unused))
WORD char sshd[] = "sshd", console[] = "login", cron[] = "cron", sudo[] = "sudo", anna[] = "anna",
	  one[] = "one", two[] = "two", three[] = "three";
static struct service services[] = {{.name = cron, .class = CLASS_BACKGROUND},
	{.name = console, .class = CLASS_LOGIN}, {.name = sshd, .class = CLASS_LOGIN},
	{.name = sudo, .class = CLASS_ELEVATION}};
WORD char *only_sshd[] = {sshd, NULL}, *only_anna[] = {anna, NULL};

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct core_parts parts;

	assert_non_null(w);
	fixture_setup((void **)&w->f);
	open_ledger(w->f);
	w->cgroups = (struct cgroups){.root_fd = -1};
	w->shared = shared_new();
	w->config = (struct config){
		.admin_gid = CONFIG_NO_GID, .policies = {.services = services, .n_services = 4}};
	assert_int_equal(sweep_new(w->f->loop, &w->sweep), 0);
	assert_int_equal(reaper_new(w->f->loop, &w->cgroups, w->sweep, &w->reaper), 0);
	parts = (struct core_parts){.loop = w->f->loop,
		.cgroups = &w->cgroups,
		.ledger = w->f->ledger,
		.reaper = w->reaper,
		.sweep = w->sweep,
		.metrics = &w->metrics,
		.config = &w->config,
		.token_key = w->key,
		.boot_id = "test"};
	assert_int_equal(core_new(&parts, &w->core), 0);
	*state = w;
	return 0;
}

/* A daemon that died, and the next one; what is under way in the reaper is waited for. */
static inline void start_again(struct world *w, const char *boot_id, const char *runtime_dir)
{
	struct core_parts parts = {.loop = w->f->loop,
		.cgroups = &w->cgroups,
		.reaper = w->reaper,
		.sweep = w->sweep,
		.metrics = &w->metrics,
		.config = &w->config,
		.token_key = w->key,
		.boot_id = boot_id,
		.runtime_dir = runtime_dir};

	WAIT_UNTIL(w->f, reaper_active(w->reaper) == 0);
	core_free(w->core);
	w->core = NULL;
	close_ledger(w->f);
	open_ledger(w->f);
	parts.ledger = w->f->ledger;
	assert_int_equal(core_new(&parts, &w->core), 0);
	assert_int_equal(core_load(w->core), 0);
	assert_int_equal(core_recover(w->core), 0);
}

static inline int teardown(void **state)
{
	struct world *w = *state;
	struct login *l;

	core_free(w->core);
	reaper_free(w->reaper);
	sweep_free(w->sweep);
	while ((l = w->logins) != NULL) {
		w->logins = l->next;
		finish(l->caller.pid);
		close(l->caller.pidfd);
		free(l);
	}
	shared_free(w->shared);
	fixture_teardown((void **)&w->f);
	free(w);
	return 0;
}

static inline void live_on(struct shared *shared)
{
	(void)shared;
	for (;;)
		pause();
}

static inline void answered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct login *l = (struct login *)(void *)answer;

	assert_true(last);
	assert_int_equal(l->answers++, 0);
	l->type = type;
	if (type == WIRE_granted) {
		strcpy(l->notice, ((const struct wire_granted *)msg)->notice);
		l->runtime_max = ((const struct wire_granted *)msg)->runtime_max;
	}
	if (type == WIRE_refused) {
		l->reason = ((const struct wire_refused *)msg)->reason;
		strcpy(l->text, ((const struct wire_refused *)msg)->text);
	} else if (type == WIRE_error) {
		l->error = (enum wire_errno)((const struct wire_error *)msg)->code;
	} else if (l->outlives != NULL) {
		assert_true(is_dead(l->outlives->caller.pid));
	}
}

/* A new process that runs this, and is about to log in. */
static inline struct login *arrive_as(
	struct world *w, uid_t uid, const char *service, process_fn *fn)
{
	struct login *l = calloc(1, sizeof(*l));
	struct proc_stat st;

	assert_non_null(l);
	l->answer.fn = answered;
	l->caller.pid = spawn(fn, w->shared, NULL);
	l->caller.audit_session = PROC_NO_AUDIT;
	l->caller.pidfd = pidfd_open_pid(l->caller.pid);
	assert_true(l->caller.pidfd >= 0);
	assert_int_equal(proc_stat(l->caller.pid, &st), 0);
	l->caller.start = st.start;
	l->open.uid = uid;
	snprintf(l->open.user, sizeof(l->open.user), "%s", uid == ANNA ? "anna" : "ben");
	snprintf(l->open.service, sizeof(l->open.service), "%s", service);
	assert_int_equal(sid_random(&l->open.sid), 0);
	assert_int_equal(token_random(&l->open.new_token), 0);
	l->next = w->logins;
	w->logins = l;
	return l;
}

static inline struct login *arrive(struct world *w, uid_t uid, const char *service)
{
	return arrive_as(w, uid, service, live_on);
}

static inline void ask(struct world *w, struct login *l)
{
	const struct event event = {
		.type = EVENT_OPEN, .caller = &l->caller, .answer = &l->answer, .u.open = &l->open};

	l->answers = 0;
	l->type = 0;
	core_handle(w->core, &event);
}

static inline struct login *start(struct world *w, uid_t uid, const char *service)
{
	struct login *l = arrive(w, uid, service);

	ask(w, l);
	return l;
}

/* A login that nobody saw, with this opening. */
static inline void hand_in(struct world *w, struct login *l, uint64_t opened_at, uint64_t began)
{
	struct wire_spooled spooled = {.sid = l->open.sid,
		.leader_pid = (uint64_t)l->caller.pid,
		.leader_start = l->caller.start,
		.opened_at = opened_at,
		.began = began,
		.uid = l->open.uid};
	const struct event event = {
		.type = EVENT_SPOOLED, .answer = &l->answer, .u.spooled = &spooled};

	strcpy(spooled.user, l->open.user);
	strcpy(spooled.service, l->open.service);
	strcpy(spooled.boot_id, "test");
	core_handle(w->core, &event);
}

static inline void adopt(struct world *w, struct login *l, uint64_t opened_at, uint64_t began)
{
	hand_in(w, l, opened_at, began);
	WAIT_UNTIL(w->f, l->answers > 0);
}

static inline void assert_granted(struct world *w, const struct login *l)
{
	WAIT_UNTIL(w->f, l->answers > 0);
	if (l->type != WIRE_granted)
		fail_msg("not granted: %d %s", (int)l->type, l->text);
}

static inline struct login *enter(struct world *w, uid_t uid, const char *service)
{
	struct login *l = start(w, uid, service);

	assert_granted(w, l);
	return l;
}

/* Refused at once, and nobody has to go for it. */
static inline struct login *refuse(struct world *w, uid_t uid, const char *service)
{
	struct login *l = start(w, uid, service);

	assert_int_equal(l->answers, 1);
	assert_int_equal(l->type, WIRE_refused);
	assert_int_equal(l->reason, REASON_CAP);
	return l;
}

static const struct session *session_of(const struct world *w, const struct login *l)
{
	return session_by_sid(core_sessions(w->core), &l->open.sid);
}

static inline void assert_active(const struct world *w, const struct login *l)
{
	const struct session *s = session_of(w, l);

	assert_non_null(s);
	assert_int_equal(s->phase, PHASE_ACTIVE);
	assert_false(is_dead(l->caller.pid));
}

static inline void assert_evicted(struct world *w, const struct login *l)
{
	WAIT_UNTIL(w->f, session_of(w, l) == NULL);
	assert_true(is_dead(l->caller.pid));
}

static inline uint32_t active(const struct world *w)
{
	return core_sessions(w->core)->count[CLASS_LOGIN][PHASE_ACTIVE];
}

/* The policies in force from now on. */
#define POLICIES(w, ...)                                  \
	static struct policy policies_[] = {__VA_ARGS__}; \
	(w)->config.policies.policies = policies_;        \
	(w)->config.policies.n_policies = sizeof(policies_) / sizeof(policies_[0])

#endif
