#include <stdlib.h>
#include <string.h>

#include "fleet/eviction.h"
#include "fleet/query.h"
#include "fleet/reply.h"

struct eviction {
	struct agent *agent;
	struct etcd_call *call;
	uint64_t deadline; /* clock_boot() */
	char host[TEXT_STR_MAX + 1];
	char user[TEXT_STR_MAX + 1];
	char sid[SID_HEX + 1];
	char policy[TEXT_STR_MAX + 1];
	void (*done)(void *ctx, bool ordered);
	void *ctx;
};

static void end(struct eviction *v, bool ordered)
{
	struct eviction over = *v;

	free(v);
	over.done(over.ctx, ordered);
}

static void on_put(void *ctx, const struct etcd_answer *answer)
{
	end(ctx, answer->outcome == ETCD_DONE);
}

static void on_challenge(void *ctx, const struct etcd_answer *answer)
{
	struct eviction *v = ctx;
	char challenge[SID_HEX + 1];
	struct reply_kvs kvs = {0};
	json_t *put = NULL;

	v->call = NULL;
	if (answer->outcome == ETCD_DONE && reply_range(answer->root, &kvs) == 0 && kvs.n > 0 &&
		claim_challenge(&kvs.kv[0], challenge))
		put = order_evict(v->agent,
			&(struct order_eviction){.host = v->host,
				.user = v->user,
				.sid = v->sid,
				.policy = v->policy},
			challenge);
	reply_kvs_fini(&kvs);
	if (put != NULL)
		v->call = etcd_start(v->agent->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
							     .path = ETCD_PUT,
							     .body = put,
							     .deadline = v->deadline,
							     .done = on_put,
							     .ctx = v});
	if (v->call == NULL)
		end(v, false);
}

/* An order answers the challenge of the host that it is for. */
struct eviction *eviction_begin(struct agent *a, const struct listed *e, const char *policy,
	uint64_t deadline, void (*done)(void *ctx, bool ordered), void *ctx)
{
	const char *parts[KEY_PARTS] = {e->host};
	struct eviction *v = calloc(1, sizeof(*v));
	struct key host;

	if (v == NULL || !key_make(&host, KEY_HOST, parts, false)) {
		free(v);
		return NULL;
	}
	*v = (struct eviction){.agent = a, .deadline = deadline, .done = done, .ctx = ctx};
	memcpy(v->host, e->host, sizeof(v->host));
	memcpy(v->user, e->user, sizeof(v->user));
	memcpy(v->sid, e->sid, sizeof(v->sid));
	snprintf(v->policy, sizeof(v->policy), "%s", policy);
	v->call = etcd_start(a->etcd, &(struct etcd_request){.kind = ETCD_READ,
					      .path = ETCD_RANGE,
					      .body = query_range(&host, 0),
					      .deadline = deadline,
					      .done = on_challenge,
					      .ctx = v});
	if (v->call != NULL)
		return v;
	free(v);
	return NULL;
}

void eviction_cancel(struct eviction *v)
{
	if (v == NULL)
		return;
	etcd_cancel(v->call);
	free(v);
}

json_t *eviction_withdrawal(const char *host, const char *sid)
{
	const char *parts[KEY_PARTS] = {host, sid};
	struct key key;

	return key_make(&key, KEY_REVOKE, parts, false) ? query_delete(&key) : NULL;
}
