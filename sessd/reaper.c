/* The reaper and its list of sessions that are being ended. What is done to each: reap_step.c. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/reap.h"

int reaper_new(struct loop *loop, struct cgroups *cg, struct sweep *sweep, struct reaper **ret)
{
	struct reaper *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	*r = (struct reaper){
		.loop = loop, .cg = cg, .sweep = sweep, .patience = REAPER_PATIENCE_NS};
	*ret = r;
	return 0;
}

static void reap_fini(struct reap *reap)
{
	struct loop *loop = reap->reaper->loop;

	sweep_remove(reap->reaper->sweep, &reap->target);
	loop_timer_cancel(loop, &reap->timer);
	loop_io_remove(loop, &reap->leader_io);
	if (reap->leader_fd >= 0)
		close(reap->leader_fd);
	pidset_fini(&reap->told);
	pidset_fini(&reap->members);
	free(reap);
}

void reaper_free(struct reaper *r)
{
	struct reap *reap, *next;

	if (r == NULL)
		return;
	for (reap = r->first; reap != NULL; reap = next) {
		next = reap->next;
		reap_fini(reap);
	}
	free(r);
}

void reap_free(struct reap *reap)
{
	struct reaper *r = reap->reaper;

	if (reap->prev != NULL)
		reap->prev->next = reap->next;
	else
		r->first = reap->next;
	if (reap->next != NULL)
		reap->next->prev = reap->prev;
	r->active--;
	reap_fini(reap);
}

static void on_timer(void *ctx)
{
	struct reap *reap = ctx;

	reap_wake(reap, DURATION_MAX);
	reap_step(reap);
}

void reap_wake(struct reap *reap, uint64_t in)
{
	int r = loop_timer_set(reap->reaper->loop, &reap->timer, clock_boot() + in, on_timer, reap);

	assert(r == 0);
	(void)r;
}

/* pid 1 and sessd itself are nobody's leader. */
static int leader_dup(const struct reap_order *order, int *ret)
{
	if (order->leader_pidfd < 0 || order->leader == 1 || order->leader == getpid()) {
		*ret = -1;
		return 0;
	}
	*ret = fcntl(order->leader_pidfd, F_DUPFD_CLOEXEC, 3);
	return *ret < 0 ? -errno : 0;
}

static int reap_new(struct reaper *r, const struct reap_order *order, struct reap **ret)
{
	struct reap *reap = calloc(1, sizeof(*reap));
	uint64_t now = clock_boot();
	int error;

	if (reap == NULL)
		return -ENOMEM;
	*reap = (struct reap){.reaper = r,
		.audit_session = order->audit_session,
		.leader = order->leader,
		.tell = order->tell,
		.began = order->since != 0 ? order->since : now,
		.kill_at = now + order->grace};
	assert(strlen(order->cgroup) < sizeof(reap->cgroup));
	memcpy(reap->cgroup, order->cgroup, strlen(order->cgroup));
	error = leader_dup(order, &reap->leader_fd);
	if (error == 0)
		error = sweep_add(r->sweep, &reap->target);
	if (error == 0)
		error = loop_timer_set(r->loop, &reap->timer, now, on_timer, reap);
	if (error < 0) {
		reap_fini(reap);
		return error;
	}
	reap->tree = reap->cgroup[0] == '\0' && reap->audit_session == PROC_NO_AUDIT &&
		     reap->leader_fd >= 0;
	*ret = reap;
	return 0;
}

int reaper_end(struct reaper *r, const struct reap_order *order, reap_report_fn *fn, void *ctx,
	struct reap **ret)
{
	struct reap *reap;
	int error;

	error = reap_new(r, order, &reap);
	if (error < 0)
		return error;
	reap->fn = fn;
	reap->ctx = ctx;
	reap->next = r->first;
	if (r->first != NULL)
		r->first->prev = reap;
	r->first = reap;
	r->active++;
	if (ret != NULL)
		*ret = reap;
	return 0;
}

void reaper_hurry(struct reap *reap, uint64_t within)
{
	uint64_t at = clock_boot() + within;

	if (at >= reap->kill_at)
		return;
	reap->kill_at = at;
	if (reap->step == REAP_GRACE && !reap->reading)
		reap_wake(reap, 0);
}

bool reaper_waits(const struct reap *reap)
{
	return reap->struck == 0 && clock_boot() < reap->kill_at;
}

uint32_t reaper_active(const struct reaper *r)
{
	return r->active;
}

void reaper_set_patience(struct reaper *r, uint64_t ns)
{
	r->patience = ns;
}
