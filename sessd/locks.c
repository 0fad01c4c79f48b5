/*
 * Locks: a standing denial. The list here is the truth of a daemon that runs, the ledger's rows
 * that of its next start, and the files of LOCK_FOLDER (lockdir.c) are for the module. Whom they
 * hit is in denial.c.
 *
 * A lock is in its file before it is on disk, and on disk before who set it is answered. What a
 * crash leaves between is a lock that nobody was told of, never one that was told of and is lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* Somebody who waits for a lock, or the end of one, to be on disk. */
struct lock_order {
	struct core *core;
	struct revocation *revocation;
	LIST_ENTRY(lock_order) link;
};

static char *title_of(const struct lock *lock, char *out)
{
	return lock_title(lock->what.kind, lock->what.name, out);
}

const struct lock *locks_by_id(const struct core *core, uint64_t id)
{
	struct hash_link *l = hash_first(&core->locks.by_id, hash_mix(id));

	return l != NULL ? container_of(l, struct lock, by_id) : NULL;
}

struct lock *locks_by_name(const struct core *core, const char *kind, const char *name, bool fleet)
{
	struct lock *lock;

	TAILQ_FOREACH (lock, &core->locks.list, link)
		if (lock->what.fleet == fleet && strcmp(lock->what.kind, kind) == 0 &&
			strcmp(lock->what.name, name) == 0)
			return lock;
	return NULL;
}

/* What the event says in words: why, what is told to whom it hits, whether it spares nobody. */
static void entry_words(struct entry *e, const struct wire_locked *lock)
{
	snprintf(e->text, sizeof(e->text), "%s%s%s%s%s", lock->text,
		lock->message[0] != '\0' ? (lock->text[0] != '\0' ? "; message: " : "message: ")
					 : "",
		lock->message,
		lock->even_breakglass && (lock->text[0] != '\0' || lock->message[0] != '\0') ? "; "
											     : "",
		lock->even_breakglass ? "even break-glass" : "");
}

void locks_record(struct core *core, const struct lock *lock, enum entry_kind kind,
	const struct caller *by, ledger_done_fn *done, void *ctx)
{
	struct ledger_row row = {.lock = true,
		.id = lock->id,
		.live = kind == ENTRY_LOCK_SET,
		.uid = LEDGER_ALL_UIDS,
		.record = core->record};
	char title[LOCK_TITLE];
	struct entry e;
	int r;

	entry_init(&e, kind, clock_wall());
	snprintf(e.lock, sizeof(e.lock), "%s", title_of(lock, title));
	entry_words(&e, &lock->what);
	e.expires_at = lock->what.expires_at;
	if (by != NULL)
		caller_name(core, by, e.by, sizeof(e.by), &e.by_sid);
	else if (kind == ENTRY_LOCK_SET)
		snprintf(e.by, sizeof(e.by), "%s", lock->what.by);
	r = wire_encode(WIRE_locked, 0, &lock->what, core->record, sizeof(core->record), &row.len);
	if (r == 0)
		r = ledger_append(core->parts.ledger, &e, LEDGER_ALL_UIDS, &row, done, ctx);
	if (r < 0) {
		log_error("%s of %s: not recorded: %s", entry_name(kind), title, strerror(-r));
		if (done != NULL)
			done(ctx, r);
	}
}

static void arm(struct core *core);

static void drop(struct core *core, struct lock *lock, enum entry_kind kind,
	const struct caller *by, ledger_done_fn *done, void *ctx)
{
	char title[LOCK_TITLE];

	log_info("%s %s", title_of(lock, title),
		kind == ENTRY_LOCK_LIFTED ? "is unlocked" : "is locked no more");
	lockdir_remove(core, &lock->what);
	TAILQ_REMOVE(&core->locks.list, lock, link);
	hash_remove(&core->locks.by_id, &lock->by_id);
	core->locks.n--;
	locks_record(core, lock, kind, by, done, ctx);
	free(lock);
	arm(core);
}

static void expire(void *ctx)
{
	struct core *core = ctx;
	uint64_t wall = clock_wall(), boot = clock_boot();
	struct lock *lock, *next;

	for (lock = TAILQ_FIRST(&core->locks.list); lock != NULL; lock = next) {
		next = TAILQ_NEXT(lock, link);
		if (lock_over(&lock->what, core->parts.boot_id, wall, boot))
			drop(core, lock, ENTRY_LOCK_EXPIRED, NULL, NULL, NULL);
	}
	arm(core);
}

