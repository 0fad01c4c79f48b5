/*
 * A place under the fleet's caps. The user's sessions are counted at one revision of the store; the
 * new one is then put on the condition that none of his was created since. Where one was, he is
 * counted once more. So of any number of hosts that count together one succeeds, and the others see
 * it.
 *
 * Where a cap evicts, somebody is ordered to end, and counted until he is gone: the oldest by the
 * order in which the store was told of them, which is no host's clock; or the one that has been
 * idle the longest, as the hosts that have them say when they are asked.
 */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/eviction.h"
#include "fleet/query.h"
#include "fleet/question.h"
#include "fleet/reply.h"

/* sessd waits a little longer. */
#define WAIT (600 * NS_PER_MS)
/* Until it is looked again whether those who are evicted have gone. */
#define LOOK (30 * NS_PER_MS)

struct place {
	struct agent *agent;
	LIST_ENTRY(place) link;
	struct sid sid;
	struct etcd_call *call;
	struct timer timer;
	uint64_t deadline;
	uint64_t lease;		   /* that it was put under */
	bool writing;		   /* the call is the write */
	bool evicts;		   /* it waits for somebody to go */
	struct eviction *eviction; /* that the store is being told of */
	struct question *question; /* who is idle; NULL: nobody was asked yet */
	struct {		   /* who has been ordered to */
		char sid[SID_HEX + 1];
		char *host;
	} evicted[8];
	unsigned n_evicted;
	bool unheard; /* whether the store has the order for the last of them is not known */
	bool granted;
};

static void count_again(void *ctx);

/* It is not waited for: nobody is to end for it any more who has not begun to. */
static void withdraw(struct place *p)
{
	json_t *txn;
	unsigned i;

	if (p->n_evicted == 0)
		return;
	txn = query_txn();
	for (i = 0; i < p->n_evicted; i++)
		query_txn_delete(txn, eviction_withdrawal(p->evicted[i].host, p->evicted[i].sid));
	(void)etcd_start(p->agent->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
						 .path = ETCD_TXN,
						 .body = txn,
						 .deadline = clock_boot() + NS_PER_SEC,
						 .done = etcd_unheard});
}

static void place_free(struct place *p)
{
	unsigned i;

	LIST_REMOVE(p, link);
	p->agent->n_places--;
	etcd_cancel(p->call);
	timer_cancel(&p->timer);
	eviction_cancel(p->eviction);
	question_free(p->question);
	if (!p->granted)
		withdraw(p);
	for (i = 0; i < p->n_evicted; i++)
		free(p->evicted[i].host);
	free(p);
}

static void answer(struct place *p, struct wire_placed *msg)
{
	msg->sid = p->sid;
	agent_tell(p->agent, WIRE_placed, msg);
	place_free(p);
}

static void grant(struct place *p)
{
	struct member *m = member_find(p->agent, &p->sid);
	struct wire_placed msg = {.granted = true};

	p->granted = true;
	m->seeking = false;
	m->registered = p->lease == p->agent->lease.id;
	if (!m->registered)
		member_dirty(p->agent, m);
	answer(p, &msg);
}

static void nobody_knows(struct place *p)
{
	struct wire_placed msg = {.unreachable = true};

	answer(p, &msg);
}

void place_forget(struct agent *a, const struct sid *sid)
{
	struct place *p;

	LIST_FOREACH (p, &a->places, link)
		if (sid_equal(&p->sid, sid))
			break;
	if (p == NULL)
		return;
	if (p->writing && member_find(a, sid) != NULL)
		member_doubt(a, member_find(a, sid));
	place_free(p);
}

void places_fini(struct agent *a)
{
	while (!LIST_EMPTY(&a->places))
		place_forget(a, &LIST_FIRST(&a->places)->sid);
}

/* --- Evicting --- */

static bool was_ordered(const struct place *p, const char *sid)
{
	unsigned i;

	for (i = 0; i < p->n_evicted; i++)
		if (strcmp(p->evicted[i].sid, sid) == 0)
			return true;
	return false;
}

static void on_ordered(void *ctx, bool ordered)
{
	struct place *p = ctx;

	p->eviction = NULL;
	p->unheard = !ordered;
	timer_set(&p->agent->timers, &p->timer, clock_boot() + LOOK, count_again, p);
}

/* Whoever is to go, or to be told so once more, is now ordered to. */
static void order_last(struct place *p, const struct listed *e, const char *policy)
{
	p->eviction = eviction_begin(p->agent, e, policy, p->deadline, on_ordered, p);
	if (p->eviction == NULL)
		nobody_knows(p);
}

static void wait_for(struct place *p, const struct listed *e, const char *policy)
{
	unsigned n = p->n_evicted;
	char *host;

	if (p->unheard && strcmp(p->evicted[n - 1].sid, e->sid) == 0) {
		order_last(p, e, policy);
		return;
	}
	if (was_ordered(p, e->sid) || n == sizeof(p->evicted) / sizeof(p->evicted[0])) {
		timer_set(&p->agent->timers, &p->timer, clock_boot() + LOOK, count_again, p);
		return;
	}
	host = strdup(e->host);
	if (host == NULL) {
		nobody_knows(p);
		return;
	}
	memcpy(p->evicted[n].sid, e->sid, sizeof(e->sid));
	p->evicted[p->n_evicted++].host = host;
	order_last(p, e, policy);
}

/* --- The transaction --- */

