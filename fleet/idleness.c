/* Other hosts ask how idle and how old a user's sessions are here (question.c): sessd knows, and
 * what it says is put where they look. Who asked does not wait long, so nothing is tried twice. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/reply.h"

/* Under way at a time; who asks more is not answered. */
#define ASKED_MAX 64
#define TIMEOUT	  NS_PER_SEC

struct asked {
	struct agent *agent;
	LIST_ENTRY(asked) link;
	struct key key;
	char id[TEXT_STR_MAX + 1];
	json_t *answer;
	struct etcd_call *call;
};

struct idleness {
	LIST_HEAD(asked_list, asked) list;
	unsigned n;
};

static void asked_free(struct asked *q)
{
	LIST_REMOVE(q, link);
	q->agent->idleness->n--;
	etcd_cancel(q->call);
	json_decref(q->answer);
	free(q);
}

static void on_written(void *ctx, const struct etcd_answer *answer)
{
	struct asked *q = ctx;

	if (answer->outcome != ETCD_DONE)
		log_debug("question %s is not answered: %s", q->id, answer->words);
	q->call = NULL;
	asked_free(q);
}

static void write_answer(struct asked *q)
{
	struct agent *a = q->agent;

	if (agent_joined(a))
		q->call = etcd_start(a->etcd,
			&(struct etcd_request){.kind = ETCD_WRITE,
				.path = ETCD_TXN,
				.body = order_result(a, q->id, json_incref(q->answer), &q->key),
				.deadline = clock_boot() + TIMEOUT,
				.done = on_written,
				.ctx = q});
	if (q->call == NULL)
		asked_free(q);
}

static void on_told(void *ctx, const struct wire_frame *frame)
{
	struct asked *q = ctx;
	const struct wire_idleness *one;
	char sid[SID_HEX + 1];

	if (frame != NULL && frame->type == WIRE_idleness) {
		one = &frame->u.idleness;
		json_array_append_new(q->answer,
			json_pack("{s:s,s:I,s:I}", "sid", sid_hex(&one->sid, sid), "idle",
				(json_int_t)one->idle, "age", (json_int_t)one->age));
	} else if (frame != NULL && frame->type == WIRE_done) {
		write_answer(q);
	} else {
		log_warning("sessd does not say how idle sessions are: %s",
			frame != NULL ? frame->u.error.text : "gone");
		asked_free(q);
	}
}

/* --- The watch --- */

static void nothing(void *ctx)
{
	(void)ctx;
}

static bool is_known(const struct agent *a, const char *id)
{
	const struct asked *q;

	LIST_FOREACH (q, &a->idleness->list, link)
		if (strcmp(q->id, id) == 0)
			return true;
	return false;
}

static void put(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct wire_idle ask;
	struct asked *q;
	json_t *value;

	if (!key_parse(kv->key, kv->key_len, KEY_ASK, 2, parts) || is_known(a, parts[1]))
		return;
	value = reply_json(kv->value, kv->value_len);
	ask.uid = reply_number(value, "uid");
	json_decref(value);
	q = a->idleness->n < ASKED_MAX ? calloc(1, sizeof(*q)) : NULL;
	if (q == NULL)
		return;
	q->agent = a;
	q->answer = json_array();
	memcpy(q->id, parts[1], sizeof(q->id));
	memcpy(q->key.s, kv->key, kv->key_len + 1);
	LIST_INSERT_HEAD(&a->idleness->list, q, link);
	a->idleness->n++;
	if (q->answer == NULL || link_ask(&a->idle_link, WIRE_idle, &ask, on_told, q) < 0)
		asked_free(q);
}

/* Whoever asked has heard enough: what is under way does no harm. */
static void gone(void *ctx, const struct reply_kv *kv)
{
	(void)ctx;
	(void)kv;
}

/* It knows this host as it was, or not at all: another lease, and all is written once more. */
static void anew(void *ctx)
{
	struct agent *a = ctx;

	lease_forget(&a->lease);
}

int idleness_start(struct agent *a)
{
	const char *parts[KEY_PARTS] = {a->o.host};
	/* one of the watches is enough to find it out: each host has this one */
	struct watch_options options = {.begin = nothing,
		.put = put,
		.gone = gone,
		.listed = nothing,
		.anew = anew,
		.ctx = a};

	a->idleness = calloc(1, sizeof(*a->idleness));
	if (a->idleness == NULL)
		return -ENOMEM;
	key_make(&options.under, KEY_ASK, parts, true);
	watch_start(&a->idle_watch, a->etcd, &a->timers, &options);
	return 0;
}

void idleness_stop(struct agent *a)
{
	if (a->idleness == NULL)
		return;
	watch_stop(&a->idle_watch);
	while (!LIST_EMPTY(&a->idleness->list))
		asked_free(LIST_FIRST(&a->idleness->list));
	free(a->idleness);
	a->idleness = NULL;
}