/* For the first one that runs out. */
static void arm(struct core *core)
{
	uint64_t first = UINT64_MAX;
	const struct lock *lock;

	TAILQ_FOREACH (lock, &core->locks.list, link)
		if (lock->what.deadline != 0 && lock->what.deadline < first)
			first = lock->what.deadline;
	if (first == UINT64_MAX)
		loop_timer_cancel(core->parts.loop, &core->locks.due);
	else if (loop_timer_set(core->parts.loop, &core->locks.due, first, expire, core) < 0)
		log_error("out of memory: locks do not run out in time");
}

struct lock *locks_put(struct core *core, const struct wire_locked *what, uint64_t id)
{
	struct lock *lock = locks_by_name(core, what->kind, what->name, what->fleet);

	if (lock == NULL) {
		if (core->locks.n >= LOCK_MAX || hash_reserve(&core->locks.by_id) < 0)
			return NULL;
		lock = calloc(1, sizeof(*lock));
		if (lock == NULL)
			return NULL;
		lock->id = id != 0 ? id : ++core->locks.last_id;
		TAILQ_INSERT_TAIL(&core->locks.list, lock, link);
		hash_put(&core->locks.by_id, &lock->by_id, hash_mix(lock->id));
		core->locks.n++;
	}
	lock->what = *what;
	arm(core);
	return lock;
}

/* --- Orders --- */

static void order_committed(void *ctx, int result)
{
	struct lock_order *order = ctx;

	LIST_REMOVE(order, link);
	if (result < 0)
		revocation_fail(order->revocation,
			"it holds, but the ledger cannot be written: a reboot may lose it");
	revocation_release(order->revocation);
	free(order);
}

static struct lock_order *order_new(struct core *core, struct answer *answer)
{
	struct lock_order *order = calloc(1, sizeof(*order));

	if (order == NULL)
		return NULL;
	order->core = core;
	order->revocation = revocation_new(answer);
	if (order->revocation == NULL) {
		free(order);
		return NULL;
	}
	LIST_INSERT_HEAD(&core->locks.orders, order, link);
	return order;
}

/* What is asked for, as it will stand. NULL, or what is wrong with it. */
static const char *lock_of_request(
	struct core *core, const struct event *event, struct wire_locked *ret)
{
	const struct wire_lock *req = event->u.lock;
	const char *wrong;
	struct sid ignored;

	*ret = (struct wire_locked){.id = req->id,
		.even_breakglass = req->even_breakglass,
		.set_at = clock_wall(),
		.fleet = req->fleet,
		.version = req->version};
	memcpy(ret->kind, req->kind, sizeof(ret->kind));
	memcpy(ret->name, req->name, sizeof(ret->name));
	memcpy(ret->message, req->message, sizeof(ret->message));
	memcpy(ret->text, req->text, sizeof(ret->text));
	caller_name(core, event->caller, ret->by, sizeof(ret->by), &ignored);
	wrong = lock_check(ret->kind, ret->name, &ret->id);
	if (wrong != NULL)
		return wrong;
	if (req->lasts > DURATION_MAX)
		return "no lock lasts that long; leave the time out";
	if (req->lasts > 0) {
		ret->expires_at = ret->set_at + req->lasts;
		ret->deadline = clock_boot() + req->lasts;
		snprintf(ret->boot_id, sizeof(ret->boot_id), "%s", core->parts.boot_id);
	}
	return NULL;
}

void locks_set(struct core *core, const struct event *event)
{
	struct lock_order *order;
	struct wire_locked what;
	struct revocation *r;
	struct lock *lock;
	const char *wrong;
	int rc;

	if (!event->caller->admin) {
		answer_error(event->answer, WIRE_E_NOT_PERMITTED, NULL);
		return;
	}
	wrong = lock_of_request(core, event, &what);
	if (wrong != NULL) {
		answer_error(event->answer, WIRE_E_INVALID, wrong);
		return;
	}
	if (core->locks.n >= LOCK_MAX &&
		locks_by_name(core, what.kind, what.name, what.fleet) == NULL) {
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "there are too many locks");
		return;
	}
	rc = lockdir_write(core, &what);
	if (rc < 0) {
		log_error("%s %s: its file cannot be written: %s", what.kind, what.name,
			strerror(-rc));
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "its file cannot be written");
		return;
	}
	order = order_new(core, event->answer);
	lock = order != NULL ? locks_put(core, &what, 0) : NULL;
	if (lock == NULL) {
		if (locks_by_name(core, what.kind, what.name, what.fleet) == NULL)
			lockdir_remove(core, &what);
		if (order != NULL) {
			LIST_REMOVE(order, link);
			free(order->revocation);
			free(order);
		}
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	log_info("%s %s is locked by %s", what.kind, what.name, what.by);
	r = order->revocation;
	revocation_hold(r);
	locks_record(core, lock, ENTRY_LOCK_SET, event->caller, order_committed, order);
	denial_enforce(core, lock, event->caller, r);
	revocation_release(r);
}

