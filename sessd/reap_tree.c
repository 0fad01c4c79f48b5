/*
 * A session of which only the leader is known: no cgroup of its own, no audit session. Who descends
 * from him is found by kin.h. A member whose parent has died would be lost, so all are stopped
 * before any is killed.
 */
#include <signal.h>
#include <unistd.h>

#include "sessd/kin.h"
#include "sessd/reap.h"
#include "sessd/victim.h"

bool reap_tree_init(struct reap *reap)
{
	struct proc_stat st;

	/* alive after his stat was read: so it was his */
	return proc_stat(reap->leader, &st) == 0 && reap_leader_lives(reap) &&
	       pidset_add(&reap->members, reap->leader, st.start) >= 0;
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
	enum kin kin = kin_meet(&reap->members, pid, stat);

	if (kin == KIN_NONE)
		return;
	reap->fresh += kin != KIN_KNOWN;
	visit(reap, pid, stat);
	/* one that cannot be remembered is killed while it is at hand */
	if (kin == KIN_LOST && reap->step == REAP_STOP)
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
