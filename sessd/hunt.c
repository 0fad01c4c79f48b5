/*
 * Looking for what outlived its session, and having it ended: the audit sessions of a user's logins
 * that no session of the table has. One reading of /proc serves all who look at that time. A hunt
 * is over when a reading finds nothing that it did not find before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/manager.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"
#include "sessd/remains.h"

/*
 * A login has its audit session a moment before it is in the table (pam_loginuid, then the modules
 * between that and ours), and in that moment only root's processes. So what is only root's is taken
 * when it was there so long ago and still has no session. The kernel counts audit sessions: what
 * has a higher number than all that were there came later.
 */
#define LOGIN_TAKES (1 * NS_PER_SEC)
#define LOOK_AGAIN  (200 * NS_PER_MS)

/* So many times as long as a reading took, none begins: anybody may ask for one, of his own. */
#define REST 4

struct owner {
	SLIST_ENTRY(owner) link;
	struct hash_link by_uid;
	uid_t uid;
	char user[];
};

struct hunt {
	LIST_ENTRY(hunt) link; /* hunts.list */
	struct core *core;
	struct revocation *revocation; /* held */
	struct entry entry;	       /* what it records, without who and which */
	/* whom it is after: of everybody's sessions, these can be many thousands */
	SLIST_HEAD(owner_list, owner) owners;
	struct hash by_uid;
	uint64_t lock; /* id; then it is after those whom that hits, and owners says their names */
	uint64_t grace;
	uint64_t due;	 /* clock_boot(): of its next reading */
	uint64_t began;	 /* the same: of its first one's end; 0: it had none */
	uint32_t newest; /* of root's alone that were there then, the highest number */
	uint32_t spare_audit;
	bool cron;
	bool reading; /* the reading that is under way is its own, too */
	bool struck;  /* it has ended something */
	bool lost;    /* an owner: no memory */
};

struct hunts {
	struct remains_look look; /* first: looked() is given it alone */
	struct core *core;
	LIST_HEAD(hunt_list, hunt) list;
	struct loop_timer timer;
	uint64_t rests; /* until then, clock_boot() */
	bool looking;
};

struct hunt *hunt_new(struct core *core, const struct hunt_order *order)
{
	const struct remark *remark = order->remark;
	struct hunt *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->core = core;
	h->lock = order->lock;
	h->grace = remark->grace;
	h->spare_audit = order->spare_audit;
	h->cron = order->cron;
	entry_init(&h->entry, ENTRY_LEFTOVERS_ENDED, 0);
	h->entry.reason = order->reason;
	if (remark->by != NULL)
		caller_name(core, remark->by, h->entry.by, sizeof(h->entry.by), &h->entry.by_sid);
	snprintf(h->entry.text, sizeof(h->entry.text), "%s", text_or_empty(remark->text));
	return h;
}

void hunt_free(struct hunt *h)
{
	struct owner *owner;

	if (h == NULL)
		return;
	while ((owner = SLIST_FIRST(&h->owners)) != NULL) {
		SLIST_REMOVE_HEAD(&h->owners, link);
		hash_remove(&h->by_uid, &owner->by_uid);
		free(owner);
	}
	hash_fini(&h->by_uid);
	free(h);
}

static const struct owner *owner_of(const struct hunt *h, uid_t uid)
{
	struct hash_link *l = hash_first(&h->by_uid, hash_mix(uid));

	return l != NULL ? container_of(l, struct owner, by_uid) : NULL;
}

void hunt_add(struct hunt *h, uid_t uid, const char *user)
{
	size_t size = strlen(user) + 1;
	struct owner *owner;

	if (owner_of(h, uid) != NULL)
		return;
	owner = hash_reserve(&h->by_uid) == 0 ? malloc(sizeof(*owner) + size) : NULL;
	if (owner == NULL) {
		h->lost = true;
		return;
	}
	owner->uid = uid;
	memcpy(owner->user, user, size);
	SLIST_INSERT_HEAD(&h->owners, owner, link);
	hash_put(&h->by_uid, &owner->by_uid, hash_mix(uid));
}

static bool wants(const struct remains_look *look, uid_t login)
{
	const struct hunts *hunts = (const struct hunts *)(const void *)look;
	const struct hunt *h;

	LIST_FOREACH (h, &hunts->list, link)
		if (h->reading &&
			(owner_of(h, login) != NULL ||
				(h->lock != 0 && denial_may_hit(h->core, h->lock, login))))
			return true;
	return false;
}

/* Is it something that the hunt is after? */
static bool is_prey(const struct hunt *h, const struct remains *m)
{
	const struct owner *owner = owner_of(h, m->login);
	struct lock_subject subject = {.user = owner ? owner->user : "",
		.uid = m->login,
		.gids = m->gids,
		.n_gids = m->n_gids,
		.rhost = "",
		.auth = ""};

	if (h->lock != 0 ? !denial_hits_leftover(h->core, h->lock, &subject) : owner == NULL)
		return false;
	if (m->audit_session == h->spare_audit || (m->cron && !h->cron))
		return false;
	/* it was told of them already */
	if (h->struck && leftovers_survive(h->core, m->audit_session))
		return false;
	return !session_owns_audit(&h->core->table, m->audit_session);
}

