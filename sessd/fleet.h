/*
 * The other hosts, as far as core is concerned. The agent (sessd-fleet) asks over and over what has
 * happened, and is told: sessions that came and went, sessions that seek a place under a cap over
 * the fleet, and what an administrator asks. Whatever it does or fails to do, a login waits for it
 * no longer than for a place on this host, and then `fleet_unreachable` decides.
 *
 *	attend.c   what the agent is told
 *	place.c    a place under the caps over the fleet
 *	errand.c   what an administrator asks
 *	head.c     the head of the ledger, which other hosts keep
 *
 * They alone include this; what core calls of them is in core_state.h.
 */
#ifndef SESSD_FLEET_H
#define SESSD_FLEET_H

#include <sys/queue.h>

#include "sessd/core_state.h"

/* The agent asks the store for some seconds, and waits for hosts for half a minute. */
#define FLEET_PATIENCE (90 * NS_PER_SEC)

enum item_kind { ITEM_MEMBER, ITEM_LEFT, ITEM_ERRAND };

/* Something that the agent is to be told. */
struct item {
	STAILQ_ENTRY(item) link;
	enum item_kind kind;
	struct sid sid;
	uint64_t errand;
};

struct fleet {
	struct answer *agent; /* it waits for something to happen; NULL: it does not */
	bool there;	      /* it has asked, and has not gone as far as is known */
	bool joined;	      /* it can ask the fleet */
	bool telling;	      /* the whole table ... */
	bool begun;	      /* ... whose beginning was told ... */
	uint32_t slot;	      /* ... up to there */
	STAILQ_HEAD(item_list, item) items;
	unsigned n_items;
	LIST_HEAD(errand_list, errand) errands;
	unsigned n_errands;
	uint64_t patience;	   /* ns: for a word of the agent on one of them */
	struct wire_frame frame;   /* of what is relayed */
	char head[SEAL_HEAD_TEXT]; /* of the ledger, that the agent is told of or knows ... */
	bool head_due;		   /* ... and that it is not told of yet */
};

/* The agent is told of that, as soon as it asks; nothing where there is none. */
void attend_push(struct core *core, struct item what);

/* The caps over the fleet that s counts under: how many, and with `a` they are told, too. */
unsigned place_caps(const struct core *core, const struct session *s, struct answer *a);
/* Does it count under that policy, which evicts over the fleet? */
bool place_may_evict(const struct core *core, const struct session *s, const char *name);

/* Is there another checkpoint than the one that the agent knows? Then it is due. */
void head_look(struct core *core);
void head_tell(struct fleet *f, struct answer *a);

/* Where it is not over yet. */
void errand_tell(const struct fleet *f, uint64_t id, struct answer *a);
void errands_fail(struct fleet *f, const char *why);
void errands_fini(struct fleet *f);

#endif
