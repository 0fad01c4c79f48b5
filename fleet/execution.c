/*
 * An order is carried out: sessd ends the sessions, and the store is told what came of it in the
 * transaction that removes the order. What fails is tried again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/order.h"
#include "fleet/query.h"
#include "fleet/result.h"

#define TIMEOUT (5 * NS_PER_SEC)
#define REST	(300 * NS_PER_MS)
/* What sessd could not do is tried so often in all, and then that is told. */
#define TRIES 5
/* Results that are being written at a time. */
#define WRITES_MAX 16

static void run(struct agent *a);
static void write_result(void *ctx);

/* --- What came of it --- */

/* That a write of it has failed before takes no place from others. */
static bool is_kept(const struct orders *orders, const struct key *result)
{
	unsigned i;

	for (i = 0; i < RESULTS_MAX; i++)
		if (strcmp(orders->results[i].s, result->s) == 0)
			return true;
	return false;
}

/* What nobody has fetched is not kept for ever: the oldest makes place. */
static void keep(struct orders *orders, const struct key *result, json_t *txn)
{
	struct key *oldest = &orders->results[orders->next_result];

	if (is_kept(orders, result))
		return;
	if (oldest->s[0] != '\0')
		query_txn_delete(txn, query_delete(oldest));
	*oldest = *result;
	orders->next_result = (orders->next_result + 1) % RESULTS_MAX;
}

json_t *order_result(struct agent *a, const char *id, json_t *outcomes, const struct key *key)
{
	const char *parts[KEY_PARTS] = {id, a->o.host};
	json_t *txn = query_txn();
	struct key result;
	char *text;

	if (key != NULL)
		query_txn_delete(txn, query_delete(key));
	if (outcomes == NULL)
		return txn;
	text = json_dumps(outcomes, JSON_COMPACT);
	json_decref(outcomes);
	if (text != NULL && key_make(&result, KEY_DONE, parts, false)) {
		keep(a->orders, &result, txn);
		query_txn_put(txn, query_put(&result, text, a->lease.id));
	}
	free(text);
	return txn;
}

static void write_waiting(struct agent *a);

static void on_written(void *ctx, const struct etcd_answer *answer)
{
	struct order *o = ctx;
	struct agent *a = o->agent;
	struct reply_txn txn;

	o->call = NULL;
	a->orders->n_writes--;
	if (answer->outcome == ETCD_DONE && reply_txn(answer->root, &txn) == 0) {
		reply_kvs_fini(&txn.got);
		if (txn.succeeded || o->quiet || o->replaced) {
			order_over(o);
		} else {
			/* then only what came of it is written */
			o->replaced = true;
			write_result(o);
		}
	} else {
		log_warning("order %s is carried out, and the store has not been told: %s", o->id,
			answer->words);
		timer_set(&a->timers, &o->timer,
			clock_boot() + timer_backoff(&o->failures, REST, lease_patience(&a->lease)),
			write_result, o);
	}
	write_waiting(a);
}

/* Those that found too many under way. */
static void write_waiting(struct agent *a)
{
	struct order *o;

	LIST_FOREACH (o, &a->orders->list, link) {
		if (a->orders->n_writes >= WRITES_MAX)
			return;
		if (o->over && o->call == NULL && !o->timer.set)
			write_result(o);
	}
}

static void write_result(void *ctx)
{
	struct order *o = ctx;
	struct agent *a = o->agent;
	json_t *txn;

	/* somebody fills the store: nothing else of this host's is to wait for that */
	if (a->orders->n_writes >= WRITES_MAX)
		return;
	if (agent_joined(a)) {
		txn = order_result(a, o->id, o->quiet ? NULL : json_incref(o->outcomes),
			o->replaced ? NULL : &o->key);
		if (!o->replaced)
			query_txn_if_unchanged(txn, &o->key, o->revision);
		o->call = etcd_start(a->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
						      .path = ETCD_TXN,
						      .body = txn,
						      .deadline = clock_boot() + TIMEOUT,
						      .done = on_written,
						      .ctx = o});
	}
	if (o->call != NULL)
		a->orders->n_writes++;
	else
		timer_set(
			&a->timers, &o->timer, clock_boot() + timer_jitter(REST), write_result, o);
}

