/*
 * The grace of a session that is being ended (reap.h): who is told to end by himself, and has he?
 * Who comes up meanwhile is not told; he is killed with what is left at the end.
 */
#include <signal.h>
#include <sys/epoll.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/reap.h"
#include "sessd/victim.h"

/* Between two looks: growing, so that most ends are noticed at once, and a long grace costs little.
 */
#define LOOK_FIRST (5 * NS_PER_MS)
#define LOOK_MOST  (200 * NS_PER_MS)
/* Of the time, readings of /proc for one session may take one part in so many. */
#define LOOK_SHARE 8

static void on_leader(void *ctx, uint32_t events)
{
	(void)events;
	reap_strike(ctx);
}

static void tell_leader(struct reap *reap)
{
	reap->step = REAP_GRACE;
	if (!reap_leader_lives(reap) || victim_held(reap->leader_fd, SIGTERM) == VICTIM_DEAD) {
		reap_strike(reap);
		return;
	}
	reap_told(reap, reap->leader);
	/* where he cannot be watched, the whole grace is waited for */
	loop_io_add(
		reap->reaper->loop, &reap->leader_io, reap->leader_fd, EPOLLIN, on_leader, reap);
	reap_grace_look(reap);
}

static bool plainly_lives(const struct reap *reap)
{
	return reap_leader_lives(reap) ||
	       (reap->cgroup[0] != '\0' && !cgroup_is_empty(reap->reaper->cg, reap->cgroup));
}

static void wait_on(struct reap *reap)
{
	uint64_t now = clock_boot(), most = LOOK_SHARE * sweep_cost(reap->reaper->sweep);
	uint64_t left = reap->kill_at > now ? reap->kill_at - now : 0;

	if (reap->delay < most)
		reap->delay = most;
	reap_wake(reap, reap->delay < left ? reap->delay : left);
	most = LOOK_MOST > most ? LOOK_MOST : most;
	reap->delay = reap->delay * 2 < most ? reap->delay * 2 : most;
}

static void tell_member(void *ctx, pid_t pid)
{
	struct reap *reap = ctx;

	if (!reap_was_told(reap, pid) &&
		victim_in_cgroup(pid, reap->cgroup, VICTIM_ASK) == VICTIM_ALIVE)
		reap_told(reap, pid);
}

/* Each is told once, in however many ways he is found: a second SIGTERM may mean `at once`. */
static void tell(struct reap *reap)
{
	if (reap->tell == REAP_TELL_LEADER) {
		tell_leader(reap);
		return;
	}
	if (reap->tell == REAP_TELL_NOBODY) {
		reap->step = REAP_GRACE;
		wait_on(reap);
		return;
	}
	reap->step = REAP_TELL;
	if (!reap->tree && reap_leader_lives(reap) &&
		victim_held(reap->leader_fd, VICTIM_ASK) == VICTIM_ALIVE)
		reap_told(reap, reap->leader);
	if (reap->cgroup[0] != '\0')
		cgroup_each(reap->reaper->cg, reap->cgroup, tell_member, reap);
	reap_pass(reap);
}

void reap_grace_begin(struct reap *reap)
{
	reap->delay = LOOK_FIRST;
	if (reap->tree) {
		reap->step = REAP_COLLECT;
		reap_pass(reap);
	} else {
		tell(reap);
	}
}

void reap_grace_look(struct reap *reap)
{
	uint64_t now = clock_boot();

	if (now >= reap->kill_at)
		reap_strike(reap);
	else if (reap->tell == REAP_TELL_LEADER)
		reap_wake(reap, reap->kill_at - now);
	else if (plainly_lives(reap))
		wait_on(reap);
	else
		reap_pass(reap);
}

/* After a pass of GRACE. Where it could not see all, somebody may be left. */
static bool is_empty(struct reap *reap, int error)
{
	if (reap->tree)
		reap_tree_signal(reap, 0);
	return error == 0 && reap->alive == 0 && !plainly_lives(reap);
}

void reap_grace_passed(struct reap *reap, int error)
{
	if (!reaper_waits(reap)) {
		reap_strike(reap);
	} else if (reap->step == REAP_COLLECT) {
		if (reap->fresh > 0 && reap->pass < REAP_TREE_PASSES)
			reap_pass(reap);
		else
			tell(reap);
	} else if (reap->step == REAP_TELL) {
		reap->step = REAP_GRACE;
		wait_on(reap);
	} else if (is_empty(reap, error)) {
		reap_strike(reap);
	} else {
		wait_on(reap);
	}
}