static void on_put(void *ctx, const struct etcd_answer *got)
{
	struct place *p = ctx;
	struct reply_txn txn;
	struct member *m = member_find(p->agent, &p->sid);

	p->call = NULL;
	p->writing = false;
	if (got->outcome == ETCD_DONE && reply_txn(got->root, &txn) == 0) {
		p->agent->revision = txn.revision;
		reply_kvs_fini(&txn.got);
		if (txn.succeeded)
			grant(p);
		else
			count_again(p);
		return;
	}
	if (got->outcome == ETCD_REFUSED) {
		log_warning("no place in the fleet can be asked for: %s", got->words);
		if (strstr(got->words, "lease not found") != NULL && p->lease == p->agent->lease.id)
			lease_forget(&p->agent->lease);
		nobody_knows(p);
		return;
	}
	/* read back what has become of it */
	if (got->outcome != ETCD_UNREACHABLE)
		member_doubt(p->agent, m);
	count_again(p);
}

static void put(struct place *p, const struct member *m, uint64_t revision)
{
	struct key own, all;
	json_t *txn = query_txn();

	member_key(p->agent, m, &own);
	roll_key(m->user, &all);
	query_txn_if_nothing_newer(txn, &all, revision);
	query_txn_put(txn, query_put(&own, m->value, p->agent->lease.id));
	p->lease = p->agent->lease.id;
	p->writing = true;
	p->call = etcd_start(p->agent->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
						     .path = ETCD_TXN,
						     .body = txn,
						     .deadline = p->deadline,
						     .done = on_put,
						     .ctx = p});
	if (p->call == NULL)
		nobody_knows(p);
}

/* It may have been put by a write that was not heard of. */
static bool is_put(const struct place *p, const struct roll *roll)
{
	char sid[SID_HEX + 1];
	size_t i;

	sid_hex(&p->sid, sid);
	for (i = 0; i < roll->n; i++)
		if (strcmp(roll->entry[i].sid, sid) == 0 && p->lease != 0 &&
			roll->entry[i].lease == p->lease)
			return true;
	return false;
}

/* With those of this host that the store has not been told of. */
static unsigned count(const struct place *p, const struct roll *roll, const char *policy)
{
	const struct member *m = member_find(p->agent, &p->sid);

	return roll_count(p->agent, roll, policy) + members_unlisted(p->agent, m->user, policy);
}

static void refuse(struct place *p, const struct cap *cap, const struct roll *roll)
{
	struct wire_placed msg = {.count = count(p, roll, cap->policy)};

	roll_words(p->agent, roll, cap->policy, msg.text, sizeof(msg.text));
	memcpy(msg.policy, cap->policy, sizeof(msg.policy));
	answer(p, &msg);
}

/* Of one there is nothing to be asked. */
static void evict(struct place *p, const struct cap *cap, struct roll *roll)
{
	const struct listed *victim;

	p->evicts = true;
	if (cap->idlest && p->question == NULL && roll_count(p->agent, roll, cap->policy) > 1) {
		p->question =
			question_ask(p->agent, roll, cap->policy, QUESTION_IDLE, count_again, p);
		if (p->question == NULL)
			nobody_knows(p);
		return;
	}
	victim = roll_choose(p->agent, roll, cap->policy, p->question);
	if (victim != NULL)
		wait_for(p, victim, cap->policy);
	else
		refuse(p, cap, roll);
}

static void judge(struct place *p, struct roll *roll)
{
	const struct member *m = member_find(p->agent, &p->sid);
	const struct cap *cap = NULL;
	unsigned i;

	if (is_put(p, roll)) {
		grant(p);
		return;
	}
	for (i = 0; i < m->n_caps; i++) {
		if (count(p, roll, m->caps[i].policy) < m->caps[i].max)
			continue;
		/* one that refuses is stricter than one that evicts */
		if (cap == NULL || cap->evict)
			cap = &m->caps[i];
	}
	if (cap == NULL)
		put(p, m, roll->revision);
	else if (cap->evict)
		evict(p, cap, roll);
	else
		refuse(p, cap, roll);
}

static void on_counted(void *ctx, const struct etcd_answer *got)
{
	struct place *p = ctx;
	struct roll roll;

	p->call = NULL;
	if (roll_read(got, &roll) < 0) {
		nobody_knows(p);
		return;
	}
	p->agent->revision = roll.revision;
	judge(p, &roll);
	roll_fini(&roll);
}

static void count_again(void *ctx)
{
	struct place *p = ctx;
	const struct member *m = member_find(p->agent, &p->sid);
	struct wire_placed late = {.text = "a session elsewhere had to end first, and has not in "
					   "time"};
	struct key all;

	if (clock_boot() >= p->deadline && p->evicts) {
		answer(p, &late);
		return;
	}
	if (clock_boot() >= p->deadline || !agent_joined(p->agent) || !roll_key(m->user, &all)) {
		nobody_knows(p);
		return;
	}
	p->call = etcd_start(p->agent->etcd, &(struct etcd_request){.kind = ETCD_READ,
						     .path = ETCD_RANGE,
						     .body = query_range(&all, 0),
						     .deadline = p->deadline,
						     .done = on_counted,
						     .ctx = p});
	if (p->call == NULL)
		nobody_knows(p);
}

void place_seek(struct agent *a, struct member *m)
{
	struct wire_placed unreachable = {.sid = m->sid, .unreachable = true};
	struct place *p;

	place_forget(a, &m->sid);
	p = a->n_places < PLACES_MAX ? calloc(1, sizeof(*p)) : NULL;
	if (p == NULL) {
		agent_tell(a, WIRE_placed, &unreachable);
		return;
	}
	*p = (struct place){.agent = a, .sid = m->sid, .deadline = clock_boot() + WAIT};
	LIST_INSERT_HEAD(&a->places, p, link);
	a->n_places++;
	count_again(p);
}
