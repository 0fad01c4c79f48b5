/*
 * The fleet's locks. What the store says of them is read by decree.c; here sessd is asked which it
 * has, and what differs is set and lifted. That is done anew whenever one of the two may have
 * changed. A lock is lifted by a statement that says so, never because the store lacks it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/lock.h"
#include "fleet/result.h"

#define TIMEOUT (5 * NS_PER_SEC)
#define REST	(500 * NS_PER_MS)
/* What sessd refuses is tried again after REST, twice that, and so on, this often doubled. */
#define DOUBLED 9
/* For room that others want to have, too. */
#define RELIST (5 * NS_PER_SEC)

static void compare(struct agent *a);

static void compare_again(void *ctx)
{
	compare(ctx);
}

static void compare_by(struct agent *a, uint64_t at)
{
	struct timer *timer = &a->locks->timer;

	if (!timer->set || at < timer->at)
		timer_set(&a->timers, timer, at, compare_again, a);
}

static void compare_later(struct agent *a)
{
	compare_by(a, clock_boot() + timer_jitter(REST));
}

static void list_again(void *ctx)
{
	locks_again(ctx);
}

void lock_gives_way(struct agent *a)
{
	struct locks *locks = a->locks;

	if (locks->overfull && !locks->relist.set)
		timer_set(&a->timers, &locks->relist, clock_boot() + timer_jitter(RELIST),
			list_again, a);
}

static void fleet_lock_free(struct fleet_lock *f)
{
	struct agent *a = f->agent;

	LIST_REMOVE(f, link);
	a->locks->n--;
	json_decref(f->outcomes);
	free(f);
	lock_gives_way(a);
}

struct fleet_lock *lock_find(const struct agent *a, const char *kind, const char *name)
{
	struct fleet_lock *f;

	LIST_FOREACH (f, &a->locks->list, link)
		if (!f->dying && strcmp(f->what.kind, kind) == 0 && strcmp(f->what.name, name) == 0)
			return f;
	return NULL;
}

void lock_forget(struct fleet_lock *f)
{
	/* sessd's answer names it yet */
	f->dying = true;
	if (f->outcomes == NULL)
		fleet_lock_free(f);
}

/* That a lock is lifted is remembered (edition.c) also without one in the list. */
static bool make_room(struct agent *a)
{
	struct fleet_lock *f;

	if (a->locks->n < LOCKS_MAX)
		return true;
	LIST_FOREACH (f, &a->locks->list, link)
		if (f->lifted && f->outcomes == NULL) {
			fleet_lock_free(f);
			return true;
		}
	return false;
}

struct fleet_lock *lock_room(struct agent *a, const char *kind, const char *name)
{
	struct fleet_lock *f = lock_find(a, kind, name);

	/* what is being set now is another one */
	if (f != NULL && f->outcomes != NULL) {
		lock_forget(f);
		f = NULL;
	}
	if (f != NULL)
		return f;
	f = make_room(a) ? calloc(1, sizeof(*f)) : NULL;
	if (f == NULL) {
		a->locks->overfull = true;
		return NULL;
	}
	f->agent = a;
	memcpy(f->what.kind, kind, sizeof(f->what.kind));
	memcpy(f->what.name, name, sizeof(f->what.name));
	LIST_INSERT_HEAD(&a->locks->list, f, link);
	a->locks->n++;
	return f;
}

/* What the newest edition of each lock is, before anything is done about it. */
static void remember(struct agent *a)
{
	int r = editions_keep(&a->editions);

	if (r < 0)
		log_error("which locks were the last cannot be remembered: %s", strerror(-r));
}

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

void lock_tell(struct agent *a, const char *id, json_t *outcomes)
{
	(void)etcd_start(a->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
					  .path = ETCD_TXN,
					  .body = order_result(a, id, outcomes, NULL),
					  .deadline = clock_boot() + TIMEOUT,
					  .done = on_told,
					  .ctx = a});
}

/* Who waits for it is told at once, and the log once, however often it is tried. */
static void refused(struct fleet_lock *f, const char *why)
{
	unsigned doubled = f->failures < DOUBLED ? f->failures : DOUBLED;

	if (f->failures++ == 0)
		log_warning("lock of %s %s: sessd: %s", f->what.kind, f->what.name, why);
	if (f->id[0] != '\0')
		lock_tell(f->agent, f->id, json_pack("[{s:s}]", "refused", why));
	f->id[0] = '\0';
	f->rest_until = clock_boot() + timer_jitter(REST << doubled);
	compare_by(f->agent, f->rest_until);
}

