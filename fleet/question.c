/*
 * The question stands in the store, once for each host, until that has answered or the asker has
 * heard enough; then nothing of it is left. Were the asker to die, it would go with his lease.
 */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "fleet/query.h"
#include "fleet/question.h"
#include "fleet/reply.h"

/* A login waits for the answers, and then for somebody's end. */
#define PATIENCE (250 * NS_PER_MS)
#define LOOK	 (15 * NS_PER_MS)
/* That are asked; those of further hosts count as the least idle. One transaction takes them. */
#define HOSTS_MAX 50
/* Sessions that a host is believed to speak of. */
#define ANSWERS_MAX 256

struct question {
	struct agent *agent;
	struct etcd_call *call;
	struct timer timer;
	uint64_t deadline; /* clock_boot() */
	enum question_about about;
	void (*done)(void *ctx);
	void *ctx;
	bool cleaned;
	char id[SID_HEX + 1];
	unsigned n_hosts;
	struct {
		char name[TEXT_STR_MAX + 1];
		uint64_t uid; /* that the user has there */
		bool answered;
	} host[HOSTS_MAX];
	size_t n;
	struct {
		char sid[SID_HEX + 1];
		unsigned host; /* that alone may speak of it */
		uint64_t time;
	} row[];
};

static void look(void *ctx);

/* --- Whom and about what --- */

/* HOSTS_MAX: there are too many. */
static unsigned host_of(struct question *q, const struct listed *e)
{
	unsigned i;

	for (i = 0; i < q->n_hosts; i++)
		if (strcmp(q->host[i].name, e->host) == 0)
			return i;
	if (i == HOSTS_MAX)
		return i;
	memcpy(q->host[i].name, e->host, sizeof(e->host));
	q->host[i].uid = reply_number(e->value, "uid");
	return q->n_hosts++;
}

static void add_row(struct question *q, const struct listed *e)
{
	unsigned host = host_of(q, e);

	if (host == HOSTS_MAX)
		return;
	memcpy(q->row[q->n].sid, e->sid, sizeof(e->sid));
	q->row[q->n++].host = host;
}

uint64_t question_time(const struct question *q, const struct listed *e)
{
	size_t i;

	for (i = 0; q != NULL && i < q->n; i++)
		if (strcmp(q->row[i].sid, e->sid) == 0 &&
			strcmp(q->host[q->row[i].host].name, e->host) == 0)
			return q->row[i].time;
	return 0;
}

/* --- The store --- */

static void host_key(const struct question *q, unsigned host, struct key *ret)
{
	const char *parts[KEY_PARTS] = {q->host[host].name, q->id};

	key_make(ret, KEY_ASK, parts, false);
}

static void answers_key(const struct question *q, struct key *ret)
{
	const char *parts[KEY_PARTS] = {q->id};

	key_make(ret, KEY_DONE, parts, true);
}

static void clean(struct question *q)
{
	struct agent *a = q->agent;
	struct key key;
	json_t *txn;
	unsigned i;

	if (q->cleaned)
		return;
	q->cleaned = true;
	txn = query_txn();
	answers_key(q, &key);
	query_txn_delete(txn, query_delete(&key));
	for (i = 0; i < q->n_hosts; i++) {
		host_key(q, i, &key);
		query_txn_delete(txn, query_delete(&key));
	}
	/* what is not deleted goes with the leases that it is under */
	(void)etcd_start(a->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
					  .path = ETCD_TXN,
					  .body = txn,
					  .deadline = clock_boot() + NS_PER_SEC,
					  .done = etcd_unheard});
}

static void finish(struct question *q)
{
	clean(q);
	q->done(q->ctx);
}

