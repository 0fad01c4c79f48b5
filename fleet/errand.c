/* What an administrator asks of the fleet: his request came to sessd, and his answer goes by it. */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/query.h"
#include "fleet/reply.h"

#define TIMEOUT (5 * NS_PER_SEC)
#define PAGE	250
/* Operations of one transaction; etcd takes 128. */
#define BATCH 100

static void errand_free(struct errand *e)
{
	LIST_REMOVE(e, link);
	e->agent->n_errands--;
	etcd_cancel(e->call);
	timer_cancel(&e->timer);
	free(e->hosts);
	free(e->ask);
	free(e);
}

void errands_fini(struct agent *a)
{
	while (!LIST_EMPTY(&a->errands))
		errand_free(LIST_FIRST(&a->errands));
}

static void tell(struct agent *a, uint64_t id, enum wire_type type, const void *msg, bool last)
{
	struct wire_relay relay = {.errand = id, .last = last};
	uint8_t buf[WIRE_BLOB_MAX];
	int r = wire_encode(type, 0, msg, buf, sizeof(buf), &relay.body.len);

	relay.body.data = buf;
	if (r == 0)
		agent_tell(a, WIRE_relay, &relay);
	else
		log_error("an answer of the fleet cannot be encoded: %s", strerror(-r));
}

void errand_tell(struct errand *e, enum wire_type type, const void *msg, bool last)
{
	e->count += !last;
	tell(e->agent, e->id, type, msg, last);
	if (last)
		errand_free(e);
}

static void fail(struct agent *a, uint64_t id, enum wire_errno code, const char *words)
{
	struct wire_error error = {.code = code};

	text_escape(words, strlen(words), error.text, sizeof(error.text));
	tell(a, id, WIRE_error, &error, true);
}

void errand_fail(struct errand *e, enum wire_errno code, const char *words)
{
	fail(e->agent, e->id, code, words);
	errand_free(e);
}

void errand_done(struct errand *e)
{
	struct wire_done done = {.count = e->count};

	errand_tell(e, WIRE_done, &done, true);
}

void errand_ask(struct errand *e, enum etcd_kind kind, const char *path, json_t *body,
	void (*done)(void *ctx, const struct etcd_answer *answer))
{
	e->call = etcd_start(e->agent->etcd, &(struct etcd_request){.kind = kind,
						     .path = path,
						     .body = body,
						     .deadline = clock_boot() + TIMEOUT,
						     .done = done,
						     .ctx = e});
	if (e->call == NULL)
		errand_fail(e, WIRE_E_UNAVAILABLE, "out of memory");
}

bool errand_answered(struct errand *e, const struct etcd_answer *answer)
{
	char words[512];

	e->call = NULL;
	if (answer->outcome == ETCD_DONE)
		return true;
	snprintf(words, sizeof(words), "%s: %s",
		answer->outcome == ETCD_UNKNOWN ? "whether the fleet was told is not known"
						: "the fleet cannot be told",
		answer->words);
	errand_fail(e, WIRE_E_UNAVAILABLE, words);
	return false;
}

/* The range that an errand reads, or the errand has failed. */
static bool got_range(struct errand *e, const struct etcd_answer *answer, struct reply_kvs *ret)
{
	if (!errand_answered(e, answer))
		return false;
	if (reply_range(answer->root, ret) == 0) {
		e->agent->revision = ret->revision;
		return true;
	}
	errand_fail(e, WIRE_E_UNAVAILABLE, "what answers is not etcd");
	return false;
}

/* --- list --- */

static bool session_of(const struct reply_kv *kv, struct wire_session *ret)
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

	if (!got_range(e, answer, &kvs))
		return;
	if (e->revision == 0)
		e->revision = kvs.revision;
	for (i = 0; i < kvs.n; i++)
		if (session_of(&kvs.kv[i], &session))
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

/* --- revoke --- */

static void add_number(json_t *value, const char *name, uint64_t n)
{
	if (n != 0)
		json_object_set_new(value, name, json_integer((json_int_t)n));
}

static void add_text(json_t *value, const char *name, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new(value, name, json_string(text));
}

/* `root on web1` */
static void add_by(const struct errand *e, json_t *value)
{
	char by[TEXT_STR_MAX + 1];

	snprintf(by, sizeof(by), "%.100s on %.100s", e->by, e->agent->o.host);
	add_text(value, "by", by);
}

static char *order_text(const struct errand *e)
{
	const struct wire_revoke *ask = &e->ask->u.revoke;
	json_t *value = json_object();
	char sid[SID_HEX + 1], *text;

	if (ask->prefix[0] != '\0')
		add_text(value, "prefix", sid_hex(&e->sid, sid));
	add_text(value, "user", ask->user);
	add_text(value, "text", ask->text);
	add_text(value, "message", ask->message);
	add_number(value, "grace", ask->grace);
	if (ask->id.set)
		json_object_set_new(value, "uid", json_integer(ask->id.uid));
	if (ask->all)
		json_object_set_new(value, "all", json_true());
	if (ask->cron)
		json_object_set_new(value, "cron", json_true());
	add_by(e, value);
	text = json_dumps(value, JSON_COMPACT);
	json_decref(value);
	return text;
}

