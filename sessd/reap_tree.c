/*
 * A session of which only the leader is known: no cgroup of its own, no audit session. Who descends
 * from him is found by ppid, from the top down. A member whose parent has died would be lost, so
 * all are stopped before any is killed. What had left the tree before (a double fork) is not found.
 */
#include <signal.h>
#include <unistd.h>

#include "sessd/reap.h"
#include "sessd/victim.h"

bool reap_tree_init(struct reap *reap)
{
	struct proc_stat st;

	/* alive after his stat was read: so it was his */
	return proc_stat(reap->leader, &st) == 0 && reap_leader_lives(reap) &&
	       pidset_add(&reap->members, reap->leader, st.start) >= 0;
}

static bool is_member(const struct reap *reap, pid_t pid, uint64_t start)
{
	const struct pidset_item *item = pidset_find(&reap->members, pid);

	return item != NULL && item->start == start;
}

/* The parent's number may have gone to a stranger; his start time tells. */
static bool has_parent(const struct reap *reap, pid_t pid, const struct proc_stat *stat)
{
	const struct pidset_item *parent = pidset_find(&reap->members, stat->ppid);
	struct proc_stat now;

	if (parent == NULL || proc_stat(stat->ppid, &now) < 0 || now.start != parent->start)
		return false;
	return proc_stat(pid, &now) == 0 && now.start == stat->start && now.ppid == stat->ppid;
}

/* Stops it, unless it stands already or is only being looked for. */
static void visit(struct reap *reap, pid_t pid, const struct proc_stat *stat)
{
	bool stands = stat->state == 'T' || stat->state == 't';

	if (reap->step != REAP_STOP || stands)
		return;
	if (victim_started(pid, stat->start, SIGSTOP) == VICTIM_ALIVE)
		reap_saw(reap, pid);
}

void reap_tree_found(struct reap *reap, pid_t pid, const struct proc_stat *stat)
{
	int r;

	if (is_member(reap, pid, stat->start)) {
		visit(reap, pid, stat);
		return;
	}
	if (!has_parent(reap, pid, stat))
		return;
	r = pidset_add(&reap->members, pid, stat->start);
	reap->fresh++;
	visit(reap, pid, stat);
	/* one that cannot be remembered is killed while it is at hand */
	if (r < 0 && reap->step == REAP_STOP)
		victim_started(pid, stat->start, SIGKILL);
}

void reap_tree_signal(struct reap *reap, int sig)
{
	const struct pidset_item *item;
	uint32_t at = 0;

	while ((item = pidset_next(&reap->members, &at)) != NULL) {
		if (victim_started(item->pid, item->start, sig) != VICTIM_ALIVE)
			continue;
		reap_saw(reap, item->pid);
		if (sig != 0)
			reap_told(reap, item->pid);
	}
}