static void take(struct question *q, const struct reply_kv *kv)
{
	char parts[KEY_PARTS][TEXT_STR_MAX + 1], sid[SID_HEX + 1];
	const json_t *one;
	json_t *list;
	unsigned host;
	size_t i, k;

	if (!key_parse(kv->key, kv->key_len, KEY_DONE, 2, parts))
		return;
	for (host = 0; host < q->n_hosts; host++)
		if (strcmp(q->host[host].name, parts[1]) == 0)
			break;
	if (host == q->n_hosts || q->host[host].answered)
		return;
	q->host[host].answered = true;
	list = reply_json(kv->value, kv->value_len);
	for (i = 0; i < json_array_size(list) && i < ANSWERS_MAX; i++) {
		one = json_array_get(list, i);
		reply_text(one, "sid", sid, sizeof(sid));
		for (k = 0; k < q->n; k++)
			if (q->row[k].host == host && strcmp(q->row[k].sid, sid) == 0)
				q->row[k].time = reply_number(
					one, q->about == QUESTION_IDLE ? "idle" : "age");
	}
	json_decref(list);
}

static bool is_answered(const struct question *q)
{
	unsigned i;

	for (i = 0; i < q->n_hosts; i++)
		if (!q->host[i].answered)
			return false;
	return true;
}

static void look_later(struct question *q)
{
	timer_set(&q->agent->timers, &q->timer, clock_boot() + LOOK, look, q);
}

static void on_looked(void *ctx, const struct etcd_answer *answer)
{
	struct question *q = ctx;
	struct reply_kvs kvs = {0};
	size_t i;

	q->call = NULL;
	if (answer->outcome == ETCD_DONE && reply_range(answer->root, &kvs) == 0)
		for (i = 0; i < kvs.n; i++)
			take(q, &kvs.kv[i]);
	reply_kvs_fini(&kvs);
	if (is_answered(q) || clock_boot() >= q->deadline)
		finish(q);
	else
		look_later(q);
}

static void look(void *ctx)
{
	struct question *q = ctx;
	struct key key;

	answers_key(q, &key);
	q->call = etcd_start(q->agent->etcd, &(struct etcd_request){.kind = ETCD_READ,
						     .path = ETCD_RANGE,
						     .body = query_range(&key, 0),
						     .deadline = q->deadline + LOOK,
						     .done = on_looked,
						     .ctx = q});
	if (q->call == NULL)
		finish(q);
}

static void on_put(void *ctx, const struct etcd_answer *answer)
{
	struct question *q = ctx;

	q->call = NULL;
	if (answer->outcome == ETCD_DONE)
		look_later(q);
	else
		finish(q);
}

static bool put(struct question *q)
{
	json_t *txn = query_txn(), *value;
	struct key key;
	char *text;
	unsigned i;

	for (i = 0; i < q->n_hosts; i++) {
		value = json_pack("{s:I}", "uid", (json_int_t)q->host[i].uid);
		text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
		host_key(q, i, &key);
		query_txn_put(txn, text != NULL ? query_put(&key, text, q->agent->lease.id) : NULL);
		free(text);
		json_decref(value);
	}
	q->call = etcd_start(q->agent->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
						     .path = ETCD_TXN,
						     .body = txn,
						     .deadline = q->deadline,
						     .done = on_put,
						     .ctx = q});
	return q->call != NULL;
}

struct question *question_ask(struct agent *a, const struct roll *roll, const char *policy,
	enum question_about about, void (*done)(void *ctx), void *ctx)
{
	struct question *q = calloc(1, sizeof(*q) + roll->n * sizeof(q->row[0]));
	struct sid id;
	size_t i;

	if (q == NULL || sid_random(&id) < 0) {
		free(q);
		return NULL;
	}
	q->agent = a;
	q->about = about;
	q->done = done;
	q->ctx = ctx;
	q->deadline = clock_boot() + PATIENCE;
	sid_hex(&id, q->id);
	for (i = 0; i < roll->n; i++)
		if (roll_counts(a, &roll->entry[i], policy))
			add_row(q, &roll->entry[i]);
	if (put(q))
		return q;
	free(q);
	return NULL;
}

void question_free(struct question *q)
{
	if (q == NULL)
		return;
	etcd_cancel(q->call);
	timer_cancel(&q->timer);
	clean(q);
	free(q);
}
