#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/procdir.h"
#include "sessd/sweep.h"

#define TURN NS_PER_MS /* so long, about, a turn of the loop may take */

struct sweep {
	struct loop *loop;
	struct loop_timer timer; /* always set, so that setting it needs no memory */
	int proc_fd;
	struct sweep_target **targets; /* n, in no order */
	struct sweep_target **sorted;  /* those of this reading by audit session, then the `all` */
	uint32_t n;
	uint32_t size; /* of both arrays */
	uint32_t n_wanted;
	uint32_t n_audit;
	uint32_t n_all;
	pid_t pids[PROCDIR_SLICE]; /* the slice at hand: n_pids, of which `at` have been seen */
	uint32_t n_pids;
	uint32_t at;
	bool running;
	int error;
	uint64_t began;
	uint64_t cost;
};

static void on_timer(void *ctx);

static void set_timer(struct sweep *s, uint64_t in)
{
	int r = loop_timer_set(s->loop, &s->timer, clock_boot() + in, on_timer, s);

	assert(r == 0);
	(void)r;
}

int sweep_new(struct loop *loop, struct sweep **ret)
{
	struct sweep *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return -ENOMEM;
	*s = (struct sweep){.loop = loop, .proc_fd = procdir_open()};
	r = s->proc_fd < 0
		    ? s->proc_fd
		    : loop_timer_set(loop, &s->timer, clock_boot() + DURATION_MAX, on_timer, s);
	if (r < 0) {
		sweep_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void sweep_free(struct sweep *s)
{
	if (s == NULL)
		return;
	loop_timer_cancel(s->loop, &s->timer);
	if (s->proc_fd >= 0)
		close(s->proc_fd);
	free(s->targets);
	free(s->sorted);
	free(s);
}

static int grow(struct sweep *s)
{
	uint32_t size = s->size ? 2 * s->size : 16;
	struct sweep_target **p;

	if (s->n < s->size)
		return 0;
	p = reallocarray(s->targets, size, sizeof(struct sweep_target *));
	if (p == NULL)
		return -ENOMEM;
	s->targets = p;
	p = reallocarray(s->sorted, size, sizeof(struct sweep_target *));
	if (p == NULL)
		return -ENOMEM;
	s->sorted = p;
	s->size = size;
	return 0;
}

int sweep_add(struct sweep *s, struct sweep_target *target)
{
	int r = grow(s);

	if (r < 0)
		return r;
	s->targets[s->n++] = target;
	target->place = s->n;
	target->wanted = target->running = false;
	return 0;
}

/* Out of the reading that runs. */
static void leave(struct sweep *s, const struct sweep_target *target)
{
	uint32_t i, n = s->n_audit + s->n_all;

	for (i = 0; i < n && s->sorted[i] != target; i++)
		;
	if (i == n)
		return;
	if (i < s->n_audit)
		s->n_audit--;
	else
		s->n_all--;
	memmove(s->sorted + i, s->sorted + i + 1, (n - i - 1) * sizeof(struct sweep_target *));
}

void sweep_remove(struct sweep *s, struct sweep_target *target)
{
	struct sweep_target *last;

	if (target->place == 0)
		return;
	if (s->running && target->running)
		leave(s, target);
	s->n_wanted -= target->wanted;
	last = s->targets[--s->n];
	s->targets[target->place - 1] = last;
	last->place = target->place;
	target->place = 0;
	target->wanted = target->running = false;
}

void sweep_want(struct sweep *s, struct sweep_target *target)
{
	assert(target->place != 0);
	if (target->wanted)
		return;
	target->wanted = true;
	if (s->n_wanted++ == 0 && !s->running)
		set_timer(s, 0);
}

uint64_t sweep_cost(const struct sweep *s)
{
	return s->cost;
}

static int by_audit(const void *a, const void *b)
{
	const struct sweep_target *const *x = a, *const *y = b;

	return ((*x)->audit_session > (*y)->audit_session) -
	       ((*x)->audit_session < (*y)->audit_session);
}

static void begin(struct sweep *s)
{
	uint32_t i;

	s->n_audit = s->n_all = s->n_wanted = 0;
	for (i = 0; i < s->n; i++) {
		struct sweep_target *t = s->targets[i];

		t->running = t->wanted;
		t->wanted = false;
		if (t->running && t->audit_session != PROC_NO_AUDIT)
			s->sorted[s->n_audit++] = t;
	}
	for (i = 0; i < s->n; i++) {
		if (s->targets[i]->running && s->targets[i]->audit_session == PROC_NO_AUDIT &&
			s->targets[i]->all)
			s->sorted[s->n_audit + s->n_all++] = s->targets[i];
	}
	if (s->n_audit > 1)
		qsort(s->sorted, s->n_audit, sizeof(struct sweep_target *), by_audit);
	s->n_pids = s->at = 0;
	s->running = true;
	s->began = clock_boot();
	s->error = procdir_rewind(s->proc_fd);
}

/* The first target of that audit session: there may be several. */
static uint32_t first_of(const struct sweep *s, uint32_t audit_session)
{
	uint32_t low = 0, high = s->n_audit, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (s->sorted[mid]->audit_session < audit_session)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* What went away meanwhile is nobody's any more; another error may hide one that is somebody's. */
static void note_error(struct sweep *s, int r)
{
	if (r < 0 && r != -ESRCH && s->error == 0)
		s->error = r;
}

static void look_at(struct sweep *s, pid_t pid)
{
	struct proc_stat stat;
	uint32_t audit, i;
	int r;

	if (s->n_audit > 0) {
		r = proc_audit_session_at(s->proc_fd, pid, &audit);
		note_error(s, r);
		for (i = r < 0 ? s->n_audit : first_of(s, audit);
			i < s->n_audit && s->sorted[i]->audit_session == audit; i++)
			s->sorted[i]->found(s->sorted[i]->ctx, pid, NULL);
	}
	if (s->n_all > 0) {
		r = proc_stat(pid, &stat);
		note_error(s, r);
		for (i = s->n_audit; r == 0 && i < s->n_audit + s->n_all; i++)
			s->sorted[i]->found(s->sorted[i]->ctx, pid, &stat);
	}
}

/*
 * From the end, because done() may remove targets, its own and others, whose places the last ones
 * then take: those have been called already, or are met again on the way down. What is added comes
 * after all of them.
 */
static void finish(struct sweep *s)
{
	uint32_t i;

	s->running = false;
	s->cost = clock_boot() - s->began;
	if (s->n_wanted > 0)
		set_timer(s, 0);
	for (i = s->n; i > 0; i--) {
		struct sweep_target *t = i <= s->n ? s->targets[i - 1] : NULL;

		if (t == NULL || !t->running)
			continue;
		t->running = false;
		t->done(t->ctx, s->error);
	}
}

/* Looks at processes of the slice at hand until the turn is used up: to look at one costs some
 * microseconds, to kill one can cost a hundred. */
static void look_on(struct sweep *s)
{
	uint64_t end = clock_boot() + TURN;
	pid_t self = getpid(), pid;

	while (s->at < s->n_pids) {
		pid = s->pids[s->at++];
		if (pid > 1 && pid != self)
			look_at(s, pid);
		if (s->at % 16 == 0 && clock_boot() >= end)
			return;
	}
}

static void turn(struct sweep *s)
{
	int n;

	if (s->at == s->n_pids) {
		n = s->error == 0 ? procdir_next(s->proc_fd, s->pids) : 0;
		note_error(s, n);
		s->at = 0;
		s->n_pids = n > 0 ? (uint32_t)n : 0;
	}
	if (s->n_pids == 0) {
		finish(s);
		return;
	}
	look_on(s);
	set_timer(s, 0);
}

static void on_timer(void *ctx)
{
	struct sweep *s = ctx;

	set_timer(s, DURATION_MAX);
	if (!s->running && s->n_wanted > 0)
		begin(s);
	if (s->running)
		turn(s);
}
