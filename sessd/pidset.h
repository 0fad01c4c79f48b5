/*
 * A set of processes: pids with the time each was started, which together name one process of this
 * boot. Who has no use for the start time stores 0. Zero-initialised it is empty.
 */
#ifndef SESSD_PIDSET_H
#define SESSD_PIDSET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A user may have as many processes as he likes; beyond so many they are not remembered. */
#define PIDSET_MAX 65536

struct pidset_item {
	pid_t pid; /* 0: free */
	uint64_t start;
};

struct pidset {
	struct pidset_item *items; /* `size` of them, a power of two or 0 */
	uint32_t n;
	uint32_t size;
};

void pidset_fini(struct pidset *set);

/*
 * 1: it is new; 0: it was there; -ENOMEM, -ENOSPC: it could not be added. Of one pid only the last
 * start time is kept.
 */
int pidset_add(struct pidset *set, pid_t pid, uint64_t start);

/* NULL: it is not there. Valid until the next change. */
const struct pidset_item *pidset_find(const struct pidset *set, pid_t pid);

/* The next one at or after *at, which starts at 0; NULL when there are no more. */
const struct pidset_item *pidset_next(const struct pidset *set, uint32_t *at);

#endif
