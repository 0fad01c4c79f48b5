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
#include "fleet/result.h"

/* For hosts whose lease holds; and a grace is waited for as well. Of a session sessd says after 10
 * s what is left, and then as long after that of what was left over. */
#define WAIT (25 * NS_PER_SEC)
#define LOOK (40 * NS_PER_MS)
/* Results that are read at a time. */
#define PAGE 32

static void look(void *ctx);

static void under(const struct errand *e, struct key *ret)
{
	const char *parts[KEY_PARTS] = {e->order};

	key_make(ret, KEY_DONE, parts, true);
}

static void tell(struct errand *e, const char *host, struct wire_outcome *o)
{
	snprintf(o->host, sizeof(o->host), "%s", host);
	errand_tell(e, WIRE_outcome, o, false);
}

static void tell_result(struct errand *e, const char *host, const json_t *list)
{
	struct wire_outcome o = {
		.reason = REASON_REVOKED, .failed = "what it has written of it cannot be read"};
	size_t i;

	if (!json_is_array(list))
		tell(e, host, &o);
	for (i = 0; i < json_array_size(list); i++) {
		result_read(json_array_get(list, i), &o);
		tell(e, host, &o);
	}
}

/* Who has not answered: has it the order at all? */
static void tell_pending(struct errand *e, size_t host)
{
	bool ordered = e->trouble[0] == '\0' || host < e->n_ordered;
	struct wire_outcome o = {.pending = ordered,
		.sid = e->sid,
		.reason = e->ask->type == WIRE_lock ? REASON_LOCKED : REASON_REVOKED};

	if (!ordered)
		memcpy(o.failed, e->trouble, sizeof(o.failed));
	tell(e, e->hosts[host].name, &o);
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

/* What is left goes with the lease of the orders; but for theirs who have yet to answer. A lock's
 * lease is that of the lock, which stands. */
static void clean(struct errand *e, bool all)
{
	struct key key;

	if (all && e->ask->type == WIRE_revoke && e->lease != 0)
		(void)etcd_start(e->agent->etcd, &(struct etcd_request){.kind = ETCD_READ,
							 .path = ETCD_REVOKE,
							 .body = query_keepalive(e->lease),
							 .deadline = clock_boot() + NS_PER_SEC,
							 .done = etcd_unheard});
	under(e, &key);
	errand_ask(e, ETCD_READ, ETCD_DELETE, query_delete(&key), on_cleaned);
}

static void finish(void *ctx)
{
	struct errand *e = ctx;
	bool all = true;
	size_t i;

	for (i = 0; i < e->n_hosts; i++)
		all = all && e->hosts[i].answered;
	for (; e->n_told < e->n_hosts; e->n_told++) {
		if (e->hosts[e->n_told].answered)
			continue;
		if (!errand_flows(e, finish))
			return;
		tell_pending(e, e->n_told);
	}
	clean(e, all);
}

static void take(struct errand *e, const struct reply_kv *kv)
{
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct tally_host *host;
	json_t *outcomes;

	if (!key_parse(kv->key, kv->key_len, KEY_DONE, 2, parts))
		return;
	host = errand_host(e, parts[1]);
	if (host == NULL || host->answered)
		return;
	host->answered = true;
	outcomes = reply_json(kv->value, kv->value_len);
	tell_result(e, host->name, outcomes);
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

/* True: there is another page. */
static bool take_page(struct errand *e, const struct reply_kvs *kvs)
{
	size_t i;

	for (i = 0; i < kvs->n; i++)
		take(e, &kvs->kv[i]);
	if (errand_more(e, kvs))
		return true;
	e->seen = e->page_revision;
	return false;
}

static void on_looked(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_kvs kvs = {0};
	bool more = false;

	e->call = NULL;
	if (answer->outcome == ETCD_DONE && reply_range(answer->root, &kvs) == 0) {
		more = take_page(e, &kvs);
	} else {
		/* it may have been too much for one answer */
		e->page = e->page > 1 ? e->page / 2 : 1;
		e->last_len = 0;
	}
	reply_kvs_fini(&kvs);
	if (!is_awaited(e) || clock_boot() >= e->deadline)
		finish(e);
	else if (more)
		look(e);
	else
		timer_set(&e->agent->timers, &e->timer, clock_boot() + timer_jitter(LOOK), look, e);
}

/* What has been written since the last look. */
static void look(void *ctx)
{
	struct errand *e = ctx;
	struct key key;

	if (!errand_flows(e, look))
		return;
	under(e, &key);
	errand_ask(e, ETCD_READ, ETCD_RANGE,
		query_since(errand_page(e, &key, e->page), e->seen + 1), on_looked);
}

void tally_begin(struct errand *e)
{
	e->deadline = clock_boot() + WAIT;
	if (e->ask->type == WIRE_revoke)
		e->deadline += e->ask->u.revoke.grace;
	e->page = PAGE;
	look(e);
}
