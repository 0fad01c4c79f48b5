/*
 * The fleet's locks. The store has a signed statement about each; sessd is asked which of them it
 * has, and what differs is set and lifted. That is done anew whenever one of the two may have
 * changed.
 *
 * A lock is lifted by a statement that says so, never because the store lacks it; and a statement
 * counts only if it is newer than what this host has seen (edition.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/reply.h"
#include "fleet/statement.h"

#define TIMEOUT (5 * NS_PER_SEC)
#define REST	(500 * NS_PER_MS)

struct fleet_lock {
	struct agent *agent;
	LIST_ENTRY(fleet_lock) link;
	struct wire_lock what;
	char id[TEXT_STR_MAX +
		1];	  /* of the order to set it; "": nobody waits for what came of it */
	uint64_t version; /* of the statement */
	bool lifted;	  /* which says that it is lifted */
	bool listed;	  /* since begin() */
	bool held;	  /* sessd has it, just so */
	json_t *outcomes; /* it is being set */
	bool dying;	  /* it is to go when it has been */
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
		if (!f->dying && strcmp(f->what.kind, kind) == 0 && strcmp(f->what.name, name) == 0)
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
	if (f->dying)
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

/* Somebody may have taken it out of the store: it is not lifted by that. */
static void warn_of_lack(struct agent *a, const struct wire_locked *has)
{
	struct edition *known = editions_find(&a->editions, has->kind, has->name);

	if (has->expires_at != 0 || (known != NULL && known->warned))
		return;
	if (known != NULL)
		known->warned = true;
	log_warning("the store has nothing of the fleet's lock of %s %s: it holds on, until it is "
		    "lifted with sessctl unlock --fleet",
		has->kind, has->name);
}

static void judge(struct agent *a, const struct wire_locked *has)
{
	struct fleet_lock *f = find(a, has->kind, has->name);
	const struct edition *known = editions_find(&a->editions, has->kind, has->name);
	struct wire_unlock lift = {.fleet = true, .by = "fleet"};

	if (f != NULL && !f->lifted)
		f->held = has->fleet && is_same(&f->what, has);
	if (!has->fleet || (f != NULL && !f->lifted))
		return;
	if (f == NULL && (known == NULL || !known->lifted)) {
		warn_of_lack(a, has);
		return;
	}
	if (f != NULL)
		memcpy(lift.by, f->what.by, sizeof(lift.by));
	memcpy(lift.kind, has->kind, sizeof(lift.kind));
	memcpy(lift.name, has->name, sizeof(lift.name));
	if (link_ask(&a->hand, WIRE_unlock, &lift, on_lifted, a) == 0)
		a->locks->asked++;
	else
		a->locks->again = true;
}

/* How long it lasts is counted here, from when it was seen first. False: it has run out. */
static bool lasts_yet(const struct agent *a, struct fleet_lock *f)
{
	const struct edition *known = editions_find(&a->editions, f->what.kind, f->what.name);
	uint64_t now = clock_wall();

	if (known == NULL || known->expires == 0)
		return true;
	if (now >= known->expires)
		return false;
	f->what.lasts = known->expires - now;
	return true;
}

