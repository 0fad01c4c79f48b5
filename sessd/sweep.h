/*
 * Readings of /proc, in slices of a loop turn each, which everybody who waits for one shares: one
 * reading for thousands of sessions that end together. A reading that has begun is joined by
 * nobody, so each sees every process that lived through the whole of his.
 */
#ifndef SESSD_SWEEP_H
#define SESSD_SWEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sessd/loop.h"
#include "sessd/proc.h"

struct sweep;

/* One who wants to hear; embedded in its owner. */
struct sweep_target {
	uint32_t audit_session; /* found() is called for its processes; PROC_NO_AUDIT: for none */
	bool all;		/* found() is called for every process, with its stat */
	/* Never pid 1 nor ourselves. It may have ended since: see victim.h. stat is NULL unless
	 * `all`. */
	void (*found)(void *ctx, pid_t pid, const struct proc_stat *stat);
	/* The reading is over: 0, or -errno where it may have missed a process. */
	void (*done)(void *ctx, int error);
	void *ctx;
	uint32_t place; /* private: index + 1; 0: not added */
	bool wanted;	/* private: for the next reading */
	bool running;	/* private: in this one */
};

int sweep_new(struct loop *loop, struct sweep **ret);
/* Calls nobody any more. */
void sweep_free(struct sweep *s);

/* -ENOMEM. Adding does not ask for a reading yet. */
int sweep_add(struct sweep *s, struct sweep_target *target);
/* Does nothing for one that was not added. At any time but from within a found(); what a reading
 * that runs was to tell this target, it tells nobody. */
void sweep_remove(struct sweep *s, struct sweep_target *target);

/* One reading for this target, from its beginning; done() is called once, later. Cannot fail. */
void sweep_want(struct sweep *s, struct sweep_target *target);

/* How long the last reading took, ns. */
uint64_t sweep_cost(const struct sweep *s);

#endif