static void give_order(struct errand *e);

static void on_ordered(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;

	if (!errand_answered(e, answer))
		return;
	if (e->ask->type == WIRE_revoke && e->n_ordered < e->n_hosts)
		give_order(e);
	else
		tally_begin(e);
}

/* As many hosts as go into one transaction; the rest when that is written. */
static void give_order(struct errand *e)
{
	json_t *txn = query_txn();
	char *text = order_text(e);
	struct key key;
	unsigned n;

	for (n = 0; n < BATCH && e->n_ordered < e->n_hosts; n++) {
		const char *parts[KEY_PARTS] = {e->hosts[e->n_ordered++].name, e->order};

		if (text != NULL && key_make(&key, KEY_REVOKE, parts, false))
			query_txn_put(txn, query_put(&key, text, 0));
		else
			query_txn_put(txn, NULL);
	}
	free(text);
	errand_ask(e, ETCD_WRITE, ETCD_TXN, txn, on_ordered);
}

static int add_host(struct errand *e, const char *name)
{
	struct tally_host *more = realloc(e->hosts, (e->n_hosts + 1) * sizeof(*more));

	if (more == NULL)
		return -1;
	e->hosts = more;
	more[e->n_hosts] = (struct tally_host){.alive = false};
	snprintf(more[e->n_hosts++].name, sizeof(more->name), "%s", name);
	return 0;
}

static void hosts_known(struct errand *e);

static void on_alive(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct reply_kvs kvs = {0};
	size_t i, k;

	if (!got_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n; i++) {
		if (!key_parse(kvs.kv[i].key, kvs.kv[i].key_len, KEY_ALIVE, 1, parts))
			continue;
		for (k = 0; k < e->n_hosts; k++)
			if (strcmp(e->hosts[k].name, parts[0]) == 0)
				e->hosts[k].alive = true;
	}
	reply_kvs_fini(&kvs);
	hosts_known(e);
}

static void ask_alive(struct errand *e)
{
	struct key key;

	memcpy(key.s, KEY_ALIVE, sizeof(KEY_ALIVE));
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_alive);
}

static void on_hosts(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct reply_kvs kvs = {0};
	size_t i;
	int r = 0;

	if (!got_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n && r == 0; i++)
		if (key_parse(kvs.kv[i].key, kvs.kv[i].key_len, KEY_HOST, 1, parts))
			r = add_host(e, parts[0]);
	reply_kvs_fini(&kvs);
	if (r == 0)
		ask_alive(e);
	else
		errand_fail(e, WIRE_E_UNAVAILABLE, "out of memory");
}

static void ask_hosts(struct errand *e)
{
	struct key key;

	memcpy(key.s, KEY_HOST, sizeof(KEY_HOST));
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_hosts);
}

/* The one session of the prefix, among all of the fleet's. */
static void on_sessions(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct wire_session session;
	struct reply_kvs kvs = {0};
	size_t i, found = 0;
	char host[TEXT_STR_MAX + 1];

	if (!got_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n; i++) {
		if (!session_of(&kvs.kv[i], &session) ||
			!sid_has_prefix(&session.sid, e->ask->u.revoke.prefix))
			continue;
		found++;
		e->sid = session.sid;
		memcpy(host, session.host, sizeof(host));
	}
	reply_kvs_fini(&kvs);
	if (found != 1)
		errand_fail(e, found == 0 ? WIRE_E_NO_SESSION : WIRE_E_AMBIGUOUS,
			wire_error_words(found == 0 ? WIRE_E_NO_SESSION : WIRE_E_AMBIGUOUS));
	else if (add_host(e, host) < 0)
		errand_fail(e, WIRE_E_UNAVAILABLE, "out of memory");
	else
		ask_alive(e);
}

static void revoke(struct errand *e)
{
	const struct wire_revoke *ask = &e->ask->u.revoke;
	struct key key;

	if ((ask->prefix[0] != '\0') + (ask->user[0] != '\0') + ask->all != 1) {
		errand_fail(e, WIRE_E_INVALID,
			"either a session or a user must be named, or all be meant");
		return;
	}
	if (ask->prefix[0] == '\0') {
		ask_hosts(e);
		return;
	}
	memcpy(key.s, KEY_SESSION, sizeof(KEY_SESSION));
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_sessions);
}

/* --- lock, unlock --- */

