/*
 * The agent as a whole, and what its files share. It stands between this host's sessd and etcd:
 *
 *	link (sessd's fleet.sock)  ->  member, place, errand  ->  etcd
 *	watch (orders, locks)      ->  order, lock            ->  link
 *
 * It holds nothing that it could not read again from one of the two sides: when sessd or etcd is
 * back, all is told and listed once more.
 */
#ifndef FLEET_AGENT_H
#define FLEET_AGENT_H

#include <sys/queue.h>

#include "common/lock.h"
#include "common/sid.h"
#include "common/wire.h"
#include "fleet/authority.h"
#include "fleet/challenge.h"
#include "fleet/edition.h"
#include "fleet/etcd.h"
#include "fleet/head.h"
#include "fleet/key.h"
#include "fleet/lease.h"
#include "fleet/link.h"
#include "fleet/memory.h"
#include "fleet/timer.h"
#include "fleet/watch.h"

/* Of all kinds, what sessd or the fleet can make the agent hold. */
#define MEMBERS_MAX 200000
#define PLACES_MAX  1024
#define ERRANDS_MAX 64
#define ORDERS_MAX  4096
#define LOCKS_MAX   LOCK_MAX /* sessd has room for no more */

/* Orders that are carried out at a time. */
#define ORDER_LINKS 4

struct agent;

struct cap {
	char policy[TEXT_STR_MAX + 1];
	uint32_t max;
	bool evict, idlest;
};

/* A session of this host. */
struct member {
	struct sid sid;
	char *user;
	char *value;	  /* what etcd is to hold */
	struct cap *caps; /* that it counts under */
	unsigned n_caps;
	bool present;	      /* sessd says that it lives, or asks for its place */
	bool seeking;	      /* it has no place yet */
	bool seen;	      /* since the table was begun anew */
	bool registered;      /* etcd holds it under the present lease */
	bool in_flight;	      /* it is part of the write that is under way */
	uint64_t doubt_until; /* clock_boot(): until then a write that was not heard of may come */
	bool dirty;
	TAILQ_ENTRY(member) link; /* agent.dirty */
};

struct registry {
	void *tree; /* of tsearch(3), by sid */
	size_t n;
	TAILQ_HEAD(member_list, member) dirty;
	struct etcd_call *call;
	struct batch *batch; /* that the call is of */
	struct timer timer;
	struct timer late; /* something may still come of a write that was not heard of */
	bool complete;	   /* sessd's whole table has been told */
	unsigned failures; /* of writes, in a row */
};

struct claim {
	struct etcd_call *call;
	struct timer timer;
	char nonce[33];
	bool joined;
	uint64_t challenge_until; /* clock_boot(): the one that it published is then replaced */
	bool refused;		  /* the host's name is another's */
	unsigned failures;	  /* in a row */
	char words[256];	  /* why it has not joined */
};

/* What was told of in the time since then: clock_boot(). */
struct refusals {
	uint64_t since;
	unsigned n;
};

/* Hosts whose ledgers are watched over; the one name `*`: all. */
#define WITNESS_MAX 16
struct names {
	const char *name[WITNESS_MAX];
	size_t n;
};

struct agent_options {
	struct etcd_options etcd;
	const char *host;
	const char *socket;	 /* sessd's */
	const char *state_dir;	 /* for what lasts until the next boot: nonce, challenges */
	const char *data_dir;	 /* for what outlasts it: the editions of locks, the heads
				    of others' ledgers */
	uint64_t lease_ttl;	 /* seconds */
	uint64_t order_lifetime; /* ns */
	struct authority *authority;
	struct names witness;
};

struct agent {
	struct agent_options o;
	struct timers timers;
	struct etcd *etcd;
	struct lease lease;
	struct claim claim;
	struct registry registry;
	struct link attend, talk, hand, idle_link, head_link, order_links[ORDER_LINKS];
	struct timer attend_timer;
	int attend_error; /* why sessd could not be asked, -errno; 0: it could */
	bool fresh;	  /* sessd's table is to be told from its beginning */
	bool told_joined; /* what sessd was told last ... */
	uint64_t told_at; /* ... and when: clock_boot() */
	struct cap caps[WIRE_FLEET_CAPS_MAX]; /* that came before their session */
	struct sid caps_of;
	unsigned n_caps;
	struct watch order_watch, lock_watch, idle_watch;
	struct challenges challenges;
	struct editions editions;
	struct refusals refusals;
	struct orders *orders;
	struct head head;
	struct witness *witness;
	struct idleness *idleness;
	struct overshoots *overshoots;
	uint64_t n_overshoots; /* that were found, ever */
	struct locks *locks;
	LIST_HEAD(place_list, place) places;
	unsigned n_places;
	LIST_HEAD(errand_list, errand) errands;
	unsigned n_errands;
	uint64_t revision; /* of the store, the last that was seen */
	bool stop;
};

