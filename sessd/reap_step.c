/*
 * How one session ends, step by step (reap.h). A step asks for a sweep where it needs one, and goes
 * on in pass_done(). Those of a grace are in reap_grace.c.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/log.h"
#include "sessd/reap.h"
#include "sessd/victim.h"

/* Between two passes of KILL: growing, and after the report of survivors growing on, because then
 * it may take for ever. */
#define DELAY_FIRST (1 * NS_PER_MS)
#define DELAY_MOST  (50 * NS_PER_MS)
#define DELAY_LATER (5 * NS_PER_SEC)
/* So many passes follow each other however long a reading of /proc takes. */
#define QUICK_PASSES 3

/* More processes than a session has by itself: they may fork faster than a pass sees them, so that
 * STOP is repeated until a pass sees nobody new, or so often. */
#define STOP_CROWD  64
#define STOP_PASSES 8

static void pass_done(void *ctx, int error);

static bool sweeps(const struct reap *reap)
{
	if (reap->tree)
		return reap->step != REAP_TELL && reap->step != REAP_KILL;
	return reap->audit_session != PROC_NO_AUDIT;
}

bool reap_leader_lives(const struct reap *reap)
{
	return reap->leader_fd >= 0 && !pidfd_is_dead(reap->leader_fd);
}

void reap_saw(struct reap *reap, pid_t pid)
{
	if (reap->alive < REAP_SAMPLE)
		reap->sample[reap->alive] = pid;
	reap->alive++;
}

/* By number alone: of two processes that had the same one only the first is counted. */
void reap_told(struct reap *reap, pid_t pid)
{
	if (pidset_add(&reap->told, pid, 0) == 1) {
		reap->signalled++;
		reap->fresh += !reap->tree;
	}
}

bool reap_was_told(const struct reap *reap, pid_t pid)
{
	return pidset_find(&reap->told, pid) != NULL;
}

/* What whoever is found in this step is sent; see victim.h. */
static int signal_of(enum reap_step step)
{
	switch (step) {
	case REAP_BEGIN:
	case REAP_COLLECT:
	case REAP_GRACE:
		break;
	case REAP_TELL:
		return VICTIM_ASK;
	case REAP_STOP:
		return SIGSTOP;
	case REAP_KILL:
		return SIGKILL;
	}
	return 0;
}

static void found(void *ctx, pid_t pid, const struct proc_stat *stat)
{
	struct reap *reap = ctx;
	int sig = signal_of(reap->step);

	if (reap->tree) {
		reap_tree_found(reap, pid, stat);
		return;
	}
	if (sig == VICTIM_ASK && reap_was_told(reap, pid))
		return;
	if (victim_of_audit(pid, reap->audit_session, sig) != VICTIM_ALIVE)
		return;
	reap_saw(reap, pid);
	if (sig != 0)
		reap_told(reap, pid);
}

static void told_member(void *ctx, pid_t pid)
{
	reap_told(ctx, pid);
}

void reap_strike(struct reap *reap)
{
	reap->struck = clock_boot();
	reap->delay = DELAY_FIRST;
	loop_io_remove(reap->reaper->loop, &reap->leader_io);
	if (reap->cgroup[0] != '\0')
		cgroup_each(reap->reaper->cg, reap->cgroup, told_member, reap);
	reap->step = REAP_STOP;
	if (!sweeps(reap))
		reap->step = REAP_KILL;
	reap->pass = reap->quiet = 0;
	reap_pass(reap);
}

static void begin(struct reap *reap)
{
	/* who has only a leader, and that one is gone, has nothing */
	if (reap->tree)
		reap->tree = reap_tree_init(reap);
	reap->target = (struct sweep_target){.audit_session = reap->audit_session,
		.all = reap->tree,
		.found = found,
		.done = pass_done,
		.ctx = reap,
		.place = reap->target.place};
	if (reaper_waits(reap))
		reap_grace_begin(reap);
	else
		reap_strike(reap);
}

