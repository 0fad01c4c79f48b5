/*
 * A number of logins that do not exist but for sessd: what a module would send for each of them.
 * All have this process as their leader.
 */
#ifndef BENCH_LOGINS_H
#define BENCH_LOGINS_H

#include <stddef.h>

#include "common/wire.h"

struct logins {
	struct sid *sids;
	size_t n;
	/* the message that was asked for last */
	struct wire_open open;
	struct wire_close close;
	struct wire_show show;
};

/* Ends the program where there is no memory. */
void logins_init(struct logins *l, size_t n);
void logins_fini(struct logins *l);
/* New sids. */
void logins_renew(struct logins *l);

/* The message about the i-th login (counted round and round); it holds until the next one. For
 * swarm_run(). */
const void *logins_open(void *logins, size_t i);
const void *logins_close(void *logins, size_t i);
const void *logins_show(void *logins, size_t i);

#endif
