/* The host's lease: granted, and kept alive while the agent runs. What hangs from it goes when it
 * ends, and that it ended is no reason for anything else. */
#ifndef FLEET_LEASE_H
#define FLEET_LEASE_H

#include "common/duration.h"
#include "fleet/etcd.h"

struct lease {
	struct etcd *etcd;
	struct timers *timers;
	struct etcd_call *call;
	struct timer timer;
	uint64_t ttl;	     /* asked for, seconds */
	uint64_t id;	     /* 0: there is none */
	uint64_t wanted;     /* then: the id of the one that is asked for */
	unsigned failures;   /* in a row */
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

/* From renewal to renewal, ns. What the store fails at is left alone for so long at the most, see
 * timer_backoff(): so a store in trouble is not asked more often than one that is well. */
static inline uint64_t lease_patience(const struct lease *lease)
{
	return lease->ttl * NS_PER_SEC / 3;
}

/* An id for a lease, such as nobody else has or can guess. Who asks for a lease by it may ask as
 * often as it takes, and has one. */
uint64_t lease_new_id(void);
/* Does etcd say so of a lease that was asked for: it has it, by an earlier request? */
bool lease_is_there(const struct etcd_answer *answer);

#endif
