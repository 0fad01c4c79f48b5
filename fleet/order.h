/* An order of another host, from when the store has it to when that is told what came of it. */
#ifndef FLEET_ORDER_H
#define FLEET_ORDER_H

#include "fleet/agent.h"
#include "fleet/reply.h"

/* Results that wait to be read by who gave the order. */
#define RESULTS_MAX 64

struct order {
	struct agent *agent;
	LIST_ENTRY(order) link;
	struct key key;
	uint64_t revision;     /* of the store, at which it was put */
	struct reply_kv *next; /* that was put under its key meanwhile, or NULL */
	char id[SID_HEX + 1];
	struct sid challenge; /* that it answers */
	struct wire_revoke ask;
	bool quiet;    /* nobody reads what came of it */
	bool over;     /* sessd has carried it out */
	bool replaced; /* its key is another's, or gone */
	bool listed;   /* since begin() */
	bool rests;    /* sessd could not: the timer says when it is asked again */
	unsigned tries;
	struct link *by;   /* it is being carried out */
	unsigned failures; /* to tell the store, in a row */
	json_t *outcomes;
	struct etcd_call *call;
	struct timer timer;
};

struct orders {
	LIST_HEAD(order_list, order) list;
	unsigned n;
	struct key results[RESULTS_MAX]; /* the oldest at next_result */
	unsigned next_result;
	unsigned n_writes;
};

/* It is over, and told: it is freed, and the one that stands under its key now comes next. */
void order_over(struct order *o);

/* execution.c: it is carried out by sessd, as soon as all is taken that comes with it */
void execution_begin(struct order *o);
/* What came of it is told: o->outcomes. */
void execution_tell(struct order *o);

#endif
