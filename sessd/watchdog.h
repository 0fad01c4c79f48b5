/*
 * Tells the service manager now and then that the loop turns (WATCHDOG_USEC of sd_notify(3)), which
 * otherwise kills the process and starts it anew. From the loop alone, so that one that hangs says
 * nothing.
 */
#ifndef SESSD_WATCHDOG_H
#define SESSD_WATCHDOG_H

#include <stdint.h>

#include "sessd/loop.h"

/* Embedded in its owner, all zeros at first. */
struct watchdog {
	struct loop *loop;
	uint64_t period; /* ns */
	struct loop_timer timer;
};

/* Does nothing where the service manager waits for no signs of life. -errno. */
int watchdog_start(struct watchdog *w, struct loop *loop);

#endif
