/*
 * Locks: a standing denial. The list here is the truth of a daemon that runs, the ledger's rows
 * that of its next start, and the files of LOCK_FOLDER are for the module, which reads them while
 * no daemon answers. A file that appears there and is not known was put there by root while the
 * daemon was away: it is taken over.
 *
 * A lock is in its file before it is on disk, and on disk before who set it is answered. What a
 * crash leaves between is a lock that nobody was told of, never one that was told of and is lost.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

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

static struct lock *find(const struct core *core, const char *kind, const char *name)
{
	struct lock *lock;

	TAILQ_FOREACH (lock, &core->locks.list, link)
		if (strcmp(lock->what.kind, kind) == 0 && strcmp(lock->what.name, name) == 0)
			return lock;
	return NULL;
}

/* A member of the break-glass group, root at the console, and who becomes root by su or sudo: a
 * lock does not hit them by accident. */
static bool spares(const struct core *core, const struct lock *lock,
	const struct lock_subject *subject, const char *service, enum session_class class)
{
	gid_t gid = core->parts.config->breakglass_gid;
	size_t i;

	if (lock->what.even_breakglass)
		return false;
	if (subject->uid == 0 && (class == CLASS_ELEVATION || (strcmp(service, "login") == 0 &&
								      subject->rhost[0] == '\0')))
		return true;
	for (i = 0; gid != CONFIG_NO_GID && i < subject->n_gids; i++)
		if (subject->gids[i] == gid)
			return true;
	return false;
}

const struct wire_locked *locks_find(const struct core *core, const struct lock_subject *subject,
	const char *service, enum session_class class)
{
	uint64_t wall = clock_wall(), boot = clock_boot();
	struct lock *lock;

	if (class == CLASS_IGNORED)
		return NULL;
	TAILQ_FOREACH (lock, &core->locks.list, link)
		if (lock_hits(&lock->what, subject) &&
			!lock_over(&lock->what, core->parts.boot_id, wall, boot) &&
			!spares(core, lock, subject, service, class))
			return &lock->what;
	return NULL;
}

static void subject_of(const struct session *s, struct lock_subject *ret)
{
	*ret = (struct lock_subject){.user = text_or_empty(s->user),
		.uid = s->uid,
		.gids = s->gids,
		.n_gids = s->n_gids,
		.rhost = text_or_empty(s->rhost),
		.auth = text_or_empty(s->auth)};
}

const struct wire_locked *locks_find_session(const struct core *core, const struct session *s)
{
	struct lock_subject subject;

	subject_of(s, &subject);
	return locks_find(core, &subject, text_or_empty(s->service), s->class);
}

/* `user bob: the reason`, for the record of a session that a lock ends. */
static char *why(const struct wire_locked *lock, char out[TEXT_LONG_MAX + 1])
{
	snprintf(out, TEXT_LONG_MAX + 1, "%s %s%s%s", lock->kind, lock->name,
		lock->text[0] != '\0' ? ": " : "", lock->text);
	return out;
}

static bool hits_session(const struct core *core, const struct lock *lock, const struct session *s)
{
	struct lock_subject subject;

	subject_of(s, &subject);
	return lock_hits(&lock->what, &subject) &&
	       !spares(core, lock, &subject, text_or_empty(s->service), s->class);
}

static const struct lock *by_id(const struct core *core, uint64_t id)
{
	const struct lock *lock;

	TAILQ_FOREACH (lock, &core->locks.list, link)
		if (lock->id == id)
			return lock;
	return NULL;
}

bool locks_may_hit(const struct core *core, uint64_t id, uid_t uid)
{
	const struct lock *lock = by_id(core, id);

	if (lock == NULL)
		return false;
	return lock_kind(lock->what.kind) == LOCK_GROUP ||
	       (lock->what.id.set && lock->what.id.uid == uid);
}

/* Nobody knows where he logged in, so root is spared as at the console. */
bool locks_hits_leftover(const struct core *core, uint64_t id, const struct lock_subject *subject)
{
	const struct lock *lock = by_id(core, id);

	return lock != NULL && lock_hits(&lock->what, subject) &&
	       !spares(core, lock, subject, "login", CLASS_LOGIN);
}

/* Of a login that is over, neither source nor key is known any more. NULL: no memory. */
static struct hunt *hunt_of(struct core *core, const struct lock *lock, const struct remark *remark)
{
	struct hunt *hunt = hunt_new(core, &(struct hunt_order){.reason = REASON_LOCKED,
						   .remark = remark,
						   .cron = true,
						   .spare_audit = PROC_NO_AUDIT,
						   .lock = lock->id});

	if (hunt != NULL && lock_kind(lock->what.kind) == LOCK_USER && lock->what.id.set)
		hunt_add(hunt, lock->what.id.uid, lock->what.name);
	return hunt;
}

