/*
 * The last checkpoint of this host's ledger, kept in the store as /sessd/v1/head/HOST, where other
 * hosts see it. Before one takes the place of another, sessd is asked whether the ledger has that
 * one still. Where it does not, the ledger was cut off, rolled back or replaced: that is recorded,
 * the key keeps what it had, and says what the ledger has instead, for the other hosts to see.
 */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/query.h"

#define TIMEOUT (5 * NS_PER_SEC)
#define REST	(5 * NS_PER_SEC)
/* A busy ledger has a checkpoint every 1,000 events; that many need not be written. */
#define BETWEEN (5 * NS_PER_SEC)
/* So often it is looked whether an administrator has put it right. */
#define LOOK_AGAIN (60 * NS_PER_SEC)

static void go(struct agent *a);

static void go_on(void *ctx)
{
	struct agent *a = ctx;

	if (a->head.step == HEAD_BROKEN)
		a->head.step = HEAD_UNREAD;
	go(a);
}

static void rest(struct agent *a, uint64_t ns)
{
	timer_set(&a->timers, &a->head.timer, clock_boot() + timer_jitter(ns), go_on, a);
}

/* What the store has is not known any more. */
static void start_over(struct agent *a, uint64_t in)
{
	a->head.step = HEAD_UNREAD;
	rest(a, in);
}

static void own_key(const struct agent *a, struct key *ret)
{
	const char *parts[KEY_PARTS] = {a->o.host};

	key_make(ret, KEY_HEAD, parts, false);
}

static void ask_store(struct agent *a, enum etcd_kind kind, const char *path, json_t *body,
	void (*done)(void *ctx, const struct etcd_answer *answer))
{
	a->head.call = etcd_start(a->etcd, &(struct etcd_request){.kind = kind,
						   .path = path,
						   .body = body,
						   .deadline = clock_boot() + TIMEOUT,
						   .done = done,
						   .ctx = a});
	if (a->head.call == NULL)
		start_over(a, REST);
}

bool head_parse(const struct reply_kv *kv, struct head_value *ret)
{
	json_t *value = reply_json(kv->value, kv->value_len);
	struct chain ignored;

	reply_text(value, "checkpoint", ret->checkpoint, sizeof(ret->checkpoint));
	reply_text(value, "broken", ret->broken, sizeof(ret->broken));
	json_decref(value);
	if (!seal_head_parse(ret->broken, &ignored))
		ret->broken[0] = '\0';
	return seal_head_parse(ret->checkpoint, &ignored);
}

/* --- The write --- */

static void on_written(void *ctx, const struct etcd_answer *answer)
{
	struct agent *a = ctx;
	struct head *h = &a->head;
	struct reply_txn txn;

	h->call = NULL;
	if (answer->outcome != ETCD_DONE || reply_txn(answer->root, &txn) < 0) {
		log_warning("the fleet does not have the head of the ledger yet: %s",
			answer->outcome == ETCD_DONE ? "what answers is not etcd" : answer->words);
		start_over(a, REST);
		return;
	}
	reply_kvs_fini(&txn.got);
	if (!txn.succeeded) {
		start_over(a, 0);
		return;
	}
	h->stored = h->writing;
	h->revision = txn.revision;
	if (h->step == HEAD_AGREED)
		rest(a, BETWEEN);
	else
		go(a);
}

static void write_value(struct agent *a, const struct head_value *value)
{
	struct head *h = &a->head;
	json_t *json = json_object(), *txn = query_txn();
	struct key key;
	char *text;

	h->writing = *value;
	query_add_text(json, "checkpoint", value->checkpoint);
	query_add_text(json, "broken", value->broken);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	own_key(a, &key);
	if (h->revision == 0)
		query_txn_if_absent(txn, &key);
	else
		query_txn_if_unchanged(txn, &key, h->revision);
	query_txn_put(txn, text != NULL ? query_put(&key, text, 0) : NULL);
	free(text);
	ask_store(a, ETCD_WRITE, ETCD_TXN, txn, on_written);
}

static void write_own(struct agent *a)
{
	struct head_value value = {.broken = ""};

	memcpy(value.checkpoint, a->head.told, sizeof(value.checkpoint));
	write_value(a, &value);
}

static bool is_up_to_date(const struct head *h)
{
	return strcmp(h->stored.checkpoint, h->told) == 0 && h->stored.broken[0] == '\0';
}

/* --- The ledger lacks it --- */

static void on_recorded(void *ctx, const struct wire_frame *frame)
{
	struct agent *a = ctx;

	a->head.asking = false;
	if (frame != NULL && frame->type == WIRE_done)
		memcpy(a->head.recorded, a->head.stored.checkpoint, sizeof(a->head.recorded));
	go(a);
}

