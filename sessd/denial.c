/*
 * Whom a lock hits: which login it refuses, which sessions and leftovers it ends, and who is spared
 * so that nobody locks himself out by accident.
 */
#include <stdio.h>
#include <string.h>

#include "common/manager.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* A member of the break-glass group, root at the console, who becomes root by su or sudo, and
 * root's service manager: a lock does not hit them by accident. */
static bool spares(const struct core *core, const struct lock *lock,
	const struct lock_subject *subject, const char *service, enum session_class class)
{
	gid_t gid = core->parts.config->breakglass_gid;
	size_t i;

	if (lock->what.even_breakglass)
		return false;
	if (subject->uid == 0 &&
		(class == CLASS_ELEVATION || manager_is(service) ||
			(strcmp(service, "login") == 0 && subject->rhost[0] == '\0')))
		return true;
	for (i = 0; gid != CONFIG_NO_GID && i < subject->n_gids; i++)
		if (subject->gids[i] == gid)
			return true;
	return false;
}

const struct wire_locked *denial_of_login(const struct core *core,
	const struct lock_subject *subject, const char *service, enum session_class class)
{
	uint64_t wall = clock_wall(), boot = clock_boot();
	struct lock *lock;

	/* not tracked; but a user who is locked runs nothing, and his manager needs no login */
	if (class == CLASS_IGNORED && !manager_is(service))
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

const struct wire_locked *denial_of_session(const struct core *core, const struct session *s)
{
	struct lock_subject subject;

	subject_of(s, &subject);
	return denial_of_login(core, &subject, text_or_empty(s->service), s->class);
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

bool denial_may_hit(const struct core *core, uint64_t id, uid_t uid)
{
	const struct lock *lock = locks_by_id(core, id);

	if (lock == NULL)
		return false;
	return lock_kind(lock->what.kind) == LOCK_GROUP ||
	       (lock->what.id.set && lock->what.id.uid == uid);
}

/* Nobody knows where he logged in, so root is spared as at the console. */
bool denial_hits_leftover(const struct core *core, uint64_t id, const struct lock_subject *subject)
{
	const struct lock *lock = locks_by_id(core, id);

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

/* One that was lifted meanwhile hits nobody. */
static bool means(struct core *core, const void *ctx, const struct session *s, struct revocation *r)
{
	const struct lock *lock = locks_by_id(core, *(const uint64_t *)ctx);

	(void)r;
	return lock != NULL && hits_session(core, lock, s);
}

void denial_enforce(
	struct core *core, const struct lock *lock, const struct caller *by, struct revocation *r)
{
	enum lock_kind kind = lock_kind(lock->what.kind);
	bool hunts = r != NULL && (kind == LOCK_USER || kind == LOCK_GROUP);
	char text[TEXT_LONG_MAX + 1];
	struct remark remark = {.by = by, .text = why(&lock->what, text)};

	round_begin(core,
		&(struct round_order){.reason = REASON_LOCKED,
			.remark = &remark,
			.means = means,
			.whom = &lock->id,
			.size = sizeof(lock->id),
			.hunts = hunts,
			.hunt = hunts ? hunt_of(core, lock, &remark) : NULL},
		r);
}

void denial_enforce_alone(struct core *core, const struct lock *lock)
{
	struct revocation *r = revocation_new(NULL);

	denial_enforce(core, lock, NULL, r);
	if (r != NULL)
		revocation_release(r);
	else
		log_error("out of memory: a lock ends sessions only, and not what is left over");
}

void denial_enforce_all(struct core *core)
{
	const struct lock *lock;

	TAILQ_FOREACH (lock, &core->locks.list, link) {
		denial_enforce_alone(core, lock);
	}
}
