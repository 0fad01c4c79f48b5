/*
 * What each user makes the daemon hold and do, charged to his uid: connections, and requests in a
 * token bucket. Pure: time is a parameter.
 */
#ifndef SESSD_CHARGE_H
#define SESSD_CHARGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sessd/hash.h"

/* Of one uid other than root. Root is limited by the total alone: who has root needs no socket to
 * do harm. */
#define CHARGE_CONNECTIONS 32
/* Under way. More than connections, because one whose peer has gone waits on (a revocation, for as
 * long as its grace), and a new connection costs nothing. */
#define CHARGE_REQUESTS 64
#define CHARGE_RATE	500 /* requests a second */
#define CHARGE_BURST	1000

struct charges {
	struct hash by_uid;
};

struct charge {
	struct hash_link link;
	uid_t uid;
	uint32_t connections;
	uint64_t credit; /* ns of time; a request costs 1 s / CHARGE_RATE */
	uint64_t filled; /* clock_boot() */
};

/* One more connection of the uid. NULL: it has too many, or no memory. */
struct charge *charge_connection(struct charges *c, uid_t uid, uint64_t now);
void charge_release(struct charges *c, struct charge *charge);

/* One more request. False: too fast. */
bool charge_request(struct charge *charge, uint64_t now);

/* All connections must have been released. */
void charges_fini(struct charges *c);

#endif