/* Ends the sessions that it hits, then what is left over from logins of those whom it hits. r: who
 * waits for that; NULL: no memory, so that nothing can be done when the sessions are gone. */
static void enforce(
	struct core *core, const struct lock *lock, const struct caller *by, struct revocation *r)
{
	enum lock_kind kind = lock_kind(lock->what.kind);
	bool hunts = kind == LOCK_USER || kind == LOCK_GROUP;
	char text[TEXT_LONG_MAX + 1];
	struct remark remark = {.by = by, .text = why(&lock->what, text)};
	struct hunt *hunt = hunts && r != NULL ? hunt_of(core, lock, &remark) : NULL;
	struct session *s;
	uint32_t slot = 0;

	while ((s = session_next(&core->table, &slot)) != NULL) {
		if (!hits_session(core, lock, s))
			continue;
		if (hunt != NULL && s->class != CLASS_ELEVATION)
			hunt_add(hunt, s->uid, text_or_empty(s->user));
		if (r != NULL)
			revocation_add(core, s, REASON_LOCKED, &remark, r);
		else
			ending_begin(core, s, REASON_LOCKED, &remark);
	}
	if (hunts && r != NULL)
		revocation_then(r, hunt);
}

/* The same where nobody waits for it. */
static void enforce_alone(struct core *core, const struct lock *lock)
{
	struct revocation *r = revocation_new(NULL);

	enforce(core, lock, NULL, r);
	if (r != NULL)
		revocation_release(r);
	else
		log_error("out of memory: a lock ends sessions only, and not what is left over");
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

/* Queues the entry with the lock's row. done may be NULL. */
static void append(struct core *core, const struct lock *lock, enum entry_kind kind,
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

static void remove_file(const struct core *core, const struct lock *lock)
{
	char name[LOCK_NAME_HEX + 1];

	lock_file_name(lock->what.kind, lock->what.name, name);
	if (core->locks.folder >= 0 && unlinkat(core->locks.folder, name, 0) < 0 && errno != ENOENT)
		log_error(LOCK_FOLDER "/%s cannot be removed: %s", name, strerror(errno));
}

static int write_file(const struct core *core, const struct wire_locked *what)
{
	return core->locks.folder < 0 ? 0 : lock_file_write(core->locks.folder, what);
}

static void arm(struct core *core);

static void drop(struct core *core, struct lock *lock, enum entry_kind kind,
	const struct caller *by, ledger_done_fn *done, void *ctx)
{
	char title[LOCK_TITLE];

	log_info("%s %s", title_of(lock, title),
		kind == ENTRY_LOCK_LIFTED ? "is unlocked" : "is locked no more");
	remove_file(core, lock);
	TAILQ_REMOVE(&core->locks.list, lock, link);
	core->locks.n--;
	append(core, lock, kind, by, done, ctx);
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

/* Takes it into the list, in place of one of the same name. NULL: there is no room. */
static struct lock *put(struct core *core, const struct wire_locked *what, uint64_t id)
{
	struct lock *lock = find(core, what->kind, what->name);

	if (lock == NULL) {
		lock = core->locks.n < LOCK_MAX ? calloc(1, sizeof(*lock)) : NULL;
		if (lock == NULL)
			return NULL;
		lock->id = id != 0 ? id : ++core->locks.last_id;
		TAILQ_INSERT_TAIL(&core->locks.list, lock, link);
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

	*ret = (struct wire_locked){
		.id = req->id, .even_breakglass = req->even_breakglass, .set_at = clock_wall()};
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
	rc = write_file(core, &what);
	if (rc < 0) {
		log_error("%s %s: its file cannot be written: %s", what.kind, what.name,
			strerror(-rc));
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "its file cannot be written");
		return;
	}
	order = order_new(core, event->answer);
	lock = order != NULL ? put(core, &what, 0) : NULL;
	if (lock == NULL) {
		struct lock none = {.what = what};

		if (find(core, what.kind, what.name) == NULL)
			remove_file(core, &none);
		if (order != NULL) {
			LIST_REMOVE(order, link);
			free(order->revocation);
			free(order);
		}
		answer_error(event->answer, WIRE_E_UNAVAILABLE,
			core->locks.n >= LOCK_MAX ? "there are too many locks" : "out of memory");
		return;
	}
	log_info("%s %s is locked by %s", what.kind, what.name, what.by);
	r = order->revocation;
	revocation_hold(r);
	append(core, lock, ENTRY_LOCK_SET, event->caller, order_committed, order);
	enforce(core, lock, event->caller, r);
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
	lock = wrong == NULL ? find(core, req->kind, name) : NULL;
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
	if (put(core, what, id) == NULL)
		log_error("ledger: lock %llu finds no room", (unsigned long long)id);
	return 0;
}

int locks_load(struct core *core)
{
	core->locks.last_id = ledger_last_lock(core->parts.ledger);
	return ledger_load_locks(core->parts.ledger, load_lock, core);
}

/* A deadline counts in the boot that it was set in; in a later one the wall clock says when. */
static void set_deadline(const struct core *core, struct wire_locked *what)
{
	uint64_t wall = clock_wall();

	if (what->expires_at == 0 || strcmp(what->boot_id, core->parts.boot_id) == 0)
		return;
	what->deadline = clock_boot() + (what->expires_at > wall ? what->expires_at - wall : 0);
	snprintf(what->boot_id, sizeof(what->boot_id), "%s", core->parts.boot_id);
}

/*
 * A file that was found. One of a known lock tells what its deadline in this boot is; another one
 * was put there while the daemon was away. It is the later one, whatever its time says (the clock
 * may have been set back): of each lock the file is written first, then the ledger.
 */
static void found(struct core *core, const char *name, struct wire_locked *what)
{
	struct lock *lock = find(core, what->kind, what->name);

	if (lock != NULL && what->set_at == lock->what.set_at) {
		if (strcmp(what->boot_id, core->parts.boot_id) == 0)
			lock->what = *what;
		return;
	}
	if (lock_over(what, core->parts.boot_id, clock_wall(), clock_boot())) {
		(void)unlinkat(core->locks.folder, name, 0);
		return;
	}
	set_deadline(core, what);
	lock = put(core, what, 0);
	if (lock == NULL) {
		log_error(LOCK_FOLDER "/%s: there is no room for it", name);
		return;
	}
	log_info("%s %s was locked by %s while sessd was away", what->kind, what->name, what->by);
	append(core, lock, ENTRY_LOCK_SET, NULL, NULL, NULL);
	enforce_alone(core, lock);
}

static void read_folder(struct core *core)
{
	int fd = openat(core->locks.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct wire_frame frame;
	struct wire_locked what;
	struct dirent *d;

	if (dir == NULL) {
		log_error(LOCK_FOLDER ": %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(dir)) != NULL) {
		if (!lock_file_name_valid(d->d_name))
			continue;
		r = lock_file_read(core->locks.folder, d->d_name, &frame, &what);
		if (r == 0)
			found(core, d->d_name, &what);
		else if (r != -ENOENT)
			log_error(LOCK_FOLDER "/%s is passed over: %s", d->d_name,
				r == -EBADMSG ? "it holds no lock" : strerror(-r));
	}
	closedir(dir);
}

static void folder_changed(void *ctx, uint32_t events)
{
	struct core *core = ctx;
	char buf[4096];

	(void)events;
	while (read(core->locks.inotify, buf, sizeof(buf)) > 0)
		;
	read_folder(core);
}

static int watch_folder(struct core *core, const char *path)
{
	core->locks.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (core->locks.inotify < 0 ||
		inotify_add_watch(core->locks.inotify, path, IN_MOVED_TO) < 0)
		return -errno;
	return loop_io_add(core->parts.loop, &core->locks.io, core->locks.inotify, EPOLLIN,
		folder_changed, core);
}

static int open_folder(struct core *core)
{
	char path[4096];
	int r;

	if (core->parts.runtime_dir == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s/" LOCK_FOLDER, core->parts.runtime_dir);
	r = lock_folder_open(core->parts.runtime_dir, true);
	if (r >= 0) {
		core->locks.folder = r;
		r = watch_folder(core, path);
	}
	if (r < 0)
		log_error("%s: %s%s", path, strerror(-r),
			r == -EPERM ? "; it must be owned by root and writable by nobody else"
				    : "");
	return r;
}

int locks_start(struct core *core)
{
	struct lock *lock;
	int r, rc;

	r = open_folder(core);
	if (r < 0)
		return r;
	if (core->locks.folder >= 0)
		read_folder(core);
	TAILQ_FOREACH (lock, &core->locks.list, link) {
		set_deadline(core, &lock->what);
	}
	expire(core);
	TAILQ_FOREACH (lock, &core->locks.list, link) {
		rc = write_file(core, &lock->what);
		if (rc < 0)
			log_error("%s %s: its file cannot be written: %s", lock->what.kind,
				lock->what.name, strerror(-rc));
	}
	return 0;
}

void locks_enforce(struct core *core)
{
	const struct lock *lock;

	TAILQ_FOREACH (lock, &core->locks.list, link) {
		enforce_alone(core, lock);
	}
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
		free(lock);
	}
	loop_timer_cancel(core->parts.loop, &core->locks.due);
	loop_io_remove(core->parts.loop, &core->locks.io);
	if (core->locks.inotify >= 0)
		close(core->locks.inotify);
	if (core->locks.folder >= 0)
		close(core->locks.folder);
}
