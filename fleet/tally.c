/* What became of an order: each host writes what it has done, and who has not in time is told of as
 * pending. The order stands for it. */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"

/* For hosts whose lease holds; and a grace is waited for as well. */
#define WAIT (10 * NS_PER_SEC)
#define LOOK (40 * NS_PER_MS)

static void look(void *ctx);

static void under(const struct errand *e, struct key *ret)
{
	const char *parts[KEY_PARTS] = {e->order};

	key_make(ret, KEY_DONE, parts, true);
}

static void tell_outcome(struct errand *e, const char *host, const json_t *value)
{
	struct wire_outcome o = {.signalled = reply_number(value, "signalled"),
		.elapsed = reply_number(value, "elapsed"),
		.survivors = reply_number(value, "survivors")};
	uint64_t reason = reply_number(value, "reason");
	char sid[SID_HEX + 1];

	reply_text(value, "sid", sid, sizeof(sid));
	sid_parse(sid, &o.sid);
	reply_text(value, "user", o.user, sizeof(o.user));
	reply_text(value, "service", o.service, sizeof(o.service));
	reply_text(value, "refused", o.refused, sizeof(o.refused));
	reply_text(value, "survivor_list", o.survivor_list, sizeof(o.survivor_list));
	o.reason = reason_name((enum reason)reason) != NULL ? (enum reason)reason : REASON_REVOKED;
	snprintf(o.host, sizeof(o.host), "%s", host);
	errand_tell(e, WIRE_outcome, &o, false);
}

static void tell_pending(struct errand *e, const char *host)
{
	struct wire_outcome o = {.pending = true,
		.sid = e->sid,
		.reason = e->ask->type == WIRE_lock ? REASON_LOCKED : REASON_REVOKED};

	snprintf(o.host, sizeof(o.host), "%s", host);
	errand_tell(e, WIRE_outcome, &o, false);
}

static void on_cleaned(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;

	/* what is left of it goes with the leases of those who wrote it */
	if (answer->outcome != ETCD_DONE)
		log_debug("results are left behind: %s", answer->words);
	e->call = NULL;
	errand_done(e);
}

static void finish(struct errand *e)
{
	struct key key;
	size_t i;

	for (i = 0; i < e->n_hosts; i++)
		if (!e->hosts[i].answered)
			tell_pending(e, e->hosts[i].name);
	under(e, &key);
	errand_ask(e, ETCD_READ, ETCD_DELETE, query_delete(&key), on_cleaned);
}

static void take(struct errand *e, const struct reply_kv *kv)
{
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	json_t *outcomes;
	size_t i, k;

	if (!key_parse(kv->key, kv->key_len, KEY_DONE, 2, parts))
		return;
	for (i = 0; i < e->n_hosts; i++)
		if (strcmp(e->hosts[i].name, parts[1]) == 0)
			break;
	if (i == e->n_hosts || e->hosts[i].answered)
		return;
	e->hosts[i].answered = true;
	outcomes = reply_json(kv->value, kv->value_len);
	for (k = 0; k < json_array_size(outcomes); k++)
		tell_outcome(e, e->hosts[i].name, json_array_get(outcomes, k));
	json_decref(outcomes);
}

/* Whether anybody is waited for yet. */
static bool is_awaited(const struct errand *e)
{
	size_t i;

	for (i = 0; i < e->n_hosts; i++)
		if (e->hosts[i].alive && !e->hosts[i].answered)
			return true;
	return false;
}

static void on_looked(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_kvs kvs = {0};
	size_t i;

	e->call = NULL;
	if (answer->outcome == ETCD_DONE && reply_range(answer->root, &kvs) == 0)
		for (i = 0; i < kvs.n; i++)
			take(e, &kvs.kv[i]);
	reply_kvs_fini(&kvs);
	if (!is_awaited(e) || clock_boot() >= e->deadline)
		finish(e);
	else
		timer_set(&e->agent->timers, &e->timer, clock_boot() + timer_jitter(LOOK), look, e);
}

static void look(void *ctx)
{
	struct errand *e = ctx;
	struct key key;

	under(e, &key);
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_looked);
}

void tally_begin(struct errand *e)
{
	e->deadline = clock_boot() + WAIT;
	if (e->ask->type == WIRE_revoke)
		e->deadline += e->ask->u.revoke.grace;
	look(e);
}
