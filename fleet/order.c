/*
 * Orders of other hosts to end sessions of this one. An order stays in the store until it has been
 * carried out here, whenever that is; then it is removed in the same transaction that says what
 * came of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/order.h"
#include "fleet/result.h"
#include "fleet/statement.h"

static void put(void *ctx, const struct reply_kv *kv);

static void forget_next(struct order *o)
{
	if (o->next != NULL)
		free(o->next->value);
	free(o->next);
	o->next = NULL;
}

/* Its key is the order's own. What is longer than any statement is kept as none, and refused. */
static void note_next(struct order *o, const struct reply_kv *kv)
{
	size_t len = kv->value_len <= STATEMENT_MAX ? kv->value_len : 0;

	forget_next(o);
	if (kv->mod_revision <= o->revision)
		return;
	o->next = malloc(sizeof(*o->next));
	if (o->next == NULL)
		return;
	*o->next = *kv;
	o->next->value_len = len;
	o->next->value = malloc(len + 1);
	if (o->next->value == NULL)
		forget_next(o);
	else
		memcpy(o->next->value, kv->value, len);
}

static void order_free(struct order *o)
{
	forget_next(o);
	LIST_REMOVE(o, link);
	o->agent->orders->n--;
	o->agent->orders->n_writes -= o->call != NULL;
	etcd_cancel(o->call);
	timer_cancel(&o->timer);
	json_decref(o->outcomes);
	free(o);
}

/* It is over, and makes room for the one that stands under its key now. */
void order_over(struct order *o)
{
	struct agent *a = o->agent;
	struct reply_kv *next = o->next;
	struct key key = o->key;

	o->next = NULL;
	order_free(o);
	if (next == NULL)
		return;
	next->key = key.s;
	put(a, next);
	free(next->value);
	free(next);
}

/* --- What is ordered --- */

static void begin(void *ctx)
{
	const struct agent *a = ctx;
	struct order *o;

	LIST_FOREACH (o, &a->orders->list, link) {
		forget_next(o);
		o->listed = false;
	}
}

static struct order *find(const struct agent *a, const char *id)
{
	struct order *o;

	LIST_FOREACH (o, &a->orders->list, link)
		if (strcmp(o->id, id) == 0)
			return o;
	return NULL;
}

static void read_order(const json_t *text, struct order *o, const char *signer)
{
	struct wire_revoke *ask = &o->ask;
	char who[TEXT_STR_MAX + 1];

	reply_text(text, "prefix", ask->prefix, sizeof(ask->prefix));
	reply_text(text, "text", ask->text, sizeof(ask->text));
	reply_text(text, "message", ask->message, sizeof(ask->message));
	reply_text(text, "by", who, sizeof(who));
	reply_text(text, "evicts", ask->evicts, sizeof(ask->evicts));
	reply_text(text, ask->evicts[0] != '\0' ? "of" : "user", ask->user, sizeof(ask->user));
	authority_by(signer, who, ask->by);
	ask->grace = reply_number(text, "grace");
	ask->cron = reply_bool(text, "cron");
	ask->all = reply_bool(text, "all");
	o->quiet = reply_bool(text, "quiet");
	if (json_object_get(text, "uid") != NULL)
		ask->id = (struct opt_uid){.set = true, .uid = (uint32_t)reply_number(text, "uid")};
}

/* NULL: it is to be carried out. Otherwise why not. */
static const char *judge(struct order *o, const struct statement *s)
{
	const struct wire_revoke *ask = &o->ask;
	char challenge[SID_HEX + 1];
	struct sid sid;

	if (!(s->by->may & (ask->evicts[0] != '\0' ? RIGHT_EVICT : RIGHT_REVOKE)))
		return ask->evicts[0] != '\0' ? "its key may not evict" : "its key may not revoke";
	if (ask->evicts[0] != '\0' &&
		(!sid_parse(ask->prefix, &sid) || ask->user[0] == '\0' || ask->all))
		return "what evicts ends one session, and names it in full and whose it is";
	reply_text(s->text, "challenge", challenge, sizeof(challenge));
	if (!sid_parse(challenge, &o->challenge) || !sid_parse(o->id, &sid))
		return "it answers no challenge";
	switch (challenges_judge(&o->agent->challenges, &o->challenge, &sid, clock_boot())) {
	case CHALLENGE_OVER:
		return "it is too old, or from before this host was booted";
	case CHALLENGE_SPENT:
		return "it has been carried out before";
	case CHALLENGE_FRESH:
		break;
	}
	return NULL;
}

