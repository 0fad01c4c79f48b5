/*
 * Orders of other hosts to end sessions of this one. An order stays in the store until it has been
 * carried out here, whenever that is; then it is removed in the same transaction that says what
 * came of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/query.h"
#include "fleet/reply.h"
#include "fleet/result.h"
#include "fleet/statement.h"

#define TIMEOUT (5 * NS_PER_SEC)
#define REST	(300 * NS_PER_MS)
/* What sessd could not do is tried so often in all, and then that is told. */
#define TRIES 5
/* Results that are being written at a time. */
#define WRITES_MAX 16
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

static void run(struct agent *a);
static void put(void *ctx, const struct reply_kv *kv);

json_t *order_put(const struct agent *a, const struct order_to *to, json_t *text)
{
	const char *parts[KEY_PARTS] = {to->host, to->id};
	const struct authority *own = a->o.authority;
	json_t *put = NULL;
	char *value = NULL;
	struct key key;

	query_add_text(text, "challenge", to->challenge);
	if (key_make(&key, KEY_REVOKE, parts, false))
		value = statement_seal(text, key.s, own->name, &own->secret);
	if (value != NULL)
		put = query_put(&key, value, to->lease);
	free(value);
	json_decref(text);
	return put;
}

/* Who gives it waits for the end: when this host is gone, nobody does. */
json_t *order_evict(const struct agent *a, const struct order_eviction *what, const char *challenge)
{
	const struct order_to to = {
		.host = what->host, .id = what->sid, .challenge = challenge, .lease = a->lease.id};

	return order_put(a, &to,
		json_pack("{s:s,s:s,s:s,s:b}", "prefix", what->sid, "of", what->user, "evicts",
			what->policy, "quiet", true));
}

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

static void forget_next(struct order *o)
{
	if (o->next != NULL)
		free(o->next->value);
	free(o->next);
	o->next = NULL;
}

/* Its key is the order's own. What is longer than any statement is kept as none, and refused. */
static void note_next(struct order *o, const struct reply_kv *kv)
{
	size_t len = kv->value_len <= STATEMENT_MAX ? kv->value_len : 0;

	forget_next(o);
	if (kv->mod_revision <= o->revision)
		return;
	o->next = malloc(sizeof(*o->next));
	if (o->next == NULL)
		return;
	*o->next = *kv;
	o->next->value_len = len;
	o->next->value = malloc(len + 1);
	if (o->next->value == NULL)
		forget_next(o);
	else
		memcpy(o->next->value, kv->value, len);
}

static void order_free(struct order *o)
{
	forget_next(o);
	LIST_REMOVE(o, link);
	o->agent->orders->n--;
	o->agent->orders->n_writes -= o->call != NULL;
	etcd_cancel(o->call);
	timer_cancel(&o->timer);
	json_decref(o->outcomes);
	free(o);
}

/* --- Carrying out --- */

static void write_result(void *ctx);
static void write_waiting(struct agent *a);

/* It is over, and makes room for the one that stands under its key now. */
static void make_room(struct order *o)
{
	struct agent *a = o->agent;
	struct reply_kv *next = o->next;
	struct key key = o->key;

	o->next = NULL;
	order_free(o);
	if (next == NULL)
		return;
	next->key = key.s;
	put(a, next);
	free(next->value);
	free(next);
}

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
			make_room(o);
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

/* --- The watch --- */

static void begin(void *ctx)
{
	const struct agent *a = ctx;
	struct order *o;

	LIST_FOREACH (o, &a->orders->list, link) {
		forget_next(o);
		o->listed = false;
	}
}

static struct order *find(const struct agent *a, const char *id)
{
	struct order *o;

	LIST_FOREACH (o, &a->orders->list, link)
		if (strcmp(o->id, id) == 0)
			return o;
	return NULL;
}

static void read_order(const json_t *text, struct order *o, const char *signer)
{
	struct wire_revoke *ask = &o->ask;
	char who[TEXT_STR_MAX + 1];

	reply_text(text, "prefix", ask->prefix, sizeof(ask->prefix));
	reply_text(text, "text", ask->text, sizeof(ask->text));
	reply_text(text, "message", ask->message, sizeof(ask->message));
	reply_text(text, "by", who, sizeof(who));
	reply_text(text, "evicts", ask->evicts, sizeof(ask->evicts));
	reply_text(text, ask->evicts[0] != '\0' ? "of" : "user", ask->user, sizeof(ask->user));
	authority_by(signer, who, ask->by);
	ask->grace = reply_number(text, "grace");
	ask->cron = reply_bool(text, "cron");
	ask->all = reply_bool(text, "all");
	o->quiet = reply_bool(text, "quiet");
	if (json_object_get(text, "uid") != NULL)
		ask->id = (struct opt_uid){.set = true, .uid = (uint32_t)reply_number(text, "uid")};
}

