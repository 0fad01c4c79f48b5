/*
 * A reaper on a loop of its own, real processes to be ended, and what the reaper reports of them.
 */
#ifndef TESTS_UNIT_REAPER_FIXTURE_H
#define TESTS_UNIT_REAPER_FIXTURE_H

#include "tests/unit/processes.h"

#include "common/duration.h"
#include "sessd/loop.h"
#include "sessd/reaper.h"
#include "sessd/sweep.h"

/* A reaper on a loop, and what it reported. */
struct bed {
	struct loop *loop;
	struct cgroups cg;
	struct sweep *sweep;
	struct reaper *reaper;
	struct shared *shared;
};

struct report {
	int gone;
	int survived;
	struct reap_result result; /* the last */
	struct reap_result survival;
};

static inline struct bed bed_new(void)
{
	struct bed b = {.cg = own_cgroups(), .shared = shared_new()};

	assert_int_equal(loop_new(&b.loop), 0);
	return b;
}

/* Apart from bed_new(), so that a forked process may have its own. */
static inline void bed_reaper(struct bed *b)
{
	assert_int_equal(sweep_new(b->loop, &b->sweep), 0);
	assert_int_equal(reaper_new(b->loop, &b->cg, b->sweep, &b->reaper), 0);
}

static inline void bed_free(struct bed *b)
{
	reaper_free(b->reaper);
	sweep_free(b->sweep);
	loop_free(b->loop);
	shared_free(b->shared);
}

static inline void on_report(void *ctx, const struct reap_result *result)
{
	struct report *report = ctx;

	if (result->gone) {
		report->gone++;
	} else {
		report->survived++;
		report->survival = *result;
	}
	report->result = *result;
}

static inline struct reap_order order_of(uint32_t audit, pid_t leader)
{
	return (struct reap_order){.cgroup = "",
		.audit_session = audit,
		.leader = leader,
		.leader_pidfd = leader > 0 ? pidfd_open_pid(leader) : -1};
}

/* What it returns is valid until the last report. */
static inline struct reap *order(struct bed *b, const struct reap_order *o, struct report *report)
{
	struct reap *reap;

	*report = (struct report){0};
	assert_int_equal(reaper_end(b->reaper, o, on_report, report, &reap), 0);
	assert_int_equal(report->gone, 0);
	/* the reaper has a descriptor of its own */
	if (o->leader_pidfd >= 0)
		close(o->leader_pidfd);
	return reap;
}

/* Turns the loop until the number is there; false where it never comes. */
static inline bool turn_until(struct bed *b, const int *number, int wanted)
{
	uint64_t end = clock_boot() + PATIENCE_NS;

	while (*number < wanted && clock_boot() < end)
		if (loop_turn(b->loop, 1000) < 0)
			return false;
	return *number == wanted;
}

static inline void await_gone(struct bed *b, const struct report *report)
{
	assert_true(turn_until(b, &report->gone, 1));
	assert_int_equal(report->gone, 1);
	assert_true(report->result.gone);
	assert_int_equal(report->result.survivors, 0);
}

static inline void wait_here(struct shared *s)
{
	s->ready++;
	for (;;)
		pause();
}

static inline void move(const char *name, pid_t pid)
{
	char file[256], text[16];

	if (mkdirat(own_root_fd, name, 0755) < 0)
		assert_int_equal(errno, EEXIST);
	snprintf(file, sizeof(file), "%s/cgroup.procs", name);
	snprintf(text, sizeof(text), "%d", (int)pid);
	assert_int_equal(write_text(own_root_fd, file, text), 0);
}

#endif