static void strike(struct hunt *h, const struct remains *m)
{
	const struct owner *owner = owner_of(h, m->login);
	struct entry *what = &h->entry;
	struct leftover leftover = {.audit_session = m->audit_session,
		.cgroup = m->cgroup,
		.what = what,
		.grace = h->grace};

	snprintf(what->user, sizeof(what->user), "%s", owner ? owner->user : "");
	what->uid = (struct opt_uid){.set = true, .uid = m->login};
	what->audit_session = m->audit_session;
	if (m->cgroup[0] != '\0')
		manager_unit(m->login, what->service);
	else if (m->cron)
		snprintf(what->service, sizeof(what->service), "cron");
	else
		text_escape(m->name, strlen(m->name), what->service, sizeof(what->service));
	log_info("ending what is left over from a login of uid %u (%s): %s", (unsigned)m->login,
		what->service, reason_name(what->reason));
	leftovers_end(h->core, &leftover, h->revocation);
	/* an order to revoke does not keep it from being started again */
	if (h->lock != 0 && m->cgroup[0] != '\0')
		manager_stop(h->core, m->login);
}

static void arm(struct hunts *hunts);

static void wait_again(struct hunt *h, uint64_t in)
{
	h->due = clock_boot() + in;
	LIST_INSERT_HEAD(&h->core->hunts->list, h, link);
}

enum when { NEVER, LATER, NOW };

static enum when when_to_strike(const struct hunt *h, const struct remains *m)
{
	if (!is_prey(h, m) || (m->root && m->audit_session > h->newest))
		return NEVER;
	return m->root && clock_boot() < h->began + LOGIN_TAKES ? LATER : NOW;
}

static void begin_count(struct hunt *h, const struct remains_look *look)
{
	const struct remains *m;

	h->began = clock_boot();
	LIST_FOREACH (m, &look->list, link)
		if (m->root && m->audit_session > h->newest)
			h->newest = m->audit_session;
}

/* What the reading says for this hunt; it is out of the list. */
static void judge(struct hunt *h, const struct remains_look *look, int error)
{
	struct revocation *r = h->revocation;
	const struct remains *m;
	enum when when;
	bool later = false, found = false;

	if (h->began == 0)
		begin_count(h, look);
	LIST_FOREACH (m, &look->list, link) {
		when = when_to_strike(h, m);
		later = later || when == LATER;
		found = found || when == NOW;
		if (when == NOW)
			strike(h, m);
	}
	h->struck = h->struck || found;
	if (error < 0 && clock_boot() < h->began + LOGIN_TAKES)
		later = true;
	else if (error < 0)
		revocation_fail(r, "not all processes could be looked at: some may be left over");
	if (h->lost)
		revocation_fail(r, "out of memory: not all that is left over was ended");
	if (later && !found) {
		wait_again(h, LOOK_AGAIN);
		return;
	}
	/* once more when they are gone */
	if (found)
		revocation_then(r, h);
	else
		hunt_free(h);
	revocation_release(r);
}

static void looked(struct remains_look *look, int error)
{
	struct hunts *hunts = (struct hunts *)(void *)look;
	struct hunt *h, *next;
	struct hunt_list read = LIST_HEAD_INITIALIZER(read);

	hunts->rests = clock_boot() + REST * sweep_cost(hunts->core->parts.sweep);
	if (error < 0)
		log_error("cannot read all of /proc while looking for leftovers: %s",
			strerror(-error));
	for (h = LIST_FIRST(&hunts->list); h != NULL; h = next) {
		next = LIST_NEXT(h, link);
		if (!h->reading)
			continue;
		h->reading = false;
		LIST_REMOVE(h, link);
		LIST_INSERT_HEAD(&read, h, link);
	}
	while ((h = LIST_FIRST(&read)) != NULL) {
		LIST_REMOVE(h, link);
		judge(h, look, error);
	}
	hunts->looking = false; /* not before: who begins meanwhile must not take the list away */
	arm(hunts);
}

static void begin_reading(void *ctx)
{
	struct hunts *hunts = ctx;
	uint64_t now = clock_boot();
	struct hunt *h;

	LIST_FOREACH (h, &hunts->list, link) {
		h->reading = h->due <= now;
	}
	hunts->looking = true;
	remains_want(&hunts->look);
}

/* For the first hunt that is due. */
static void arm(struct hunts *hunts)
{
	uint64_t first = UINT64_MAX;
	struct hunt *h;

	if (hunts->looking || LIST_EMPTY(&hunts->list))
		return;
	LIST_FOREACH (h, &hunts->list, link)
		if (h->due < first)
			first = h->due;
	if (first < hunts->rests)
		first = hunts->rests;
	if (loop_timer_set(hunts->core->parts.loop, &hunts->timer, first, begin_reading, hunts) < 0)
		begin_reading(hunts);
}

static struct hunts *hunts_of(struct core *core)
{
	struct hunts *hunts = core->hunts;

	if (hunts != NULL)
		return hunts;
	hunts = calloc(1, sizeof(*hunts));
	if (hunts == NULL)
		return NULL;
	hunts->core = core;
	hunts->look.wants = wants;
	hunts->look.done = looked;
	if (remains_init(&hunts->look, core->parts.sweep) < 0) {
		free(hunts);
		return NULL;
	}
	core->hunts = hunts;
	return hunts;
}

void hunt_begin(struct hunt *h, struct revocation *r)
{
	struct hunts *hunts = hunts_of(h->core);

	if (hunts == NULL || h->core->closing) {
		hunt_free(h);
		revocation_then(r, NULL);
		revocation_release(r);
		return;
	}
	h->revocation = r;
	wait_again(h, 0);
	arm(hunts);
}

void hunts_forget(struct core *core)
{
	struct hunts *hunts = core->hunts;
	struct hunt *h;

	if (hunts == NULL)
		return;
	while ((h = LIST_FIRST(&hunts->list)) != NULL) {
		LIST_REMOVE(h, link);
		revocation_forget(h->revocation);
		hunt_free(h);
	}
	loop_timer_cancel(core->parts.loop, &hunts->timer);
	remains_fini(&hunts->look);
	free(hunts);
	core->hunts = NULL;
}
