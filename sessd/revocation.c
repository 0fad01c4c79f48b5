/*
 * A request to end sessions: whom it means, who waits for their ends, and what he is answered: an
 * outcome for each, then `done`. Where it asks for what outlived its session, too, that is looked
 * for when the sessions are gone, so that none of them can leave anything behind it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessd/core_state.h"
#include "sessd/fault.h"
#include "sessd/fleet.h"
#include "sessd/log.h"

struct revocation {
	struct answer *answer;
	uint32_t pending;
	uint32_t count;
	const char *error; /* instead of `done` */
	bool brief;	   /* see revocation_be_brief() */
	struct hunt *hunt; /* begins when the sessions are gone; NULL: there is none */
};

struct waiter {
	struct waiter *next;
	struct revocation *revocation;
};

struct revocation *revocation_new(struct answer *answer)
{
	struct revocation *r = calloc(1, sizeof(*r));

	if (r != NULL)
		*r = (struct revocation){.answer = answer, .pending = 1};
	return r;
}

void revocation_hold(struct revocation *r)
{
	r->pending++;
}

static void finish(struct revocation *r)
{
	struct wire_done done = {.count = r->count};

	if (r->error != NULL)
		answer_error(r->answer, WIRE_E_UNAVAILABLE, r->error);
	else
		answer_send(r->answer, WIRE_done, &done, true);
	r->answer = NULL;
}

void revocation_release(struct revocation *r)
{
	struct hunt *hunt = r->hunt;

	if (--r->pending > 0)
		return;
	if (hunt == NULL || r->brief)
		finish(r);
	if (hunt != NULL) {
		r->hunt = NULL;
		r->pending = 1;
		hunt_begin(hunt, r);
		return;
	}
	free(r);
}

void revocation_fail(struct revocation *r, const char *error)
{
	r->error = error;
}

void revocation_then(struct revocation *r, struct hunt *hunt)
{
	if (hunt == NULL)
		r->error = "out of memory: what outlived its session is not looked for";
	r->hunt = hunt;
}

void revocation_be_brief(struct revocation *r)
{
	r->brief = true;
}

void revocation_forget(struct revocation *r)
{
	if (--r->pending > 0)
		return;
	hunt_free(r->hunt);
	free(r);
}

void revocation_tell(struct revocation *r, enum wire_type type, const void *msg)
{
	r->count++;
	if (!r->brief)
		answer_send(r->answer, type, msg, false);
}

int waiters_add(struct waiter **list, struct revocation *r)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -ENOMEM;
	*w = (struct waiter){.next = *list, .revocation = r};
	*list = w;
	r->pending++;
	return 0;
}

void waiters_tell(struct waiter **list, const struct wire_outcome *outcome)
{
	struct waiter *w;

	while ((w = *list) != NULL) {
		*list = w->next;
		revocation_tell(w->revocation, WIRE_outcome, outcome);
		revocation_release(w->revocation);
		free(w);
	}
}

void waiters_forget(struct waiter **list)
{
	struct waiter *w;

	while ((w = *list) != NULL) {
		*list = w->next;
		revocation_forget(w->revocation);
		free(w);
	}
}

/* --- Whom a request means --- */

/* Its user's, or everybody's; what cron runs only where that is asked for. */
static bool means(const struct wire_revoke *req, const struct session *s)
{
	if (s->class == CLASS_BACKGROUND && !req->cron)
		return false;
	return req->all || strcmp(text_or_empty(s->user), req->user) == 0 ||
	       (req->id.set && req->id.uid == s->uid);
}

/* What a round needs to know of the request. */
struct whom {
	struct wire_revoke req;
	struct origin origin;
};

/* Nobody who ends some of them is kept from ending them by those that he may not end: then he may
 * end none. */
static bool may_revoke(
	const struct core *core, const struct wire_revoke *req, const struct caller *caller)
{
	const struct session *s;
	uint32_t slot = 0;

	if (caller->admin)
		return true;
	if (req->all || (req->id.set && req->id.uid != caller->uid))
		return false;
	while ((s = session_next(&core->table, &slot)) != NULL)
		if (means(req, s) && !core_permits(caller, s))
			return false;
	return true;
}

static void spare(struct revocation *r, const struct session *s)
{
	struct wire_session record;

	session_record(s, &record);
	revocation_tell(r, WIRE_session, &record);
}

/* The asker's own session is left to him where all are meant, and he is told so. */
static bool means_but_own(
	struct core *core, const void *ctx, const struct session *s, struct revocation *r)
{
	const struct whom *whom = ctx;