void locks_lift(struct core *core, const struct event *event)
{
	const struct wire_unlock *req = event->u.unlock;
	char name[TEXT_STR_MAX + 1];
	const struct opt_uid any = {.set = true};
	struct lock_order *order;
	struct lock *lock;
	const char *wrong;

	if (!event->caller->admin) {
		answer_error(event->answer, WIRE_E_NOT_PERMITTED, NULL);
		return;
	}
	memcpy(name, req->name, sizeof(name));
	wrong = lock_check(req->kind, name, &any);
	lock = wrong == NULL ? locks_by_name(core, req->kind, name, req->fleet) : NULL;
	if (wrong == NULL && lock == NULL &&
		locks_by_name(core, req->kind, name, !req->fleet) != NULL)
		wrong = req->fleet ? "it is a lock of this host alone"
				   : "it is a lock of the fleet; lift it with --fleet";
	if (lock == NULL) {
		answer_error(event->answer, wrong ? WIRE_E_INVALID : WIRE_E_NO_SESSION,
			wrong ? wrong : "there is no such lock");
		return;
	}
	order = order_new(core, event->answer);
	if (order == NULL)
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "out of memory");
	else
		drop(core, lock, ENTRY_LOCK_LIFTED, event->caller, order_committed, order);
}

const struct wire_locked *core_lock_next(const struct core *core, uint64_t *cursor)
{
	const struct lock *lock;

	TAILQ_FOREACH (lock, &core->locks.list, link)
		if (lock->id > *cursor) {
			*cursor = lock->id;
			return &lock->what;
		}
	return NULL;
}

/* --- Start and end --- */

static int load_lock(void *ctx, uint64_t id, const uint8_t *record, size_t len)
{
	struct core *core = ctx;
	struct wire_frame frame;
	struct wire_locked *what = &frame.u.locked;

	if (wire_decode(record, len, &frame) < 0 || frame.type != WIRE_locked ||
		lock_check(what->kind, what->name, &what->id) != NULL) {
		log_error("ledger: the row of lock %llu is malformed and is passed over",
			(unsigned long long)id);
		return 0;
	}
	if (locks_put(core, what, id) == NULL)
		log_error("ledger: lock %llu finds no room", (unsigned long long)id);
	return 0;
}

int locks_load(struct core *core)
{
	core->locks.last_id = ledger_last_lock(core->parts.ledger);
	return ledger_load_locks(core->parts.ledger, load_lock, core);
}

void locks_set_deadline(const struct core *core, struct wire_locked *what)
{
	uint64_t wall = clock_wall();

	if (what->expires_at == 0 || strcmp(what->boot_id, core->parts.boot_id) == 0)
		return;
	what->deadline = clock_boot() + (what->expires_at > wall ? what->expires_at - wall : 0);
	snprintf(what->boot_id, sizeof(what->boot_id), "%s", core->parts.boot_id);
}

int locks_start(struct core *core)
{
	struct lock *lock;
	int r, rc;

	r = lockdir_open(core);
	if (r < 0)
		return r;
	if (core->locks.folder >= 0)
		lockdir_read(core);
	TAILQ_FOREACH (lock, &core->locks.list, link) {
		locks_set_deadline(core, &lock->what);
	}
	expire(core);
	TAILQ_FOREACH (lock, &core->locks.list, link) {
		rc = lockdir_write(core, &lock->what);
		if (rc < 0)
			log_error("%s %s: its file cannot be written: %s", lock->what.kind,
				lock->what.name, strerror(-rc));
	}
	return 0;
}

void locks_init(struct core *core)
{
	TAILQ_INIT(&core->locks.list);
	core->locks.folder = core->locks.inotify = -1;
}

void locks_fini(struct core *core)
{
	struct lock_order *order;
	struct lock *lock;

	while ((order = LIST_FIRST(&core->locks.orders)) != NULL) {
		LIST_REMOVE(order, link);
		revocation_forget(order->revocation);
		free(order);
	}
	while ((lock = TAILQ_FIRST(&core->locks.list)) != NULL) {
		TAILQ_REMOVE(&core->locks.list, lock, link);
		hash_remove(&core->locks.by_id, &lock->by_id);
		free(lock);
	}
	hash_fini(&core->locks.by_id);
	loop_timer_cancel(core->parts.loop, &core->locks.due);
	lockdir_close(core);
}
