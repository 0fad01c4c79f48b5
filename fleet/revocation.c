/* `sessctl revoke --fleet`: an order for each host that is meant. */
#include <stdlib.h>
#include <string.h>

#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"

/* Operations of one transaction; etcd takes 128. */
#define BATCH 100

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

/* The one session of the prefix, among all of the fleet's. */
static void on_sessions(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct wire_session session;
	struct reply_kvs kvs = {0};
	size_t i, found = 0;

	if (!errand_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n; i++) {
		if (!listing_session(&kvs.kv[i], &session) ||
			!sid_has_prefix(&session.sid, e->ask->u.revoke.prefix))
			continue;
		found++;
		e->sid = session.sid;
		memcpy(e->only, session.host, sizeof(e->only));
	}
	reply_kvs_fini(&kvs);
	if (found != 1)
		errand_fail(e, found == 0 ? WIRE_E_NO_SESSION : WIRE_E_AMBIGUOUS,
			wire_error_words(found == 0 ? WIRE_E_NO_SESSION : WIRE_E_AMBIGUOUS));
	else
		errand_hosts(e, give_order);
}

void revocation_begin(struct errand *e)
{
	const struct wire_revoke *ask = &e->ask->u.revoke;
	struct key key;

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
	memcpy(key.s, KEY_SESSION, sizeof(KEY_SESSION));
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_sessions);
}
