/* What is told of a session that is being ended: who is still there, and that nobody is. */
#include <string.h>

#include "sessd/reap.h"
#include "sessd/survivors.h"

struct listing {
	const struct reap *reap;
	struct survivors list;
};

/* Of the cgroup's processes those that the sweep has not counted. */
static void list_member(void *ctx, pid_t pid)
{
	struct listing *l = ctx;
	uint32_t audit;

	if (l->reap->audit_session != PROC_NO_AUDIT && proc_audit_session(pid, &audit) == 0 &&
		audit == l->reap->audit_session)
		return;
	survivors_add(&l->list, pid);
}

static bool list_has_leader(const struct reap *reap)
{
	char path[PROC_CGROUP];
	uint32_t audit;
	size_t len = strlen(reap->cgroup);

	if (reap->tree)
		return true;
	if (reap->audit_session != PROC_NO_AUDIT && proc_audit_session(reap->leader, &audit) == 0 &&
		audit == reap->audit_session)
		return true;
	return len > 0 && proc_cgroup(reap->leader, path, sizeof(path)) == 0 &&
	       strncmp(path, reap->cgroup, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

void reap_report_survivors(struct reap *reap, uint64_t elapsed)
{
	struct reap_result result = {.signalled = reap->signalled, .elapsed = elapsed};
	struct listing l = {.reap = reap};
	uint32_t i;

	reap->reported = true;
	survivors_init(&l.list);
	for (i = 0; i < reap->alive && i < REAP_SAMPLE; i++)
		survivors_add(&l.list, reap->sample[i]);
	l.list.n = reap->alive;
	if (reap->cgroup[0] != '\0')
		cgroup_each(reap->reaper->cg, reap->cgroup, list_member, &l);
	if (reap_leader_lives(reap) && !list_has_leader(reap))
		survivors_add(&l.list, reap->leader);
	result.survivors = l.list.n;
	memcpy(result.survivor_list, l.list.text, sizeof(result.survivor_list));
	reap->fn(reap->ctx, &result);
}

void reap_report_gone(struct reap *reap, uint64_t elapsed)
{
	struct reap_result result = {
		.gone = true, .signalled = reap->signalled, .elapsed = elapsed};
	reap_report_fn *fn = reap->fn;
	void *ctx = reap->ctx;

	reap_free(reap);
	fn(ctx, &result);
}