/* NULL: it is to be carried out. Otherwise why not. */
static const char *judge(struct order *o, const struct statement *s)
{
	const struct wire_revoke *ask = &o->ask;
	char challenge[SID_HEX + 1];
	struct sid sid;

	if (!(s->by->may & (ask->evicts[0] != '\0' ? RIGHT_EVICT : RIGHT_REVOKE)))
		return ask->evicts[0] != '\0' ? "its key may not evict" : "its key may not revoke";
	if (ask->evicts[0] != '\0' &&
		(!sid_parse(ask->prefix, &sid) || ask->user[0] == '\0' || ask->all))
		return "what evicts ends one session, and names it in full and whose it is";
	reply_text(s->text, "challenge", challenge, sizeof(challenge));
	if (!sid_parse(challenge, &o->challenge) || !sid_parse(o->id, &sid))
		return "it answers no challenge";
	switch (challenges_judge(&o->agent->challenges, &o->challenge, &sid, clock_boot())) {
	case CHALLENGE_OVER:
		return "it is too old, or from before this host was booted";
	case CHALLENGE_SPENT:
		return "it has been carried out before";
	case CHALLENGE_FRESH:
		break;
	}
	return NULL;
}

static void refuse(struct order *o, const struct signer *by, const char *why)
{
	char what[128];

	snprintf(what, sizeof(what), "order %s", o->id);
	refusal_tell(o->agent, by, what, why);
	o->over = true;
	result_add_refusal(o->outcomes, why);
	write_result(o);
}

/* Reads what the store has, and has it carried out or refuses it. */
static void take(struct order *o, const struct reply_kv *kv)
{
	struct agent *a = o->agent;
	struct statement s = {.text = NULL};
	enum statement_verdict verdict =
		statement_open(kv->value, kv->value_len, o->key.s, &a->o.authority->signers, &s);
	char words[TEXT_STR_MAX + 1];
	struct statement_claim claim;
	const char *why;

	if (verdict != STATEMENT_GENUINE) {
		statement_claims(kv->value, kv->value_len, o->key.s, &claim);
		statement_say(verdict, &claim, words);
		refuse(o, s.by, words);
	} else {
		read_order(s.text, o, s.by->name);
		why = judge(o, &s);
		if (why != NULL)
			refuse(o, s.by, why);
		else
			/* when all that has come is taken: it may have been withdrawn already */
			timer_set(&a->timers, &o->timer, clock_boot(), run_again, o);
	}
	statement_fini(&s);
}

static void put(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct order *o;

	if (!key_parse(kv->key, kv->key_len, KEY_REVOKE, 2, parts) || strlen(parts[1]) > SID_HEX)
		return;
	o = find(a, parts[1]);
	if (o != NULL) {
		o->listed = true;
		note_next(o, kv);
		return;
	}
	o = a->orders->n < ORDERS_MAX ? calloc(1, sizeof(*o)) : NULL;
	if (o != NULL)
		o->outcomes = json_array();
	if (o == NULL || o->outcomes == NULL) {
		log_error("order %s finds no room", parts[1]);
		free(o);
		return;
	}
	o->agent = a;
	o->listed = true;
	o->revision = kv->mod_revision;
	memcpy(o->id, parts[1], strlen(parts[1]) + 1);
	memcpy(o->key.s, kv->key, kv->key_len + 1);
	LIST_INSERT_HEAD(&a->orders->list, o, link);
	a->orders->n++;
	take(o, kv);
}

/* Withdrawn: that ends it where it has not been begun. */
static void drop(struct order *o)
{
	if (o->by == NULL && !o->over)
		order_free(o);
}

static void gone(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct order *o;

	if (!key_parse(kv->key, kv->key_len, KEY_REVOKE, 2, parts))
		return;
	o = find(a, parts[1]);
	if (o == NULL)
		return;
	forget_next(o);
	drop(o);
}

/* What has been withdrawn while nothing was heard of the store. */
static void listed(void *ctx)
{
	struct agent *a = ctx;
	struct order *o, *next;

	for (o = LIST_FIRST(&a->orders->list); o != NULL; o = next) {
		next = LIST_NEXT(o, link);
		if (!o->listed)
			drop(o);
	}
}

int orders_start(struct agent *a)
{
	const char *parts[KEY_PARTS] = {a->o.host};
	struct watch_options options = {
		.begin = begin, .put = put, .gone = gone, .listed = listed, .ctx = a};

	a->orders = calloc(1, sizeof(*a->orders));
	if (a->orders == NULL)
		return -ENOMEM;
	key_make(&options.under, KEY_REVOKE, parts, true);
	watch_start(&a->order_watch, a->etcd, &a->timers, &options);
	return 0;
}

void orders_stop(struct agent *a)
{
	if (a->orders == NULL)
		return;
	watch_stop(&a->order_watch);
	while (!LIST_EMPTY(&a->orders->list))
		order_free(LIST_FIRST(&a->orders->list));
	free(a->orders);
	a->orders = NULL;
}