static void has_set(struct fleet_lock *f)
{
	if (f->failures > 0)
		log_info("lock of %s %s: sessd has set it now", f->what.kind, f->what.name);
	f->failures = 0;
	f->rest_until = 0;
	if (f->id[0] != '\0')
		lock_tell(f->agent, f->id, json_incref(f->outcomes));
	f->id[0] = '\0';
}

static void on_set(void *ctx, const struct wire_frame *frame)
{
	struct fleet_lock *f = ctx;
	struct agent *a = f->agent;

	if (frame != NULL && frame->type == WIRE_outcome)
		result_add(f->outcomes, &frame->u.outcome);
	if (frame != NULL && frame->type != WIRE_done && frame->type != WIRE_error)
		return;
	f->unheard = frame == NULL;
	if (frame != NULL && frame->type == WIRE_done)
		has_set(f);
	else if (frame != NULL)
		refused(f, frame->u.error.text);
	json_decref(f->outcomes);
	f->outcomes = NULL;
	if (f->dying)
		fleet_lock_free(f);
	answered(a, frame == NULL);
}

/* sessd may have room for what it has refused. */
static void try_refused(struct locks *locks)
{
	struct fleet_lock *f;

	LIST_FOREACH (f, &locks->list, link) {
		if (f->rest_until != 0)
			locks->again = true;
		f->rest_until = 0;
	}
}

static void on_lifted(void *ctx, const struct wire_frame *frame)
{
	struct agent *a = ctx;

	/* that there is none any more is what is wanted */
	if (frame != NULL)
		try_refused(a->locks);
	answered(a, frame == NULL);
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
	struct fleet_lock *f = lock_find(a, has->kind, has->name);
	const struct edition *known = editions_find(&a->editions, has->kind, has->name);
	struct wire_unlock lift = {.fleet = true, .by = "fleet"};

	/* a lock of this host alone is no concern of the fleet's */
	if (!has->fleet)
		return;
	if (f != NULL && !f->lifted) {
		f->held = has->version == f->version;
		return;
	}
	if (f == NULL && (known == NULL || !known->lifted)) {
		warn_of_lack(a, has);
		return;
	}
	if (f != NULL)
		memcpy(lift.by, f->what.by, sizeof(lift.by));
	memcpy(lift.kind, has->kind, sizeof(lift.kind));
	memcpy(lift.name, has->name, sizeof(lift.name));
	remember(a);
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

	f->what.lasts = 0;
	if (known == NULL || known->expires == 0)
		return true;
	if (now >= known->expires)
		return false;
	f->what.lasts = known->expires - now;
	return true;
}

/* What sessd has is set once more where somebody waits for what comes of it, and nobody heard. */
static bool is_due(const struct agent *a, struct fleet_lock *f)
{
	bool done = f->held && !(f->unheard && f->id[0] != '\0');

	return !done && !f->lifted && !f->dying && f->outcomes == NULL && lasts_yet(a, f);
}

static void set(struct agent *a, struct fleet_lock *f)
{
	f->what.version = f->version;
	f->outcomes = json_array();
	if (f->outcomes != NULL && link_ask(&a->hand, WIRE_lock, &f->what, on_set, f) == 0) {
		a->locks->asked++;
		return;
	}
	json_decref(f->outcomes);
	f->outcomes = NULL;
	a->locks->again = true;
}

static void set_all(struct agent *a)
{
	uint64_t now = clock_boot();
	struct fleet_lock *f;

	remember(a);
	LIST_FOREACH (f, &a->locks->list, link) {
		if (!is_due(a, f))
			continue;
		if (f->rest_until > now)
			compare_by(a, f->rest_until);
		else
			set(a, f);
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
	remember(a);
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

int locks_start(struct agent *a)
{
	a->locks = calloc(1, sizeof(*a->locks));
	if (a->locks == NULL)
		return -ENOMEM;
	decrees_watch(a);
	return 0;
}

void locks_stop(struct agent *a)
{
	struct locks *locks = a->locks;

	if (locks == NULL)
		return;
	remember(a);
	watch_stop(&a->lock_watch);
	while (!LIST_EMPTY(&locks->list))
		fleet_lock_free(LIST_FIRST(&locks->list));
	timer_cancel(&locks->timer);
	timer_cancel(&locks->relist);
	free(locks);
	a->locks = NULL;
}
