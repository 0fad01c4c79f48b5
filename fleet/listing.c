/* `sessctl list --fleet`: the sessions of all hosts, page by page. */
#include <string.h>

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
	struct wire_session session;
	bool more;
	size_t i;

	if (!errand_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n; i++)
		if (listing_session(&kvs.kv[i], &session))
			errand_tell(e, WIRE_session, &session, false);
	more = errand_more(e, &kvs);
	reply_kvs_fini(&kvs);
	if (more)
		list_page(e);
	else
		errand_done(e);
}

static void list_when_told(void *ctx)
{
	list_page(ctx);
}

static void list_page(struct errand *e)
{
	const char *user = e->ask->u.list.user, *parts[KEY_PARTS] = {user};
	struct key under;

	if (!errand_flows(e, list_when_told))
		return;
	if (user[0] != '\0')
		key_make(&under, KEY_SESSION, parts, true);
	else
		memcpy(under.s, KEY_SESSION, sizeof(KEY_SESSION));
	errand_ask(e, ETCD_READ, ETCD_RANGE, errand_page(e, &under, PAGE), on_listed);
}

void listing_begin(struct errand *e)
{
	list_page(e);
}
