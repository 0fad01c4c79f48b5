/* `sessctl revoke --fleet`: an order for each host that is meant. */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"

/* Operations of one transaction; etcd takes 128. */
#define BATCH 100
/* A write that is not heard of is done again, so often in all. */
#define TRIES 5
#define REST  (100 * NS_PER_MS)
/* Keys of sessions that are read at a time. */
#define PAGE 5000

static json_t *order_text(const struct errand *e)
{
	const struct wire_revoke *ask = &e->ask->u.revoke;
	json_t *value = json_object();
	char sid[SID_HEX + 1];

	if (ask->prefix[0] != '\0')
		query_add_text(value, "prefix", sid_hex(&e->sid, sid));
	query_add_text(value, "user", ask->user);
	query_add_text(value, "text", ask->text);
	query_add_text(value, "message", ask->message);
	query_add_number(value, "grace", ask->grace);
	if (ask->id.set)
		json_object_set_new(value, "uid", json_integer(ask->id.uid));
	if (ask->all)
		json_object_set_new(value, "all", json_true());
	if (ask->cron)
		json_object_set_new(value, "cron", json_true());
	query_add_text(value, "by", e->by);
	return value;
}

static void give_order(struct errand *e);

static void try_again(void *ctx)
{
	give_order(ctx);
}

/* The hosts from there on: as many as go into one transaction. */
static size_t batch(const struct errand *e)
{
	return e->n_hosts - e->n_ordered < BATCH ? e->n_hosts - e->n_ordered : BATCH;
}

/* Of those who have the order it is told what they do, and of the others that they have none. */
static void give_up(struct errand *e, const struct etcd_answer *answer)
{
	snprintf(e->trouble, sizeof(e->trouble), "%s: %.100s",
		e->tries > 0 ? "whether it was told is not known" : "it was not told",
		answer->words);
	tally_begin(e);
}

static void on_ordered(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;

	e->call = NULL;
	if (answer->outcome == ETCD_DONE) {
		e->tries = 0;
		e->n_ordered += batch(e);
		if (e->n_ordered < e->n_hosts)
			give_order(e);
		else
			tally_begin(e);
		return;
	}
	/* once it has not been heard of, it may be carried out whatever is said later */
	if (answer->outcome == ETCD_UNKNOWN || e->tries > 0)
		e->tries++;
	if (e->tries > 0 && e->tries < TRIES)
		timer_set(&e->agent->timers, &e->timer,
			clock_boot() + timer_jitter(REST << e->tries), try_again, e);
	else if (e->tries > 0 || e->n_ordered > 0)
		give_up(e, answer);
	else
		(void)errand_answered(e, answer);
}

/* It goes into the store with the orders, and is none itself: where it stands, they have been put,
 * so the same write can be done again. */
static void mark(const struct errand *e, json_t *txn)
{
	char number[24];
	const char *parts[KEY_PARTS] = {e->order, e->agent->o.host, number};
	struct key key;

	snprintf(number, sizeof(number), "%zu", e->n_ordered);
	key_make(&key, KEY_DONE, parts, false);
	query_txn_if_absent(txn, &key);
	query_txn_put(txn, query_put(&key, "", e->lease));
}

/* As many hosts as go into one transaction; the rest when that is written. */
static void give_order(struct errand *e)
{
	json_t *txn = query_txn();
	const struct tally_host *host;
	size_t i;

	mark(e, txn);
	for (i = e->n_ordered; i < e->n_ordered + batch(e); i++) {
		host = &e->hosts[i];
		query_txn_put(txn, order_put(e->agent,
					   &(struct order_to){.host = host->name,
						   .id = e->order,
						   .challenge = host->challenge,
						   .lease = e->lease},
					   order_text(e)));
	}
	errand_ask(e, ETCD_WRITE, ETCD_TXN, txn, on_ordered);
}

/* What a host that never comes back does not take is not kept for ever: no order counts for longer.
 */
static void hosts_known(struct errand *e)
{
	errand_lease(e, e->agent->o.order_lifetime, give_order);
}

static void look_for_session(struct errand *e);

/* Notes the one that is meant. False: there are several. */
static bool note_session(struct errand *e, const struct reply_kv *kv)
{
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct sid sid;

	if (!key_parse(kv->key, kv->key_len, KEY_SESSION, 3, parts) || !sid_parse(parts[2], &sid) ||
		!sid_has_prefix(&sid, e->ask->u.revoke.prefix))
		return true;
	if (e->only[0] != '\0')
		return false;
	e->sid = sid;
	memcpy(e->only, parts[1], sizeof(e->only));
	return true;
}

static void fail_of_none(struct errand *e, enum wire_errno why)
{
	errand_fail(e, why, wire_error_words(why));
}

/* The one session of the prefix, among all of the fleet's. */
static void on_sessions(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_kvs kvs = {0};
	bool one = true, more;
	size_t i;

	if (!errand_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n && one; i++)
		one = note_session(e, &kvs.kv[i]);
	more = errand_more(e, &kvs);
	reply_kvs_fini(&kvs);
	if (!one)
		fail_of_none(e, WIRE_E_AMBIGUOUS);
	else if (more)
		look_for_session(e);
	else if (e->only[0] == '\0')
		fail_of_none(e, WIRE_E_NO_SESSION);
	else
		errand_hosts(e, hosts_known);
}

static void look_for_session(struct errand *e)
{
	static const struct key all = {KEY_SESSION};

	errand_ask(
		e, ETCD_READ, ETCD_RANGE, query_only_keys(errand_page(e, &all, PAGE)), on_sessions);
}

void revocation_begin(struct errand *e)
{
	const struct wire_revoke *ask = &e->ask->u.revoke;

	if ((ask->prefix[0] != '\0') + (ask->user[0] != '\0') + ask->all != 1) {
		errand_fail(e, WIRE_E_INVALID,
			"either a session or a user must be named, or all be meant");
		return;
	}
	if (!errand_may(e, RIGHT_REVOKE))
		return;
	if (ask->prefix[0] == '\0') {
		errand_hosts(e, hosts_known);
		return;
	}
	look_for_session(e);
}