int agent_new(const struct agent_options *options, struct agent **ret);
void agent_free(struct agent *a);
/* Until it is stopped by a signal: 0; or -errno. */
int agent_run(struct agent *a);
/* Has the host its name, and does its lease hold as far as is known here? */
bool agent_joined(const struct agent *a);
/* A request to sessd that no answer is awaited of. */
void agent_tell(struct agent *a, enum wire_type type, const void *msg);

/* claim.c: the host's name in the fleet */
int claim_init(struct agent *a);
/* There is a lease: the name is claimed with it. */
void claim_begin(struct agent *a);
void claim_lost(struct agent *a);
/* It cannot be claimed, for this reason: logged when it is a new one. */
void claim_trouble(struct agent *a, const char *words);
void claim_stop(struct agent *a);

/* The challenge in a host's claim, SID_HEX digits. False: there is none. */
bool claim_challenge(const struct reply_kv *kv, char ret[SID_HEX + 1]);

/* refusal.c: what is ordered of this host by somebody (NULL: nobody known), and is not done. False:
 * there are too many such for all to be answered. */
bool refusal_tell(struct agent *a, const struct signer *by, const char *what, const char *why);
/* One more; true: there have been so many that this one is not told. */
bool refusals_too_many(struct refusals *r);

/* head.c: the head of this host's ledger */
void head_told(struct agent *a, const char *checkpoint);
/* The store may be another one than before. */
void head_look(struct agent *a);
/* It may be another ledger than before. */
void head_doubt(struct agent *a);
void head_stop(struct agent *a);

/* witness.c: the heads of others */
int witness_init(struct agent *a);
void witness_start(struct agent *a);
/* What is on its way to sessd goes on. */
void witness_stop(struct agent *a);
void witness_fini(struct agent *a);
/* What is remembered of that host. -errno, as of memory_read(). */
int witness_remembered(const struct agent *a, const char *host, struct memory *ret);

/* member.c: the sessions of this host, and what etcd holds of them */
void members_init(struct agent *a);
void members_fini(struct agent *a);
struct member *member_find(const struct agent *a, const struct sid *sid);
/* sessd tells of one; with its caps in a->caps. NULL: there is no room. */
struct member *member_tell(struct agent *a, const struct wire_member *msg);
void member_left(struct agent *a, const struct sid *sid);
/* sessd tells its whole table anew, and has told it. */
void members_begin(struct agent *a);
void members_complete(struct agent *a);
/* All are to be written once more, under a new lease. */
void members_dirty(struct agent *a);
void member_dirty(struct agent *a, struct member *m);
/* Writes what is to be written, if it can be. */
void members_write(struct agent *a);
void member_key(const struct agent *a, const struct member *m, struct key *ret);
/* A write of it was not heard of. */
void member_doubt(struct agent *a, struct member *m);
/* Those of the user that live and have a place, under that policy and in no list of etcd's yet. */
unsigned members_unlisted(const struct agent *a, const char *user, const char *policy);

/* place.c: a place under the fleet's caps */
void place_seek(struct agent *a, struct member *m);
/* The session has gone meanwhile. */
void place_forget(struct agent *a, const struct sid *sid);
/* Those that are sought are not any more. */
void places_fini(struct agent *a);

/* overshoot.c: caps that were exceeded while the fleet could not be asked */
int overshoots_init(struct agent *a);
void overshoots_fini(struct agent *a);
/* That was written, at this revision, without having sought a place. */
void overshoot_note(struct agent *a, const struct member *m, uint64_t revision);

/* idleness.c: what other hosts ask of this one's sessions */
int idleness_start(struct agent *a);
void idleness_stop(struct agent *a);

/* attend.c: what sessd tells */
void attend_start(struct agent *a);
void attend_stop(struct agent *a);

/* order.c: what other hosts ask of this one */
int orders_start(struct agent *a);
void orders_stop(struct agent *a);

/* commission.c: what this one asks of others; for which host, that has published which challenge;
 * and what it goes with, when nobody wants it any more. */
struct order_to {
	const char *host, *id, *challenge;
	uint64_t lease;
};
/* Puts that order into the store; `text` is an object with what is ordered, and is taken over.
 * NULL: no memory. */
json_t *order_put(const struct agent *a, const struct order_to *to, json_t *text);
/* The order to end that session, for the sake of a cap. Its host compares whose it is: that stands
 * in the store, where any host can write it. */
struct order_eviction {
	const char *host, *user, *sid, *policy;
};
json_t *order_evict(
	const struct agent *a, const struct order_eviction *what, const char *challenge);

/* execution.c: what to write when an order is carried out: its outcomes (taken over; NULL: they
 * interest nobody), and with `key` that the order is over. */
json_t *order_result(struct agent *a, const char *id, json_t *outcomes, const struct key *key);

/* lock.c: the fleet's locks */
int locks_start(struct agent *a);
void locks_stop(struct agent *a);
/* Whose statements count may have changed: they are read again. */
void locks_again(struct agent *a);
/* sessd may have others than it had. */
void locks_check(struct agent *a);

/* errand.c: what an administrator asks of the fleet, through sessd */
void errand_begin(struct agent *a, const struct wire_errand *msg);
void errands_fini(struct agent *a);

#endif
