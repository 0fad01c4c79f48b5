#include "sessd/kin.h"

static bool is_member(const struct pidset *members, pid_t pid, uint64_t start)
{
	const struct pidset_item *item = pidset_find(members, pid);

	return item != NULL && item->start == start;
}

/* The parent's number may have gone to a stranger; his start time tells. */
static bool has_parent(const struct pidset *members, pid_t pid, const struct proc_stat *stat)
{
	const struct pidset_item *parent = pidset_find(members, stat->ppid);
	struct proc_stat now;

	if (parent == NULL || proc_stat(stat->ppid, &now) < 0 || now.start != parent->start)
		return false;
	return proc_stat(pid, &now) == 0 && now.start == stat->start && now.ppid == stat->ppid;
}

enum kin kin_meet(struct pidset *members, pid_t pid, const struct proc_stat *stat)
{
	if (is_member(members, pid, stat->start))
		return KIN_KNOWN;
	if (!has_parent(members, pid, stat))
		return KIN_NONE;
	return pidset_add(members, pid, stat->start) < 0 ? KIN_LOST : KIN_NEW;
}