static void set_all(struct agent *a)
{
	struct fleet_lock *f;

	LIST_FOREACH (f, &a->locks->list, link) {
		if (f->held || f->lifted || f->dying || f->outcomes != NULL || !lasts_yet(a, f))
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

static void forget(struct fleet_lock *f)
{
	/* sessd's answer names it yet */
	f->dying = true;
	if (f->outcomes == NULL)
		fleet_lock_free(f);
}

static void read_lock(const struct statement *s, struct fleet_lock *f)
{
	struct wire_lock *what = &f->what;
	char who[TEXT_STR_MAX + 1];

	reply_text(s->text, "message", what->message, sizeof(what->message));
	reply_text(s->text, "text", what->text, sizeof(what->text));
	reply_text(s->text, "by", who, sizeof(who));
	reply_text(s->text, "order", f->id, sizeof(f->id));
	authority_by(s->by->name, who, what->by);
	what->even_breakglass = reply_bool(s->text, "even_breakglass");
	what->fleet = true;
	what->id = (struct opt_uid){.set = false};
	if (json_object_get(s->text, "uid") != NULL)
		what->id = (struct opt_uid){
			.set = true, .uid = (uint32_t)reply_number(s->text, "uid")};
	f->version = reply_number(s->text, "version");
	f->lifted = reply_bool(s->text, "lifted");
}

/* What was said of it last, with room for something new. NULL: there is no room. */
static struct fleet_lock *room(struct agent *a, const char *kind, const char *name)
{
	struct fleet_lock *f = find(a, kind, name);

	/* what is being set now is another one */
	if (f != NULL && f->outcomes != NULL) {
		forget(f);
		f = NULL;
	}
	if (f != NULL)
		return f;
	f = a->locks->n < LOCKS_MAX ? calloc(1, sizeof(*f)) : NULL;
	if (f == NULL) {
		log_error("lock of %s %s finds no room", kind, name);
		return NULL;
	}
	f->agent = a;
	memcpy(f->what.kind, kind, sizeof(f->what.kind));
	memcpy(f->what.name, name, sizeof(f->what.name));
	LIST_INSERT_HEAD(&a->locks->list, f, link);
	a->locks->n++;
	return f;
}

/* The newest that was seen is remembered before anything is done about it. */
static void remember(struct agent *a, const struct statement *s, const char *kind, const char *name)
{
	struct edition seen = {.version = reply_number(s->text, "version"),
		.lifted = reply_bool(s->text, "lifted")};
	uint64_t lasts = reply_number(s->text, "lasts");
	int r;

	if (lasts > 0 && lasts <= DURATION_MAX)
		seen.expires = clock_wall() + lasts;
	snprintf(seen.kind, sizeof(seen.kind), "%.15s", kind);
	snprintf(seen.name, sizeof(seen.name), "%.255s", name);
	r = editions_take(&a->editions, &seen);
	if (r < 0)
		log_error("which lock of %s %s was the last cannot be remembered: %s", kind, name,
			strerror(-r));
}

static const char *what_is_wrong(enum statement_verdict verdict, const struct statement *s)
{
	if (verdict != STATEMENT_GENUINE)
		return statement_words(verdict);
	if (!(s->by->may & RIGHT_LOCK))
		return "its key may not lock";
	return reply_number(s->text, "version") == 0 ? "it has no version" : NULL;
}

/* Who set it waits for what came of it. */
static void tell_refused(struct agent *a, const struct statement *s, const char *why)
{
	char id[SID_HEX + 1];
	struct sid ignored;

	reply_text(s->text, "order", id, sizeof(id));
	if (sid_parse(id, &ignored))
		(void)etcd_start(
			a->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
					 .path = ETCD_TXN,
					 .body = order_result(
						 a, id, json_pack("[{s:s}]", "refused", why), NULL),
					 .deadline = clock_boot() + TIMEOUT,
					 .done = on_told,
					 .ctx = a});
}

static void take(struct agent *a, const struct statement *s, const char *kind, const char *name)
{
	const struct edition *known = editions_find(&a->editions, kind, name);
	uint64_t version = reply_number(s->text, "version");
	struct fleet_lock *f = find(a, kind, name);
	char title[300];

	if (known != NULL && version < known->version) {
		snprintf(title, sizeof(title), "lock of %.15s %.255s", kind, name);
		refusal_tell(a, s->by, title, "it is older than what was seen of it last");
		tell_refused(a, s, "it is older than what was seen of it last");
		return;
	}
	if (f == NULL || f->version != version) {
		if (known == NULL || version > known->version)
			remember(a, s, kind, name);
		f = room(a, kind, name);
		if (f == NULL)
			return;
		read_lock(s, f);
	}
	f->listed = true;
}

static void put(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1], title[300];
	struct statement s = {.text = NULL};
	const char *why;

	/* sessd has no other kinds */
	if (!key_parse(kv->key, kv->key_len, KEY_LOCK, 2, parts) ||
		strlen(parts[0]) >= sizeof(((struct edition *)0)->kind))
		return;
	why = what_is_wrong(
		statement_open(kv->value, kv->value_len, kv->key, &a->o.authority->signers, &s),
		&s);
	if (why != NULL) {
		snprintf(title, sizeof(title), "lock of %.15s %.255s", parts[0], parts[1]);
		refusal_tell(a, s.by, title, why);
		if (s.text != NULL)
			tell_refused(a, &s, why);
	} else {
		take(a, &s, parts[0], parts[1]);
	}
	statement_fini(&s);
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
		forget(f);
	compare(a);
}

static void listed(void *ctx)
{
	struct agent *a = ctx;
	struct fleet_lock *f, *next;

	for (f = LIST_FIRST(&a->locks->list); f != NULL; f = next) {
		next = LIST_NEXT(f, link);
		if (!f->listed && !f->dying)
			forget(f);
	}
	a->locks->complete = true;
	compare(a);
}

static void watch(struct agent *a)
{
	struct watch_options options = {
		.begin = begin, .put = put, .gone = gone, .listed = listed, .ctx = a};

	memcpy(options.under.s, KEY_LOCK, sizeof(KEY_LOCK));
	watch_start(&a->lock_watch, a->etcd, &a->timers, &options);
}

int locks_start(struct agent *a)
{
	a->locks = calloc(1, sizeof(*a->locks));
	if (a->locks == NULL)
		return -ENOMEM;
	watch(a);
	return 0;
}

void locks_again(struct agent *a)
{
	watch_stop(&a->lock_watch);
	watch(a);
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