static void record(struct agent *a)
{
	struct wire_head_broken msg = {.host = ""};
	struct head *h = &a->head;

	if (strcmp(h->recorded, h->stored.checkpoint) == 0)
		return;
	snprintf(msg.host, sizeof(msg.host), "%s", a->o.host);
	snprintf(msg.checkpoint, sizeof(msg.checkpoint), "%s", h->stored.checkpoint);
	snprintf(msg.text, sizeof(msg.text), "its last checkpoint is %s", h->told);
	h->asking = link_ask(&a->head_link, WIRE_head_broken, &msg, on_recorded, a) == 0;
}

static void is_broken(struct agent *a)
{
	struct head_value value = a->head.stored;

	a->head.step = HEAD_BROKEN;
	rest(a, LOOK_AGAIN);
	record(a);
	if (value.broken[0] != '\0')
		return;
	memcpy(value.broken, a->head.told, sizeof(value.broken));
	write_value(a, &value);
}

/* --- The comparison --- */

static void take_probed(struct agent *a, const struct wire_probed *msg)
{
	struct head *h = &a->head;

	if (msg->pruned)
		log_warning("the head %s in the fleet is older than all that is left of the ledger",
			h->stored.checkpoint);
	h->step = msg->here || msg->pruned ? HEAD_AGREED : HEAD_BROKEN;
}

static void on_probed(void *ctx, const struct wire_frame *frame)
{
	struct agent *a = ctx;

	if (frame != NULL && frame->type == WIRE_probed) {
		take_probed(a, &frame->u.probed);
		return;
	}
	a->head.asking = false;
	if (frame == NULL || frame->type == WIRE_error) {
		log_warning("sessd: %s", frame != NULL ? frame->u.error.text : "gone");
		start_over(a, REST);
	} else if (a->head.step == HEAD_BROKEN) {
		is_broken(a);
	} else {
		go(a);
	}
}

static void compare(struct agent *a)
{
	struct wire_probe msg = {.checkpoint = ""};

	snprintf(msg.checkpoint, sizeof(msg.checkpoint), "%s", a->head.stored.checkpoint);
	a->head.asking = link_ask(&a->head_link, WIRE_probe, &msg, on_probed, a) == 0;
	if (!a->head.asking)
		start_over(a, REST);
}

static void on_read(void *ctx, const struct etcd_answer *answer)
{
	struct agent *a = ctx;
	struct head *h = &a->head;
	struct reply_kvs kvs = {0};

	h->call = NULL;
	if (answer->outcome != ETCD_DONE || reply_range(answer->root, &kvs) < 0) {
		rest(a, REST);
		return;
	}
	h->stored = (struct head_value){.checkpoint = ""};
	h->revision = kvs.n > 0 ? kvs.kv[0].mod_revision : 0;
	h->step = HEAD_AGREED;
	if (kvs.n > 0 && head_parse(&kvs.kv[0], &h->stored))
		h->step = HEAD_READ;
	else if (kvs.n > 0)
		log_warning("where the store has the head of this ledger, there is no checkpoint");
	reply_kvs_fini(&kvs);
	go(a);
}

static void read_stored(struct agent *a)
{
	struct key key;

	own_key(a, &key);
	ask_store(a, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_read);
}

/* --- --- */

/* Does what is to be done, if it can be. */
static void go(struct agent *a)
{
	struct head *h = &a->head;

	if (!agent_joined(a) || h->told[0] == '\0' || h->call != NULL || h->asking || h->timer.set)
		return;
	switch (h->step) {
	case HEAD_UNREAD:
		read_stored(a);
		break;
	case HEAD_READ:
		compare(a);
		break;
	case HEAD_AGREED:
		if (!is_up_to_date(h))
			write_own(a);
		break;
	case HEAD_BROKEN:
		break;
	}
}

void head_told(struct agent *a, const char *checkpoint)
{
	snprintf(a->head.told, sizeof(a->head.told), "%.*s", SEAL_HEAD_TEXT - 1, checkpoint);
	go(a);
}

void head_look(struct agent *a)
{
	a->head.step = HEAD_UNREAD;
	timer_cancel(&a->head.timer);
	go(a);
}

void head_doubt(struct agent *a)
{
	a->head.told[0] = '\0';
	a->head.step = HEAD_UNREAD;
	/* as soon as it says what it has */
	timer_cancel(&a->head.timer);
}

void head_stop(struct agent *a)
{
	etcd_cancel(a->head.call);
	a->head.call = NULL;
	timer_cancel(&a->head.timer);
}
