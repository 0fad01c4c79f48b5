/*
 * A password was changed: whoever knew the old one has no session any more. The user's other
 * sessions end, and what outlived former ones; the one from which it was changed goes on, for there
 * the new one is known. As with `sessctl revoke --user`, cron jobs are spared.
 */
#include <stdio.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

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

static void recorded(void *ctx, int result)
{
	if (result < 0)
		revocation_fail(ctx, "the ledger cannot be written");
	revocation_release(ctx);
}

/* The answer waits for it. */
static void record(struct core *core, const struct whose *whose, const struct remark *remark,
	uint64_t count, struct revocation *r)
{
	struct entry e;
	int rc;

	entry_init(&e, ENTRY_PASSWORD_CHANGED, clock_wall());
	e.uid = (struct opt_uid){.set = true, .uid = whose->uid};
	e.count = count;
	memcpy(e.user, whose->user, sizeof(e.user));
	snprintf(e.text, sizeof(e.text), "%s", text_or_empty(remark->text));
	caller_name(core, remark->by, e.by, sizeof(e.by), &e.by_sid);
	revocation_hold(r);
	rc = ledger_append(core->parts.ledger, &e, whose->uid, NULL, recorded, r);
	if (rc < 0) {
		log_error("%s of %s (uid %u): not recorded: %s", e.event, whose->user,
			(unsigned)whose->uid, strerror(-rc));
		recorded(r, rc);
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

void password_changed(struct core *core, const struct event *event)
{
	const struct wire_password *req = event->u.password;
	const struct caller absent = {.pidfd = -1,
		.audit_session =
			req->audit_session != 0 ? (uint32_t)req->audit_session : PROC_NO_AUDIT,
		.admin = true};
	struct remark remark = {.by = event->caller};
	struct whose whose = {.uid = (uid_t)req->uid};
	struct revocation *r = revocation_new(event->answer);
	struct hunt *hunt;

	if (r == NULL) {
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	if (remark.by == NULL) {
		remark.by = &absent;
		remark.text = "while sessd was not available";
	}
	memcpy(whose.user, req->user, sizeof(whose.user));
	origin_of(remark.by, &whose.origin);
	hunt = hunt_new(core, &(struct hunt_order){.reason = REASON_PASSWORD_CHANGED,
				      .remark = &remark,
				      .spare_audit = whose.origin.audit_session});
	if (hunt != NULL)
		hunt_add(hunt, whose.uid, whose.user);
	revocation_be_brief(r);
	record(core, &whose, &remark, count_live(core, &whose), r);
	round_begin(core,
		&(struct round_order){.reason = REASON_PASSWORD_CHANGED,
			.remark = &remark,
			.means = means,
			.whom = &whose,
			.size = sizeof(whose),
			.hunts = true,
			.hunt = hunt},
		r);
	revocation_release(r);
}
