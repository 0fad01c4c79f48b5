#include <stdlib.h>

#include "fleet/eviction.h"
#include "fleet/query.h"

struct eviction {
	struct etcd_call *call;
	void (*done)(void *ctx, bool ordered);
	void *ctx;
};

static void on_put(void *ctx, const struct etcd_answer *answer)
{
	struct eviction v = *(struct eviction *)ctx;

	free(ctx);
	v.done(v.ctx, answer->outcome == ETCD_DONE);
}

struct eviction *eviction_begin(struct agent *a, const struct listed *e, const char *policy,
	uint64_t deadline, void (*done)(void *ctx, bool ordered), void *ctx)
{
	struct eviction *v = calloc(1, sizeof(*v));
	struct key key;

	if (v == NULL)
		return NULL;
	v->done = done;
	v->ctx = ctx;
	v->call = etcd_start(a->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
					      .path = ETCD_PUT,
					      .body = order_evict(e->host, e->sid, policy, &key),
					      .deadline = deadline,
					      .done = on_put,
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
