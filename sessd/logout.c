/*
 * What a login that closed leaves behind. A moment later, when sshd and the shells have gone, its
 * audit session and its cgroup are looked at; the logouts of a second share one reading of /proc.
 * Under `leftovers = kill` what is there is ended, otherwise recorded. What is left of a login
 * whose sessd died in that moment is neither.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"
#include "sessd/survivors.h"
#include "sessd/victim.h"

#define TICK	    NS_PER_SEC
#define PAUSE_LEAST (500 * NS_PER_MS)
/* Its leader may take so long to go; one that goes on after it closed its session (some other
 * program than sshd or login) is not waited for. */
#define LEADER_MOST (10 * NS_PER_SEC)
/* So many are looked at in a second or two; more are not. */
#define LOGOUTS_MAX 8192

struct logout {
	LIST_ENTRY(logout) link; /* logouts.list */
	struct core *core;
	struct sweep_target target;
	struct sid sid;
	uint32_t audit_session; /* its own, or PROC_NO_AUDIT */
	uid_t uid;
	pid_t leader;
	uint64_t closed_at; /* clock_boot() */
	bool reading;
	bool leader_lives;			/* as the reading shows it */
	bool kill;				/* as the policy of that name says */
	struct survivors *found;		/* NULL: nobody yet */
	char *user, *service, *policy, *cgroup; /* NULL where empty */
};

struct logouts {
	LIST_HEAD(logout_list, logout) list;
	struct core *core;
	struct loop_timer timer;
	uint32_t n;
	bool armed;
};

static void logout_free(struct logout *l)
{
	LIST_REMOVE(l, link);
	l->core->logouts->n--;
	sweep_remove(l->core->parts.sweep, &l->target);
	free(l->found);
	free(l->user);
	free(l->service);
	free(l->policy);
	free(l->cgroup);
	free(l);
}

static void saw(struct logout *l, pid_t pid)
{
	if (pid == l->leader) {
		l->leader_lives = true;
		return;
	}
	if (l->found == NULL) {
		l->found = malloc(sizeof(*l->found));
		if (l->found == NULL)
			return;
		survivors_init(l->found);
	}
	survivors_add(l->found, pid);
}

static void found(void *ctx, pid_t pid, const struct proc_stat *stat)
{
	struct logout *l = ctx;

	(void)stat;
	if (victim_of_audit(pid, l->audit_session, 0) == VICTIM_ALIVE)
		saw(l, pid);
}

/* Of the cgroup's processes those that the reading has not found. */
static void found_member(void *ctx, pid_t pid)
{
	struct logout *l = ctx;
	uint32_t audit;

	if (l->audit_session == PROC_NO_AUDIT || proc_audit_session(pid, &audit) < 0 ||
		audit != l->audit_session)
		saw(l, pid);
}

static void entry_of(const struct logout *l, struct entry *ret)
{
	entry_init(ret, l->kill ? ENTRY_LEFTOVERS_ENDED : ENTRY_LEFTOVERS_KEPT, clock_wall());
	ret->sid = l->sid;
	ret->uid = (struct opt_uid){.set = true, .uid = l->uid};
	ret->audit_session = l->audit_session != PROC_NO_AUDIT ? l->audit_session : 0;
	snprintf(ret->user, sizeof(ret->user), "%s", text_or_empty(l->user));
	snprintf(ret->service, sizeof(ret->service), "%s", text_or_empty(l->service));
}

static void keep(struct logout *l)
{
	struct entry e;
	int r;

	entry_of(l, &e);
	e.survivors = l->found->n;
	memcpy(e.survivor_list, l->found->text, sizeof(e.survivor_list));
	r = ledger_append(l->core->parts.ledger, &e, l->uid, NULL, NULL, NULL);
	if (r < 0)
		log_error(
			"%s of uid %u: not recorded: %s", e.event, (unsigned)l->uid, strerror(-r));
}

/* logind's scope stays while somebody is in it. */
static void end(struct logout *l)
{
	char scope[PROC_CGROUP] = "";
	struct entry e;
	struct leftover leftover = {.audit_session = l->audit_session, .what = &e};

	entry_of(l, &e);
	e.reason = REASON_LOGOUT;
	snprintf(e.policy, sizeof(e.policy), "%s", text_or_empty(l->policy));
	if (l->cgroup == NULL && l->audit_session != PROC_NO_AUDIT &&
		cgroup_find(l->core->parts.cgroups, 0, l->uid, l->audit_session, scope) < 0)
		scope[0] = '\0';
	leftover.cgroup = l->cgroup != NULL ? l->cgroup : scope;
	log_info("ending what outlived a session of %s (uid %u)", text_or_empty(l->user),
		(unsigned)l->uid);
	leftovers_end(l->core, &leftover, NULL);
}

