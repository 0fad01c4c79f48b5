/* `sessctl status --fleet`: how this host is joined to the fleet, and which hosts are heard of. */

#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"

/* Of one kind, that are counted. */
#define LAG_MAX 1000
/* That tell of what is ordered. */
enum { WATCHES = 2 };

static void tell_state(struct errand *e, uint64_t lag)
{
	const struct agent *a = e->agent;
	struct wire_fleet_state state = {.joined = agent_joined(a),
		.revision = a->revision,
		.lease = a->o.lease_ttl * NS_PER_SEC,
		.overshoots = a->n_overshoots,
		.lag = lag};
	const struct member *m;

	snprintf(state.host, sizeof(state.host), "%s", a->o.host);
	snprintf(state.endpoint, sizeof(state.endpoint), "%.255s", etcd_endpoint(a->etcd));
	snprintf(state.checkpoint, sizeof(state.checkpoint), "%s", a->head.stored.checkpoint);
	state.head_broken = a->head.step == HEAD_BROKEN;
	snprintf(state.trouble, sizeof(state.trouble), "%s", a->claim.words);
	if (a->lease.id != 0)
		state.renewed = clock_boot() - a->lease.renewed_at;
	TAILQ_FOREACH (m, &a->registry.dirty, link) {
		state.unwritten += m->present;
	}
	errand_tell(e, WIRE_fleet_state, &state, false);
}

static void tell_hosts(struct errand *e)
{
	struct wire_fleet_host host = {0};
	size_t i;

	for (i = 0; i < e->n_hosts; i++) {
		memcpy(host.host, e->hosts[i].name, sizeof(host.host));
		host.asked = strcmp(host.host, e->agent->o.host) == 0;
		host.reachable = e->hosts[i].alive;
		errand_tell(e, WIRE_fleet_host, &host, false);
	}
	errand_done(e);
}

static void on_lag(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_kvs kvs[WATCHES];
	uint64_t lag = 0;
	size_t i;

	if (answer->outcome == ETCD_DONE && reply_ranges(answer->root, kvs, WATCHES) == 0) {
		e->agent->revision = kvs[0].revision;
		for (i = 0; i < WATCHES; i++) {
			lag += kvs[i].n;
			reply_kvs_fini(&kvs[i]);
		}
	}
	/* also where the store is out of reach */
	tell_state(e, lag < LAG_MAX ? lag : LAG_MAX);
	if (errand_answered(e, answer))
		errand_hosts(e, tell_hosts);
}

/* What stands there and was not heard of: a watch lags, or hangs. */
void standing_begin(struct errand *e)
{
	const struct agent *a = e->agent;
	const struct watch *watches[WATCHES] = {&a->order_watch, &a->lock_watch};
	json_t *txn = query_txn();
	unsigned i;

	for (i = 0; i < WATCHES; i++)
		query_txn_range(
			txn, query_only_keys(query_since(query_range(&watches[i]->o.under, LAG_MAX),
				     watches[i]->revision + 1)));
	errand_ask(e, ETCD_READ, ETCD_TXN, txn, on_lag);
}
