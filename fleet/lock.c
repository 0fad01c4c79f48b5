/*
 * The fleet's locks. The store says which there are; sessd is asked which of them it has, and what
 * differs is set and lifted. That is done anew whenever one of the two may have changed, so nothing
 * need be remembered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/reply.h"

#define TIMEOUT (5 * NS_PER_SEC)
#define REST	(500 * NS_PER_MS)

struct fleet_lock {
	struct agent *agent;
	LIST_ENTRY(fleet_lock) link;
	struct wire_lock what;
	char id[TEXT_STR_MAX +
		1];	  /* of the order to set it; "": nobody waits for what came of it */
	bool listed;	  /* since begin() */
	bool held;	  /* sessd has it, just so */
	json_t *outcomes; /* it is being set */
	bool lifted;	  /* it is to go when it has been */
};

struct locks {
	LIST_HEAD(fleet_lock_list, fleet_lock) list;
	unsigned n;
	bool complete; /* all that the store has are in the list */
	bool busy, again;
	unsigned asked; /* of sessd, and not answered */
	struct timer timer;
};

static void compare(struct agent *a);

static void compare_again(void *ctx)
{
	compare(ctx);
}

static void compare_later(struct agent *a)
{
	timer_set(
		&a->timers, &a->locks->timer, clock_boot() + timer_jitter(REST), compare_again, a);
}

static void fleet_lock_free(struct fleet_lock *f)
{
	LIST_REMOVE(f, link);
	f->agent->locks->n--;
	json_decref(f->outcomes);
	free(f);
}

static struct fleet_lock *find(const struct agent *a, const char *kind, const char *name)
{
	struct fleet_lock *f;

	LIST_FOREACH (f, &a->locks->list, link)
		if (!f->lifted && strcmp(f->what.kind, kind) == 0 &&
			strcmp(f->what.name, name) == 0)
			return f;
	return NULL;
}

/* --- sessd's --- */

/* sessd was asked something that is answered now. */
static void answered(struct agent *a, bool failed)
{
	struct locks *locks = a->locks;

	locks->asked--;
	if (failed)
		locks->again = true;
	if (locks->asked > 0)
		return;
	locks->busy = false;
	if (failed)
		compare_later(a);
	else if (locks->again)
		compare(a);
}

static void on_told(void *ctx, const struct etcd_answer *answer)
{
	(void)ctx;
	if (answer->outcome != ETCD_DONE)
		log_warning("a lock holds, and who set it has not been told: %s", answer->words);
}

static void on_set(void *ctx, const struct wire_frame *frame)
{
	struct fleet_lock *f = ctx;
	struct agent *a = f->agent;
	bool failed = frame == NULL || frame->type == WIRE_error;

	if (frame != NULL && frame->type == WIRE_outcome)
		json_array_append_new(f->outcomes, order_outcome(&frame->u.outcome));
	if (frame != NULL && frame->type != WIRE_done && frame->type != WIRE_error)
		return;
	if (frame != NULL && failed)
		log_warning("lock of %s %s: sessd: %s", f->what.kind, f->what.name,
			frame->u.error.text);
	if (!failed && f->id[0] != '\0')
		(void)etcd_start(a->etcd,
			&(struct etcd_request){.kind = ETCD_WRITE,
				.path = ETCD_TXN,
				.body = order_result(a, f->id, json_incref(f->outcomes), NULL),
				.deadline = clock_boot() + TIMEOUT,
				.done = on_told,
				.ctx = a});
	json_decref(f->outcomes);
	f->outcomes = NULL;
	if (!failed)
		f->id[0] = '\0';
	if (f->lifted)
		fleet_lock_free(f);
	answered(a, failed);
}

static void on_lifted(void *ctx, const struct wire_frame *frame)
{
	/* that there is none any more is what is wanted */
	answered(ctx, frame == NULL);
}

static bool is_same(const struct wire_lock *a, const struct wire_locked *b)
{
	return a->id.set == b->id.set && a->id.uid == b->id.uid &&
	       a->even_breakglass == b->even_breakglass && strcmp(a->message, b->message) == 0 &&
	       strcmp(a->text, b->text) == 0;
}

static void judge(struct agent *a, const struct wire_locked *has)
{
	struct fleet_lock *f = find(a, has->kind, has->name);
	struct wire_unlock lift = {.fleet = true, .by = "fleet"};

	if (f != NULL) {
		f->held = has->fleet && is_same(&f->what, has);
		return;
	}
	if (!has->fleet)
		return;
	memcpy(lift.kind, has->kind, sizeof(lift.kind));
	memcpy(lift.name, has->name, sizeof(lift.name));
	if (link_ask(&a->hand, WIRE_unlock, &lift, on_lifted, a) == 0)
		a->locks->asked++;
	else
		a->locks->again = true;
}

static void set_all(struct agent *a)
{
	struct fleet_lock *f;

	LIST_FOREACH (f, &a->locks->list, link) {
		if (f->held || f->lifted || f->outcomes != NULL)
			continue;
		f->outcomes = json_array();
		if (f->outcomes != NULL &&
			link_ask(&a->hand, WIRE_lock, &f->what, on_set, f) == 0) {
			a->locks->asked++;
			continue;
		}
		json_decref(f->outcomes);
		f->outcomes = NULL;
		a->locks->again = true;
	}
}

