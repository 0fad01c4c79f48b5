/* `sessctl list --fleet`: the sessions of all hosts, page by page. */
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"

#define PAGE 250

bool listing_session(const struct reply_kv *kv, struct wire_session *ret)
{
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	json_t *value;

	*ret = (struct wire_session){.class = CLASS_LOGIN, .phase = PHASE_ACTIVE};
	if (!key_parse(kv->key, kv->key_len, KEY_SESSION, 3, parts) ||
		!sid_parse(parts[2], &ret->sid))
		return false;
	value = reply_json(kv->value, kv->value_len);
	memcpy(ret->user, parts[0], sizeof(ret->user));
	memcpy(ret->host, parts[1], sizeof(ret->host));
	reply_text(value, "service", ret->service, sizeof(ret->service));
	reply_text(value, "rhost", ret->rhost, sizeof(ret->rhost));
	ret->uid = reply_number(value, "uid");
	ret->opened_at = reply_number(value, "opened_at");
	json_decref(value);
	return true;
}

static void list_page(struct errand *e);

static void on_listed(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_kvs kvs = {0};
	const struct reply_kv *last;
	struct wire_session session;
	size_t i;

	if (!errand_range(e, answer, &kvs))
		return;
	if (e->revision == 0)
		e->revision = kvs.revision;
	for (i = 0; i < kvs.n; i++)
		if (listing_session(&kvs.kv[i], &session))
			errand_tell(e, WIRE_session, &session, false);
	last = kvs.n > 0 ? &kvs.kv[kvs.n - 1] : NULL;
	if (kvs.more && last != NULL && last->key_len < sizeof(e->last.s)) {
		memcpy(e->last.s, last->key, last->key_len + 1);
		e->last_len = last->key_len;
		list_page(e);
	} else {
		errand_done(e);
	}
	reply_kvs_fini(&kvs);
}

/* While sessd has much to take yet, the next page waits. */
static void list_when_told(void *ctx)
{
	list_page(ctx);
}

static void list_page(struct errand *e)
{
	const char *user = e->ask->u.list.user, *parts[KEY_PARTS] = {user};
	struct key under;

	if (e->agent->talk.n_asks > PAGE) {
		timer_set(&e->agent->timers, &e->timer, clock_boot() + 5 * NS_PER_MS,
			list_when_told, e);
		return;
	}
	if (user[0] != '\0')
		key_make(&under, KEY_SESSION, parts, true);
	else
		memcpy(under.s, KEY_SESSION, sizeof(KEY_SESSION));
	errand_ask(e, ETCD_READ, ETCD_RANGE,
		e->last_len == 0
			? query_range(&under, PAGE)
			: query_range_after(&under, e->last.s, e->last_len, e->revision, PAGE),
		on_listed);
}

void listing_begin(struct errand *e)
{
	list_page(e);
}
