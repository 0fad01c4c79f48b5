/*
 * The terminals of one session, by the readings of /proc that all who wait for one share. Where the
 * kernel gave no audit session, every process of a reading is compared with those that are known:
 * the cgroup's as they were at the beginning, or the leader's kin, which it takes some readings to
 * find.
 */
#include <errno.h>
#include <string.h>

#include "sessd/kin.h"
#include "sessd/terminal.h"

/* Who starts processes all the time has a new one in every reading; its terminal is seldom new. */
#define PASSES 8

static bool is_below(const char *path, const char *cgroup)
{
	size_t len = strlen(cgroup);

	return strncmp(path, cgroup, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Is it a process of the session? stat is NULL where the sweep compared its audit session. */
static bool belongs(struct terminal_look *look, pid_t pid, const struct proc_stat *stat)
{
	enum kin kin;

	if (look->audit_session != PROC_NO_AUDIT)
		return true;
	if (look->cgroup[0] != '\0')
		return pidset_find(&look->members, pid) != NULL;
	kin = kin_meet(&look->members, pid, stat);
	look->fresh += kin == KIN_NEW;
	if (kin == KIN_LOST)
		look->error = -ENOMEM;
	return kin != KIN_NONE;
}

/* After its terminal was read: is it still, and not another one that has its number now? */
static bool still_belongs(
	const struct terminal_look *look, pid_t pid, uint64_t start, const struct proc_stat *stat)
{
	char path[PROC_CGROUP];
	uint32_t audit;

	if (look->audit_session != PROC_NO_AUDIT)
		return proc_audit_session(pid, &audit) == 0 && audit == look->audit_session;
	if (look->cgroup[0] != '\0')
		return proc_cgroup(pid, path, sizeof(path)) == 0 && is_below(path, look->cgroup);
	return stat != NULL && start == stat->start;
}

static void note(struct terminal_look *look, const struct terminal_use *use)
{
	uint32_t i;

	if (use->last_input > look->last_input)
		look->last_input = use->last_input;
	for (i = 0; i < look->n_tty; i++)
		if (look->tty[i] == use->tty)
			return;
	if (i < TERMINAL_MAX)
		look->tty[look->n_tty++] = use->tty;
}

static void found(void *ctx, pid_t pid, const struct proc_stat *stat)
{
	struct terminal_look *look = ctx;
	struct terminal_use use;

	if (!belongs(look, pid, stat) || (stat != NULL && stat->tty == 0))
		return;
	if (terminal_of_process(pid, look->uid, &use) && still_belongs(look, pid, use.start, stat))
		note(look, &use);
}

void terminal_look_cancel(struct terminal_look *look)
{
	sweep_remove(look->sweep, &look->target);
	pidset_fini(&look->members);
}

static void pass_done(void *ctx, int error)
{
	struct terminal_look *look = ctx;

	if (error == 0 && look->fresh > 0 && ++look->pass < PASSES) {
		look->fresh = 0;
		sweep_want(look->sweep, &look->target);
		return;
	}
	terminal_look_cancel(look);
	look->done(look, error != 0 ? error : look->error);
}

static void add_member(void *ctx, pid_t pid)
{
	struct terminal_look *look = ctx;
	int r = pidset_add(&look->members, pid, 0);

	if (r < 0)
		look->error = r;
}

static void find_members(struct terminal_look *look)
{
	int r = 0;

	if (look->audit_session != PROC_NO_AUDIT)
		return;
	if (look->cgroup[0] != '\0')
		r = cgroup_each(look->cgroups, look->cgroup, add_member, look);
	else if (look->leader > 0)
		r = pidset_add(&look->members, look->leader, look->leader_start);
	if (r < 0)
		look->error = r;
}

int terminal_look_begin(struct sweep *sweep, struct terminal_look *look)
{
	int r;

	look->sweep = sweep;
	look->members = (struct pidset){.n = 0};
	look->target = (struct sweep_target){.audit_session = look->audit_session,
		.all = look->audit_session == PROC_NO_AUDIT,
		.found = found,
		.done = pass_done,
		.ctx = look};
	look->last_input = 0;
	look->n_tty = look->fresh = look->pass = 0;
	look->error = 0;
	r = sweep_add(sweep, &look->target);
	if (r < 0)
		return r;
	find_members(look);
	sweep_want(sweep, &look->target);
	return 0;
}