static int ask_page(struct agent *a, uint64_t cursor);

static void on_page(void *ctx, const struct wire_frame *frame)
{
	struct agent *a = ctx;
	bool failed = frame == NULL || frame->type == WIRE_error;

	if (frame != NULL && frame->type == WIRE_locked) {
		judge(a, &frame->u.locked);
		return;
	}
	if (!failed && frame->u.done.cursor != 0)
		failed = ask_page(a, frame->u.done.cursor) < 0;
	else if (!failed)
		set_all(a);
	answered(a, failed);
}

static int ask_page(struct agent *a, uint64_t cursor)
{
	const struct wire_locks ask = {.cursor = cursor};
	int r = link_ask(&a->hand, WIRE_locks, &ask, on_page, a);

	if (r == 0)
		a->locks->asked++;
	return r;
}

static void compare(struct agent *a)
{
	struct locks *locks = a->locks;
	struct fleet_lock *f;

	locks->again = true;
	if (locks->busy || !locks->complete)
		return;
	locks->again = false;
	timer_cancel(&locks->timer);
	LIST_FOREACH (f, &locks->list, link) {
		f->held = false;
	}
	locks->busy = ask_page(a, 0) == 0;
	if (!locks->busy)
		compare_later(a);
}

void locks_check(struct agent *a)
{
	compare(a);
}

/* --- The store's --- */

static void begin(void *ctx)
{
	struct agent *a = ctx;
	struct fleet_lock *f;

	LIST_FOREACH (f, &a->locks->list, link) {
		f->listed = false;
	}
}

static void lift(struct fleet_lock *f)
{
	/* sessd's answer names it yet */
	f->lifted = true;
	if (f->outcomes == NULL)
		fleet_lock_free(f);
}

static void read_lock(const json_t *value, struct fleet_lock *f)
{
	struct wire_lock *what = &f->what;

	reply_text(value, "message", what->message, sizeof(what->message));
	reply_text(value, "text", what->text, sizeof(what->text));
	reply_text(value, "by", what->by, sizeof(what->by));
	reply_text(value, "order", f->id, sizeof(f->id));
	what->even_breakglass = reply_bool(value, "even_breakglass");
	what->fleet = true;
	what->id = (struct opt_uid){.set = false};
	if (json_object_get(value, "uid") != NULL)
		what->id =
			(struct opt_uid){.set = true, .uid = (uint32_t)reply_number(value, "uid")};
}

static void put(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct fleet_lock *f;
	json_t *value;

	if (!key_parse(kv->key, kv->key_len, KEY_LOCK, 2, parts))
		return;
	f = find(a, parts[0], parts[1]);
	/* what is being set now is another one */
	if (f != NULL && f->outcomes != NULL) {
		lift(f);
		f = NULL;
	}
	if (f == NULL) {
		f = a->locks->n < LOCKS_MAX ? calloc(1, sizeof(*f)) : NULL;
		if (f == NULL) {
			log_error("lock of %s %s finds no room", parts[0], parts[1]);
			return;
		}
		f->agent = a;
		memcpy(f->what.kind, parts[0], sizeof(f->what.kind));
		memcpy(f->what.name, parts[1], sizeof(f->what.name));
		LIST_INSERT_HEAD(&a->locks->list, f, link);
		a->locks->n++;
	}
	value = reply_json(kv->value, kv->value_len);
	read_lock(value, f);
	json_decref(value);
	f->listed = true;
	compare(a);
}

static void gone(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct fleet_lock *f = NULL;

	if (key_parse(kv->key, kv->key_len, KEY_LOCK, 2, parts))
		f = find(a, parts[0], parts[1]);
	if (f != NULL)
		lift(f);
	compare(a);
}

static void listed(void *ctx)
{
	struct agent *a = ctx;
	struct fleet_lock *f, *next;

	for (f = LIST_FIRST(&a->locks->list); f != NULL; f = next) {
		next = LIST_NEXT(f, link);
		if (!f->listed && !f->lifted)
			lift(f);
	}
	a->locks->complete = true;
	compare(a);
}

int locks_start(struct agent *a)
{
	struct watch_options options = {
		.begin = begin, .put = put, .gone = gone, .listed = listed, .ctx = a};

	a->locks = calloc(1, sizeof(*a->locks));
	if (a->locks == NULL)
		return -ENOMEM;
	memcpy(options.under.s, KEY_LOCK, sizeof(KEY_LOCK));
	watch_start(&a->lock_watch, a->etcd, &a->timers, &options);
	return 0;
}

void locks_stop(struct agent *a)
{
	struct locks *locks = a->locks;

	if (locks == NULL)
		return;
	watch_stop(&a->lock_watch);
	timer_cancel(&locks->timer);
	while (!LIST_EMPTY(&locks->list))
		fleet_lock_free(LIST_FIRST(&locks->list));
	free(locks);
	a->locks = NULL;
}
