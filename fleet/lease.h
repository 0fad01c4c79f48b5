/* The host's lease: granted, and kept alive while the agent runs. What hangs from it goes when it
 * ends, and that it ended is no reason for anything else. */
#ifndef FLEET_LEASE_H
#define FLEET_LEASE_H

#include "fleet/etcd.h"

struct lease {
	struct etcd *etcd;
	struct timers *timers;
	struct etcd_call *call;
	struct timer timer;
	uint64_t ttl;	     /* asked for, seconds */
	uint64_t id;	     /* 0: there is none */
	uint64_t asked_at;   /* clock_boot() */
	uint64_t renewed_at; /* the same: when the last renewal was asked for that was given */
	void (*granted)(void *ctx);
	void (*failed)(void *ctx, const char *words); /* none is granted: why; it is tried again */
	void (*lost)(void *ctx); /* it is over; a new one is asked for at once */
	void *ctx;
};

/* Asks for one, and again until there is one. */
void lease_start(struct lease *lease);
void lease_stop(struct lease *lease);
/* It was said elsewhere that it is over. */
void lease_forget(struct lease *lease);

#endif