/* --- Carrying out --- */

static void run_again(void *ctx)
{
	struct order *o = ctx;

	o->rests = false;
	run(o->agent);
}

/* It must not be carried out once more, whoever puts it there again. One that names a session in
 * full does nothing the second time. */
static void spend(const struct order *o)
{
	struct agent *a = o->agent;
	struct sid id, whole;
	int r;

	if (sid_parse(o->ask.prefix, &whole) || !sid_parse(o->id, &id))
		return;
	r = challenges_spend(&a->challenges, &o->challenge, &id);
	if (r < 0)
		log_error("order %s is carried out, and that cannot be remembered: %s", o->id,
			strerror(-r));
	/* it has been given up: with so many orders it was the oldest */
	if (a->challenges.n == 0)
		claim_begin(a);
}

/* Of what sessd cannot do now: to end what has ended does no harm. */
static void rest(struct order *o, uint64_t time)
{
	o->by = NULL;
	o->rests = true;
	result_again(o->outcomes);
	timer_set(&o->agent->timers, &o->timer, clock_boot() + timer_jitter(time), run_again, o);
}

static void finish(struct order *o)
{
	o->by = NULL;
	o->over = true;
	spend(o);
	write_result(o);
}

/* There is no memory to tell all that came of it: then nothing is, which is no sign that all is
 * done. */
static void lose(struct order *o)
{
	log_error("order %s: out of memory: what came of it is not told", o->id);
	json_decref(o->outcomes);
	o->outcomes = NULL;
}

static void fail(struct order *o, const struct wire_error *error)
{
	bool passes = error->code == WIRE_E_UNAVAILABLE || error->code == WIRE_E_LIMIT;

	log_warning("order %s: sessd: %s", o->id, error->text);
	if (passes && ++o->tries < TRIES) {
		rest(o, REST << (o->tries - 1));
		return;
	}
	if (result_add_failure(o->outcomes, error->text) < 0)
		lose(o);
	finish(o);
}

static void on_answer(void *ctx, const struct wire_frame *frame)
{
	struct order *o = ctx;
	struct agent *a = o->agent;

	if (frame == NULL) {
		/* sessd has gone in the midst of it */
		rest(o, REST);
		return;
	}
	if (frame->type == WIRE_outcome) {
		if (result_add(o->outcomes, &frame->u.outcome) < 0)
			lose(o);
		return;
	}
	if (frame->type != WIRE_done && frame->type != WIRE_error)
		return;
	/* that there is none, or none any more, is what is wanted */
	if (frame->type == WIRE_error && frame->u.error.code != WIRE_E_NO_SESSION)
		fail(o, &frame->u.error);
	else
		finish(o);
	run(a);
}

static struct link *free_link(struct agent *a)
{
	unsigned i;

	for (i = 0; i < ORDER_LINKS; i++)
		if (link_idle(&a->order_links[i]))
			return &a->order_links[i];
	return NULL;
}

static void run(struct agent *a)
{
	struct link *link;
	struct order *o;

	LIST_FOREACH (o, &a->orders->list, link) {
		if (o->by != NULL || o->over || o->rests)
			continue;
		link = free_link(a);
		if (link == NULL)
			return;
		timer_cancel(&o->timer);
		if (link_ask(link, WIRE_revoke, &o->ask, on_answer, o) == 0)
			o->by = link;
		else
			timer_set(&a->timers, &o->timer, clock_boot() + timer_jitter(REST),
				run_again, o);
	}
}

void execution_begin(struct order *o)
{
	/* it may have been withdrawn already */
	timer_set(&o->agent->timers, &o->timer, clock_boot(), run_again, o);
}

void execution_tell(struct order *o)
{
	write_result(o);
}
