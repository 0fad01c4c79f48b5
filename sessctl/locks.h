/* The locks that stand, as the daemon lists them. */
#ifndef SESSCTL_LOCKS_H
#define SESSCTL_LOCKS_H

#include "sessctl/conn.h"

/* Called for each, in the order in which they were first set; a code other than EXIT_DONE stops the
 * reading and is returned. */
typedef int lock_fn(void *arg, const struct wire_locked *lock);

int locks_read(struct conn *c, lock_fn *fn, void *arg);

#endif