static void refuse(struct order *o, const struct signer *by, const char *why)
{
	char what[128];

	snprintf(what, sizeof(what), "order %s", o->id);
	refusal_tell(o->agent, by, what, why);
	o->over = true;
	result_add_refusal(o->outcomes, why);
	execution_tell(o);
}

/* Reads what the store has, and has it carried out or refuses it. */
static void take(struct order *o, const struct reply_kv *kv)
{
	struct agent *a = o->agent;
	struct statement s = {.text = NULL};
	enum statement_verdict verdict =
		statement_open(kv->value, kv->value_len, o->key.s, &a->o.authority->signers, &s);
	char words[TEXT_STR_MAX + 1];
	struct statement_claim claim;
	const char *why;

	if (verdict != STATEMENT_GENUINE) {
		statement_claims(kv->value, kv->value_len, o->key.s, &claim);
		statement_say(verdict, &claim, words);
		refuse(o, s.by, words);
	} else {
		read_order(s.text, o, s.by->name);
		why = judge(o, &s);
		if (why != NULL)
			refuse(o, s.by, why);
		else
			execution_begin(o);
	}
	statement_fini(&s);
}

static void put(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct order *o;

	if (!key_parse(kv->key, kv->key_len, KEY_REVOKE, 2, parts) || strlen(parts[1]) > SID_HEX)
		return;
	o = find(a, parts[1]);
	if (o != NULL) {
		o->listed = true;
		note_next(o, kv);
		return;
	}
	o = a->orders->n < ORDERS_MAX ? calloc(1, sizeof(*o)) : NULL;
	if (o != NULL)
		o->outcomes = json_array();
	if (o == NULL || o->outcomes == NULL) {
		log_error("order %s finds no room", parts[1]);
		free(o);
		return;
	}
	o->agent = a;
	o->listed = true;
	o->revision = kv->mod_revision;
	memcpy(o->id, parts[1], strlen(parts[1]) + 1);
	memcpy(o->key.s, kv->key, kv->key_len + 1);
	LIST_INSERT_HEAD(&a->orders->list, o, link);
	a->orders->n++;
	take(o, kv);
}

/* Withdrawn: that ends it where it has not been begun. */
static void drop(struct order *o)
{
	if (o->by == NULL && !o->over)
		order_free(o);
}

static void gone(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct order *o;

	if (!key_parse(kv->key, kv->key_len, KEY_REVOKE, 2, parts))
		return;
	o = find(a, parts[1]);
	if (o == NULL)
		return;
	forget_next(o);
	drop(o);
}

/* What has been withdrawn while nothing was heard of the store. */
static void listed(void *ctx)
{
	struct agent *a = ctx;
	struct order *o, *next;

	for (o = LIST_FIRST(&a->orders->list); o != NULL; o = next) {
		next = LIST_NEXT(o, link);
		if (!o->listed)
			drop(o);
	}
}

int orders_start(struct agent *a)
{
	const char *parts[KEY_PARTS] = {a->o.host};
	struct watch_options options = {
		.begin = begin, .put = put, .gone = gone, .listed = listed, .ctx = a};

	a->orders = calloc(1, sizeof(*a->orders));
	if (a->orders == NULL)
		return -ENOMEM;
	key_make(&options.under, KEY_REVOKE, parts, true);
	watch_start(&a->order_watch, a->etcd, &a->timers, &options);
	return 0;
}

void orders_stop(struct agent *a)
{
	if (a->orders == NULL)
		return;
	watch_stop(&a->order_watch);
	while (!LIST_EMPTY(&a->orders->list))
		order_free(LIST_FIRST(&a->orders->list));
	free(a->orders);
	a->orders = NULL;
}
