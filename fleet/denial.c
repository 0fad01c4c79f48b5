/* `sessctl lock --fleet` and `unlock --fleet`. */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"

static void on_put(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;

	if (errand_answered(e, answer))
		tally_begin(e);
}

static void put_lock(struct errand *e, uint64_t lease)
{
	const struct wire_lock *ask = &e->ask->u.lock;
	const char *parts[KEY_PARTS] = {ask->kind, ask->name};
	json_t *value = json_object(), *put = NULL;
	struct key key;
	char *text;

	query_add_text(value, "message", ask->message);
	query_add_text(value, "text", ask->text);
	query_add_text(value, "order", e->order);
	if (ask->id.set)
		json_object_set_new(value, "uid", json_integer(ask->id.uid));
	if (ask->even_breakglass)
		json_object_set_new(value, "even_breakglass", json_true());
	errand_add_by(e, value);
	text = json_dumps(value, JSON_COMPACT);
	if (text != NULL && key_make(&key, KEY_LOCK, parts, false))
		put = query_put(&key, text, lease);
	free(text);
	json_decref(value);
	errand_ask(e, ETCD_WRITE, ETCD_PUT, put, on_put);
}

/* A lock that runs out does so by the store's clock alone. */
static void on_lease(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_lease lease;

	if (!errand_answered(e, answer))
		return;
	if (reply_lease(answer->root, &lease) < 0)
		errand_fail(e, WIRE_E_UNAVAILABLE, "what answers is not etcd");
	else
		put_lock(e, lease.id);
}

static void hosts_known(struct errand *e)
{
	uint64_t lasts = e->ask->u.lock.lasts;

	if (lasts == 0)
		put_lock(e, 0);
	else
		errand_ask(e, ETCD_READ, ETCD_GRANT,
			query_lease((lasts + NS_PER_SEC - 1) / NS_PER_SEC), on_lease);
}

void denial_begin(struct errand *e)
{
	errand_hosts(e, hosts_known);
}

static void on_unlocked(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;

	if (!errand_answered(e, answer))
		return;
	if (reply_number(answer->root, "deleted") == 0)
		errand_fail(e, WIRE_E_NO_SESSION, "there is no such lock in the fleet");
	else
		errand_done(e);
}

void denial_end(struct errand *e)
{
	const char *parts[KEY_PARTS] = {e->ask->u.unlock.kind, e->ask->u.unlock.name};
	struct key key;

	if (key_make(&key, KEY_LOCK, parts, false))
		errand_ask(e, ETCD_READ, ETCD_DELETE, query_delete(&key), on_unlocked);
	else
		errand_fail(e, WIRE_E_INVALID, "a lock has a kind and a name");
}