static void put_lock(struct errand *e, uint64_t lease)
{
	const struct wire_lock *ask = &e->ask->u.lock;
	const char *parts[KEY_PARTS] = {ask->kind, ask->name};
	json_t *value = json_object(), *put = NULL;
	struct key key;
	char *text;

	add_text(value, "message", ask->message);
	add_text(value, "text", ask->text);
	add_text(value, "order", e->order);
	if (ask->id.set)
		json_object_set_new(value, "uid", json_integer(ask->id.uid));
	if (ask->even_breakglass)
		json_object_set_new(value, "even_breakglass", json_true());
	add_by(e, value);
	text = json_dumps(value, JSON_COMPACT);
	if (text != NULL && key_make(&key, KEY_LOCK, parts, false))
		put = query_put(&key, text, lease);
	free(text);
	json_decref(value);
	errand_ask(e, ETCD_WRITE, ETCD_PUT, put, on_ordered);
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

	if (e->ask->type == WIRE_revoke)
		give_order(e);
	else if (lasts == 0)
		put_lock(e, 0);
	else
		errand_ask(e, ETCD_READ, ETCD_GRANT,
			query_lease((lasts + NS_PER_SEC - 1) / NS_PER_SEC), on_lease);
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

static void unlock(struct errand *e)
{
	const char *parts[KEY_PARTS] = {e->ask->u.unlock.kind, e->ask->u.unlock.name};
	struct key key;

	if (key_make(&key, KEY_LOCK, parts, false))
		errand_ask(e, ETCD_READ, ETCD_DELETE, query_delete(&key), on_unlocked);
	else
		errand_fail(e, WIRE_E_INVALID, "a lock has a kind and a name");
}

/* --- status --- */

static void tell_state(struct errand *e)
{
	const struct agent *a = e->agent;
	struct wire_fleet_state state = {.joined = agent_joined(a),
		.revision = a->revision,
		.lease = a->o.lease_ttl * NS_PER_SEC,
		.overshoots = a->n_overshoots};
	const struct member *m;

	snprintf(state.host, sizeof(state.host), "%s", a->o.host);
	snprintf(state.endpoint, sizeof(state.endpoint), "%.255s", etcd_endpoint(a->etcd));
	snprintf(state.trouble, sizeof(state.trouble), "%s", a->claim.words);
	if (a->lease.id != 0)
		state.renewed = clock_boot() - a->lease.renewed_at;
	TAILQ_FOREACH (m, &a->registry.dirty, link) {
		state.unwritten += m->present;
	}
	errand_tell(e, WIRE_fleet_state, &state, false);
}

static void on_status(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct wire_fleet_host host = {0};
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct reply_kvs kvs = {0};
	size_t i, k;

	if (!got_range(e, answer, &kvs))
		return;
	for (k = 0; k < e->n_hosts; k++) {
		memcpy(host.host, e->hosts[k].name, sizeof(host.host));
		host.asked = strcmp(host.host, e->agent->o.host) == 0;
		host.reachable = false;
		for (i = 0; i < kvs.n; i++)
			host.reachable =
				host.reachable ||
				(key_parse(kvs.kv[i].key, kvs.kv[i].key_len, KEY_ALIVE, 1, parts) &&
					strcmp(parts[0], host.host) == 0);
		errand_tell(e, WIRE_fleet_host, &host, false);
	}
	reply_kvs_fini(&kvs);
	errand_done(e);
}

static void on_status_hosts(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct reply_kvs kvs = {0};
	struct key key;
	size_t i;

	if (!got_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n; i++)
		if (key_parse(kvs.kv[i].key, kvs.kv[i].key_len, KEY_HOST, 1, parts))
			(void)add_host(e, parts[0]);
	reply_kvs_fini(&kvs);
	memcpy(key.s, KEY_ALIVE, sizeof(KEY_ALIVE));
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_status);
}

static void status(struct errand *e)
{
	struct key key;

	tell_state(e);
	memcpy(key.s, KEY_HOST, sizeof(KEY_HOST));
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_status_hosts);
}

static void carry_out(struct errand *e)
{
	switch (e->ask->type) {
	case WIRE_list:
		list_page(e);
		break;
	case WIRE_revoke:
		revoke(e);
		break;
	case WIRE_lock:
		ask_hosts(e);
		break;
	case WIRE_unlock:
		unlock(e);
		break;
	case WIRE_status:
		status(e);
		break;
	default:
		errand_fail(e, WIRE_E_INVALID, "the fleet cannot be asked that");
	}
}

void errand_begin(struct agent *a, const struct wire_errand *msg)
{
	struct errand *e = a->n_errands < ERRANDS_MAX ? calloc(1, sizeof(*e)) : NULL;
	struct sid order;

	if (e != NULL)
		e->ask = malloc(sizeof(*e->ask));
	if (e == NULL || e->ask == NULL || sid_random(&order) < 0) {
		if (e != NULL)
			free(e->ask);
		free(e);
		fail(a, msg->errand, WIRE_E_UNAVAILABLE, "the fleet is asked too much at a time");
		return;
	}
	e->agent = a;
	e->id = msg->errand;
	memcpy(e->by, msg->by, sizeof(e->by));
	sid_hex(&order, e->order);
	LIST_INSERT_HEAD(&a->errands, e, link);
	a->n_errands++;
	if (wire_decode(msg->body.data, msg->body.len, e->ask) < 0)
		errand_fail(e, WIRE_E_PROTOCOL, wire_error_words(WIRE_E_PROTOCOL));
	else
		carry_out(e);
}
