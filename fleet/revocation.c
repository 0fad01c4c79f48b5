/* `sessctl revoke --fleet`: an order for each host that is meant. */
#include <stdlib.h>
#include <string.h>

#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"

/* Operations of one transaction; etcd takes 128. */
#define BATCH 100
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

static void on_ordered(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;

	if (!errand_answered(e, answer))
		return;
	if (e->n_ordered < e->n_hosts)
		give_order(e);
	else
		tally_begin(e);
}

/* As many hosts as go into one transaction; the rest when that is written. */
static void give_order(struct errand *e)
{
	json_t *txn = query_txn();
	const struct tally_host *host;
	unsigned n;

	for (n = 0; n < BATCH && e->n_ordered < e->n_hosts; n++) {
		host = &e->hosts[e->n_ordered++];
		query_txn_put(txn,
			order_put(e->agent, host->name, e->order, host->challenge, order_text(e)));
	}
	errand_ask(e, ETCD_WRITE, ETCD_TXN, txn, on_ordered);
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
		errand_hosts(e, give_order);
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
		errand_hosts(e, give_order);
		return;
	}
	look_for_session(e);
}