void reap_pass(struct reap *reap)
{
	struct cgroups *cg = reap->reaper->cg;

	reap_wake(reap, DURATION_MAX);
	reap->pass++;
	reap->alive = reap->fresh = 0;
	if (reap->step == REAP_KILL || reap->step == REAP_STOP) {
		if (reap->cgroup[0] != '\0' && !cgroup_is_empty(cg, reap->cgroup))
			cgroup_kill(cg, reap->cgroup);
	}
	if (sweeps(reap)) {
		reap->reading = true;
		sweep_want(reap->reaper->sweep, &reap->target);
		return;
	}
	if (reap->tree)
		reap_tree_signal(reap, signal_of(reap->step));
	pass_done(reap, 0);
}

/* After a pass of KILL: is anything left? Two passes in a row must have found none, because a
 * process that was born behind the place where the first one read is seen by the second. */
static void settle(struct reap *reap)
{
	uint64_t elapsed = clock_boot() - reap->began, most = DELAY_MOST, cost;
	bool leader = reap_leader_lives(reap), clean, rest;

	if (leader && pidfd_signal(reap->leader_fd, SIGKILL) == 0)
		reap_told(reap, reap->leader);
	clean = sweeps(reap) ? reap->quiet >= 2 : reap->quiet >= 1;
	rest = leader ||
	       (reap->cgroup[0] != '\0' && !cgroup_is_empty(reap->reaper->cg, reap->cgroup));
	if (clean && !rest) {
		reap_report_gone(reap, elapsed);
		return;
	}
	if (!reap->reported && clock_boot() - reap->struck >= reap->reaper->patience) {
		reap_report_survivors(reap, elapsed);
		reap->delay = DELAY_MOST;
	}
	if (reap->quiet == 1 && !rest) {
		reap_pass(reap);
		return;
	}
	/* who takes so long must not keep the daemon busy with readings of /proc */
	cost = sweeps(reap) && reap->pass > QUICK_PASSES ? sweep_cost(reap->reaper->sweep) : 0;
	reap_wake(reap, reap->delay > cost ? reap->delay : cost);
	if (reap->reported)
		most = DELAY_LATER;
	reap->delay = reap->delay * 2 < most ? reap->delay * 2 : most;
}

/* After a pass of STOP: once more? */
static bool stop_again(const struct reap *reap)
{
	if (reap->tree)
		return reap->quiet < 2 && reap->pass < REAP_TREE_PASSES;
	return reap->fresh >= STOP_CROWD && reap->pass < STOP_PASSES;
}

static void stopped(struct reap *reap)
{
	if (stop_again(reap)) {
		/* who was told to stop needs a moment, which a crowd does not get */
		if (reap->tree && reap->alive > 0)
			reap_wake(reap, DELAY_FIRST);
		else
			reap_pass(reap);
		return;
	}
	reap->step = REAP_KILL;
	reap->pass = 0;
	if (reap->tree)
		reap->quiet = 0;
	reap_pass(reap);
}

static void note_blind(struct reap *reap, int error)
{
	if (error == 0 || reap->blind)
		return;
	reap->blind = true;
	log_error("cannot read all of /proc while ending the session of process %d: %s",
		(int)reap->leader, strerror(-error));
}

static void pass_done(void *ctx, int error)
{
	struct reap *reap = ctx;
	bool none = reap->alive == 0 && error == 0 && (!reap->tree || reap->fresh == 0);

	reap->reading = false;
	note_blind(reap, error);
	reap->quiet = none ? reap->quiet + 1 : 0;
	switch (reap->step) {
	case REAP_COLLECT:
	case REAP_TELL:
	case REAP_GRACE:
		reap_grace_passed(reap, error);
		break;
	case REAP_STOP:
		stopped(reap);
		break;
	case REAP_KILL:
		settle(reap);
		break;
	case REAP_BEGIN:
		break;
	}
}

void reap_step(struct reap *reap)
{
	switch (reap->step) {
	case REAP_BEGIN:
		begin(reap);
		break;
	case REAP_GRACE:
		reap_grace_look(reap);
		break;
	case REAP_STOP:
	case REAP_KILL:
		reap_pass(reap);
		break;
	case REAP_COLLECT:
	case REAP_TELL:
		break;
	}
}
