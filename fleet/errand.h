/* What an administrator asks of the fleet, from his request to the last message of the answer. */
#ifndef FLEET_ERRAND_H
#define FLEET_ERRAND_H

#include "fleet/agent.h"
#include "fleet/reply.h"

/* A host of the fleet, as it stood when the errand asked. */
struct tally_host {
	char name[TEXT_STR_MAX + 1];
	char challenge[SID_HEX + 1]; /* that orders for it answer; "": none is known */
	bool alive, answered;
};

struct errand {
	struct agent *agent;
	LIST_ENTRY(errand) link;
	uint64_t id;
	char by[TEXT_STR_MAX + 1];
	struct wire_frame *ask;
	struct etcd_call *call;
	struct timer timer;
	uint64_t count;		     /* messages that were given */
	uint64_t deadline;	     /* clock_boot() */
	struct key last;	     /* of the page before, while a range is read page by page */
	size_t last_len;	     /* 0: it is read from its beginning */
	uint64_t page_revision;	     /* of the first page */
	uint64_t revision;	     /* lock, unlock: of what stood there */
	struct sid sid;		     /* revoke: the one session that is meant ... */
	char only[TEXT_STR_MAX + 1]; /* ... and its host; "": all are meant */
	char order[SID_HEX + 1];
	uint64_t version;	  /* lock, unlock: of the statement */
	struct tally_host *hosts; /* by name */
	size_t n_hosts, n_sorted;
	size_t n_ordered;		/* of them, revoke: to whom the order has been written */
	uint64_t lease;			/* that what it puts is under; 0: none has been asked for */
	unsigned tries;			/* of a write that was not heard of */
	char trouble[TEXT_STR_MAX + 1]; /* why the rest of them has no order; "": all have it */
	uint64_t seen;	/* the results that had been written at that revision are told */
	int page;	/* results that are read at a time */
	size_t n_told;	/* hosts, at the end */
	bool all_hosts; /* lock: they are known */
	void (*hosts_known)(struct errand *e);
	void (*granted)(struct errand *e);
};

/* One message of the answer; the last one ends the errand, which is freed. */
void errand_tell(struct errand *e, enum wire_type type, const void *msg, bool last);
void errand_fail(struct errand *e, enum wire_errno code, const char *words);
void errand_done(struct errand *e);
/* A read or write for it. It fails where there is no memory. */
void errand_ask(struct errand *e, enum etcd_kind kind, const char *path, json_t *body,
	void (*done)(void *ctx, const struct etcd_answer *answer));
/* False: the answer is none, and the errand has failed. */
bool errand_answered(struct errand *e, const struct etcd_answer *answer);
/* The same for a range, which is then to be freed. */
bool errand_range(struct errand *e, const struct etcd_answer *answer, struct reply_kvs *ret);
/* A page of what is below that key, behind the one before. */
json_t *errand_page(const struct errand *e, const struct key *under, int limit);
/* That one has come: is there another one? */
bool errand_more(struct errand *e, const struct reply_kvs *kvs);
/* sessd takes what it is told. False: it has much to take yet, and then() is called later. */
bool errand_flows(struct errand *e, void (*then)(void *ctx));
/* Reads which hosts there are, or the one of e->only, and who is alive; then calls known(). */
void errand_hosts(struct errand *e, void (*known)(struct errand *e));

/* NULL: there is no such host. */
struct tally_host *errand_host(const struct errand *e, const char *name);

/* A lease of its own, ns, for what it puts; then calls granted(). The same one where it is asked
 * for again. */
void errand_lease(struct errand *e, uint64_t lasts, void (*granted)(struct errand *e));

/* False: the key of this host lacks the right, and the errand has failed. */
bool errand_may(struct errand *e, enum right right);

/* What it may be, each from its request on. */
void listing_begin(struct errand *e);
void revocation_begin(struct errand *e);
void denial_begin(struct errand *e);
void standing_begin(struct errand *e);
void anchor_begin(struct errand *e);

/* A session as the store has it. False: it is none. */
bool listing_session(const struct reply_kv *kv, struct wire_session *ret);

/* tally.c: the order has been put for these hosts: tells what each has done, and ends the errand.
 */
void tally_begin(struct errand *e);

#endif