/* Who logged in within it, and is there still, has it now. */
static bool is_shared(const struct logout *l)
{
	return l->audit_session != PROC_NO_AUDIT &&
	       session_owns_audit(&l->core->table, l->audit_session);
}

/* The whole of it has been looked at. */
static void judge(struct logout *l)
{
	if (l->leader_lives && clock_boot() < l->closed_at + LEADER_MOST) {
		l->leader_lives = l->reading = false;
		free(l->found);
		l->found = NULL;
		return;
	}
	if (l->found != NULL && !is_shared(l)) {
		if (l->kill)
			end(l);
		else
			keep(l);
	}
	logout_free(l);
}

static void reading_done(void *ctx, int error)
{
	struct logout *l = ctx;

	if (error < 0)
		log_error("cannot read all of /proc after a logout of uid %u: %s", (unsigned)l->uid,
			strerror(-error));
	if (l->cgroup != NULL)
		cgroup_each(l->core->parts.cgroups, l->cgroup, found_member, l);
	sweep_remove(l->core->parts.sweep, &l->target);
	judge(l);
}

static void look(struct logout *l)
{
	struct sweep *sweep = l->core->parts.sweep;

	l->reading = true;
	if (l->audit_session == PROC_NO_AUDIT) {
		cgroup_each(l->core->parts.cgroups, l->cgroup, found_member, l);
		judge(l);
		return;
	}
	l->target = (struct sweep_target){
		.audit_session = l->audit_session, .found = found, .done = reading_done, .ctx = l};
	if (sweep_add(sweep, &l->target) < 0) {
		log_error("out of memory: a logout is not looked at");
		logout_free(l);
		return;
	}
	sweep_want(sweep, &l->target);
}

static void arm(struct logouts *logouts);

static void tick(void *ctx)
{
	struct logouts *logouts = ctx;
	uint64_t now = clock_boot();
	struct logout *l, *next;

	logouts->armed = false;
	for (l = LIST_FIRST(&logouts->list); l != NULL; l = next) {
		next = LIST_NEXT(l, link);
		if (!l->reading && now >= l->closed_at + PAUSE_LEAST)
			look(l);
	}
	arm(logouts);
}

/* While there is somebody to look at. */
static void arm(struct logouts *logouts)
{
	if (logouts->armed || LIST_EMPTY(&logouts->list))
		return;
	logouts->armed = loop_timer_set(logouts->core->parts.loop, &logouts->timer,
				 clock_boot() + TICK, tick, logouts) == 0;
}

static struct logouts *logouts_of(struct core *core)
{
	if (core->logouts == NULL) {
		core->logouts = calloc(1, sizeof(*core->logouts));
		if (core->logouts != NULL)
			core->logouts->core = core;
	}
	return core->logouts;
}

static int fill(struct logout *l, const struct session *s)
{
	struct subject subject;
	struct limits limits;

	session_subject(s, &subject);
	policy_resolve(&l->core->parts.config->policies, &subject, &limits);
	l->kill = limits.leftovers == LEFTOVERS_KILL;
	if (session_set_text(&l->user, text_or_empty(s->user)) < 0 ||
		session_set_text(&l->service, text_or_empty(s->service)) < 0 ||
		session_set_text(&l->cgroup, text_or_empty(s->cgroup)) < 0)
		return -1;
	return l->kill ? session_set_text(&l->policy, limits.leftovers_policy) : 0;
}

void logout_note(struct core *core, const struct session *s)
{
	struct logouts *logouts;
	struct logout *l;

	if (s->class != CLASS_LOGIN || (!s->sweep && s->cgroup == NULL))
		return;
	logouts = logouts_of(core);
	l = logouts != NULL && logouts->n < LOGOUTS_MAX ? calloc(1, sizeof(*l)) : NULL;
	if (l == NULL) {
		log_warning("what a session of %s left is not looked at: too many log out",
			text_or_empty(s->user));
		return;
	}
	l->core = core;
	l->sid = s->sid;
	l->uid = s->uid;
	l->leader = s->leader;
	l->audit_session = s->sweep ? s->audit_session : PROC_NO_AUDIT;
	l->closed_at = clock_boot();
	logouts->n++;
	LIST_INSERT_HEAD(&logouts->list, l, link);
	if (fill(l, s) < 0) {
		log_error("out of memory: a logout is not looked at");
		logout_free(l);
		return;
	}
	arm(logouts);
}

void logouts_forget(struct core *core)
{
	struct logouts *logouts = core->logouts;

	if (logouts == NULL)
		return;
	while (!LIST_EMPTY(&logouts->list))
		logout_free(LIST_FIRST(&logouts->list));
	loop_timer_cancel(core->parts.loop, &logouts->timer);
	free(logouts);
	core->logouts = NULL;
}