	(void)core;
	if (!means(&whom->req, s))
		return false;
	if (!whom->req.all || !origin_is(&whom->origin, s))
		return true;
	spare(r, s);
	return false;
}

/* A name that nobody but the asker himself knows is not put into the record. */
static const char *name_of_user(
	const struct core *core, const struct wire_revoke *req, const struct caller *caller)
{
	const struct account *a = session_account(&core->table, caller->uid);
	const struct session *s;

	if (caller->admin)
		return req->user;
	for (s = a != NULL ? a->first : NULL; s != NULL; s = s->account_next)
		if (s->class != CLASS_ELEVATION && strcmp(text_or_empty(s->user), req->user) == 0)
			return req->user;
	return "";
}

/* Ends them, and then what is left over from logins of whoever had one of them. */
static void revoke_many(struct core *core, const struct wire_revoke *req,
	const struct remark *remark, struct revocation *r)
{
	struct whom whom = {.req = *req};
	struct hunt *hunt = hunt_new(
		core, &(struct hunt_order){.reason = REASON_REVOKED,
			      .remark = remark,
			      .cron = req->cron,
			      .spare_audit = req->all ? remark->by->audit_session : PROC_NO_AUDIT});

	if (req->all)
		origin_of(remark->by, &whom.origin);
	if (hunt != NULL && req->id.set)
		hunt_add(hunt, req->id.uid, name_of_user(core, req, remark->by));
	round_begin(core,
		&(struct round_order){.reason = REASON_REVOKED,
			.remark = remark,
			.means = means_but_own,
			.whom = &whom,
			.size = sizeof(whom),
			.hunts = true,
			.hunt = hunt},
		r);
}

static const char *what_is_wrong(const struct wire_revoke *req)
{
	bool whole = req->user[0] != '\0' && req->evicts[0] == '\0';

	if ((req->prefix[0] != '\0') + whole + req->all != 1)
		return "either a session or a user must be named, or all be meant";
	if (req->grace > WIRE_GRACE_MAX)
		return "a grace is at most an hour";
	return NULL;
}

/* Another host wants a session's place: only where this one's own policies say that there is such a
 * place to be given up, and of that user. NULL: it may have it. */
static const char *why_not_evict(
	const struct core *core, const struct session *s, const struct wire_revoke *req)
{
	if (s == NULL || strcmp(text_or_empty(s->user), req->user) != 0)
		return "it is not that user's";
	if (!place_may_evict(core, s, req->evicts))
		return "here it counts under no such policy that evicts over the fleet";
	return NULL;
}

static void refuse_eviction(struct core *core, const struct event *event, const char *why)
{
	const struct wire_revoke *req = event->u.revoke;
	char words[TEXT_STR_MAX + 1];

	snprintf(words, sizeof(words), "eviction of %.32s of %.50s under policy \"%.60s\": %s",
		req->prefix, req->user, req->evicts, why);
	core_note_refusal(core, req->by, words);
	answer_error(event->answer, WIRE_E_NOT_PERMITTED, words);
}

void revocation_revoke(struct core *core, const struct event *event)
{
	const struct wire_revoke *req = event->u.revoke;
	struct remark remark = {.by = event->caller,
		.text = req->text[0] ? req->text : NULL,
		.policy = req->evicts[0] ? req->evicts : NULL,
		.message = req->message[0] ? req->message : NULL,
		.grace = req->grace};
	const char *wrong = what_is_wrong(req), *why_not = NULL;
	struct revocation *r;
	struct session *s = NULL;
	enum wire_errno why = WIRE_E_NOT_PERMITTED;

	fault_point(FAULT_revoke_received);
	if (wrong != NULL) {
		answer_error(event->answer, WIRE_E_INVALID, wrong);
		return;
	}
	if (req->prefix[0] != '\0')
		s = core_find(core, event->caller, req->prefix, &why);
	if (req->prefix[0] != '\0' ? s == NULL : !may_revoke(core, req, event->caller)) {
		answer_error(event->answer, why, NULL);
		return;
	}
	if (remark.policy != NULL)
		why_not = why_not_evict(core, s, req);
	if (why_not != NULL) {
		refuse_eviction(core, event, why_not);
		return;
	}
	r = revocation_new(event->answer);
	if (r == NULL) {
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	if (s != NULL)
		revocation_add(
			core, s, remark.policy ? REASON_EVICTED : REASON_REVOKED, &remark, r);
	else
		revoke_many(core, req, &remark, r);
	revocation_release(r);
}
