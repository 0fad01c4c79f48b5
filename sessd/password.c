/*
 * A password was changed: whoever knew the old one has no session any more. The user's other
 * sessions end, and what outlived former ones; the one from which it was changed goes on, for there
 * the new one is known. As with `sessctl revoke --user`, cron jobs are spared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* A change that waits for the ledger, and whose answer waits for that. */
struct password {
	struct revocation *revocation;
	LIST_ENTRY(password) link; /* core.passwords */
};

struct whose {
	uid_t uid;
	char user[TEXT_STR_MAX + 1];
	struct origin origin;
};

static bool is_meant(const struct whose *whose, const struct session *s)
{
	return s->class != CLASS_BACKGROUND &&
	       (s->uid == whose->uid || strcmp(text_or_empty(s->user), whose->user) == 0) &&
	       !origin_is(&whose->origin, s);
}

static bool means(
	struct core *core, const void *whom, const struct session *s, struct revocation *r)
{
	(void)core;
	(void)r;
	return is_meant(whom, s);
}

void password_forget(struct core *core)
{
	struct password *p;

	while ((p = LIST_FIRST(&core->passwords)) != NULL) {
		LIST_REMOVE(p, link);
		revocation_forget(p->revocation);
		free(p);
	}
}

static void recorded(void *ctx, int result)
{
	struct password *p = ctx;

	LIST_REMOVE(p, link);
	if (result < 0)
		revocation_fail(p->revocation, "the ledger cannot be written");
	revocation_release(p->revocation);
	free(p);
}

static void record(struct core *core, const struct whose *whose, const struct remark *remark,
	uint64_t count, struct password *p)
{
	struct entry e;
	int r;

	entry_init(&e, ENTRY_PASSWORD_CHANGED, clock_wall());
	e.uid = (struct opt_uid){.set = true, .uid = whose->uid};
	e.count = count;
	memcpy(e.user, whose->user, sizeof(e.user));
	snprintf(e.text, sizeof(e.text), "%s", text_or_empty(remark->text));
	caller_name(core, remark->by, e.by, sizeof(e.by), &e.by_sid);
	r = ledger_append(core->parts.ledger, &e, whose->uid, NULL, recorded, p);
	if (r < 0) {
		log_error("%s of %s (uid %u): not recorded: %s", e.event, whose->user,
			(unsigned)whose->uid, strerror(-r));
		recorded(p, r);
	}
}

/* Of those that live: what is ending already needs no order. */
static uint64_t count_live(const struct core *core, const struct whose *whose)
{
	const struct session *s;
	uint32_t slot = 0;
	uint64_t n = 0;

	while ((s = session_next(&core->table, &slot)) != NULL)
		n += s->phase == PHASE_ACTIVE && is_meant(whose, s);
	return n;
}

static struct password *password_new(struct core *core, struct answer *answer)
{
	struct password *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->revocation = revocation_new(answer);
	if (p->revocation == NULL) {
		free(p);
		return NULL;
	}
	revocation_be_brief(p->revocation);
	LIST_INSERT_HEAD(&core->passwords, p, link);
	return p;
}

/* remark: by whom. */
static void end_others(struct core *core, const struct whose *whose, const struct remark *remark,
	struct revocation *r)
{
	struct hunt *hunt = hunt_new(core, &(struct hunt_order){.reason = REASON_PASSWORD_CHANGED,
						   .remark = remark,
						   .spare_audit = whose->origin.audit_session});

	if (hunt != NULL)
		hunt_add(hunt, whose->uid, whose->user);
	round_begin(core,
		&(struct round_order){.reason = REASON_PASSWORD_CHANGED,
			.remark = remark,
			.means = means,
			.whom = whose,
			.size = sizeof(*whose),
			.hunts = true,
			.hunt = hunt},
		r);
}

void password_changed(struct core *core, const struct event *event)
{
	const struct wire_password *req = event->u.password;
	const struct caller gone = {.pidfd = -1,
		.audit_session =
			req->audit_session != 0 ? (uint32_t)req->audit_session : PROC_NO_AUDIT};
	struct remark remark = {.by = event->caller};
	struct whose whose = {.uid = (uid_t)req->uid};
	struct password *p = password_new(core, event->answer);
	struct revocation *r;

	if (p == NULL) {
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	if (remark.by == NULL) {
		remark.by = &gone;
		remark.text = "while sessd was not available";
	}
	memcpy(whose.user, req->user, sizeof(whose.user));
	origin_of(remark.by, &whose.origin);
	r = p->revocation;
	revocation_hold(r);
	record(core, &whose, &remark, count_live(core, &whose), p);
	end_others(core, &whose, &remark, r);
	revocation_release(r);
}
