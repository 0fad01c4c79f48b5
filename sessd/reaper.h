/*
 * Ends sessions and watches until every process is gone. It knows the loop, never the session
 * table.
 *
 * One scan of /proc serves all sessions that are being ended, in slices, so that a loop with
 * thousands of processes still answers lookups in between. The order for one session: its own
 * cgroup (cgroup.kill), its audit session (stop all, then kill, until two scans in a row find
 * none), its leader. A process is signalled only through a pidfd whose audit session was read again
 * after it was opened. Where a session has neither cgroup nor audit session, those who descend from
 * its leader stand for it; what had left that tree (a double fork) is then not found.
 *
 * With a grace, the same processes, found by the same ways, are told once to end by themselves; the
 * kill follows when the grace is over, or none of them is left.
 *
 * A zombie counts as gone: it holds nothing but its number. Never ended, nor waited for: pid 1 and
 * sessd itself.
 */
#ifndef SESSD_REAPER_H
#define SESSD_REAPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/text.h"
#include "sessd/cgroup.h"
#include "sessd/loop.h"
#include "sessd/proc.h"

/* So long after the kill, what is still there is reported as surviving; it is watched on. */
#define REAPER_PATIENCE_NS (UINT64_C(10) * 1000000000)

struct reaper;
struct reap;
struct sweep;

/*
 * Who hears of a grace. The leader alone: of a login that was refused after sshd had gone too far;
 * SIGTERM makes sshd close the connection within 20 ms, and when he is gone, the rest is killed.
 * Nobody: those of a session that are told with the one that it was made in.
 */
enum reap_tell {
	REAP_TELL_ALL, /* SIGHUP, SIGTERM and SIGCONT */
	REAP_TELL_LEADER,
	REAP_TELL_NOBODY,
};

struct reap_order {
	const char *cgroup;	/* the session's own, or "" */
	uint32_t audit_session; /* the session's own, or PROC_NO_AUDIT: no sweep */
	int leader_pidfd;	/* borrowed (the reaper takes a dup); -1: it is gone */
	pid_t leader;		/* its number, for the report */
	uint64_t since;		/* clock_boot() from which `elapsed` counts; 0: now */
	uint64_t grace;		/* ns from now until the kill; 0: kill at once */
	enum reap_tell tell;
};

struct reap_result {
	bool gone; /* no process is left; this is the last report */
	/* Different processes that were in the session and were told to end. By number: one that
	 * took another's number meanwhile is not counted; nor is one that was born and died between
	 * two looks. */
	uint32_t signalled;
	uint64_t elapsed; /* ns since reap_order.since */
	uint32_t survivors;
	char survivor_list[TEXT_LONG_MAX + 1]; /* `pid name state`, comma-separated, escaped */
};

/*
 * Called with gone false at most once, REAPER_PATIENCE_NS after the kill, and with gone true
 * exactly once, at the end, never from within reaper_end() itself. It may call reaper_end(), not
 * reaper_free().
 */
typedef void reap_report_fn(void *ctx, const struct reap_result *result);

/* All three are lent for its life. */
int reaper_new(struct loop *loop, struct cgroups *cg, struct sweep *sweep, struct reaper **ret);
/* Forgets what is under way without a report; processes are left as they are. */
void reaper_free(struct reaper *r);

/* -errno only where memory or descriptors are out. *ret is valid until the last report; it may be
 * NULL. */
int reaper_end(struct reaper *r, const struct reap_order *order, reap_report_fn *fn, void *ctx,
	struct reap **ret);

/* At most so many ns are left of its grace. */
void reaper_hurry(struct reap *reap, uint64_t within);
/* It is within its grace: nobody was killed yet. */
bool reaper_waits(const struct reap *reap);

/* Sessions being ended now. */
uint32_t reaper_active(const struct reaper *r);

/* Instead of REAPER_PATIENCE_NS: for tests. */
void reaper_set_patience(struct reaper *r, uint64_t ns);

#endif
