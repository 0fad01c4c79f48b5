/* From a message to the handler of its row, and its answers back to the peer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessd/charge.h"
#include "sessd/identity.h"
#include "sessd/request.h"

static void request_free(struct request *req)
{
	LIST_REMOVE(req, link);
	free(req->record);
	free(req);
}

/* The answer is complete. */
void request_end(struct request *req)
{
	struct dispatch *d = req->dispatch;
	struct peer *peer = req->peer;

	if (req->handler->histogram != 0)
		histogram_add((struct histogram *)(void *)((char *)d->parts.metrics +
							   req->handler->histogram),
			clock_boot() - req->began);
	request_free(req);
	if (peer != NULL)
		peer_idle(peer);
}

static void peer_gone(void *ctx)
{
	struct request *req = ctx;

	req->peer = NULL;
	if (req->answer.gone != NULL) {
		req->answer.gone(&req->answer, req->answer.gone_ctx);
		request_free(req);
		return;
	}
	/* nobody else knows of one that is parked */
	if (req->parked)
		request_free(req);
}

void request_reply(struct request *req, enum wire_type type, const void *msg)
{
	if (req->peer != NULL)
		peer_send(req->peer, type, req->serial, msg);
}

static void answered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct request *req = container_of(answer, struct request, answer);

	request_reply(req, type, msg);
	if (last)
		request_end(req);
}

void request_error(struct request *req, enum wire_errno code, const char *text)
{
	answer_error(&req->answer, code, text);
}

static void to_core(struct request *req, struct event *event)
{
	event->caller = peer_caller(req->peer);
	event->answer = &req->answer;
	core_handle(req->dispatch->parts.core, event);
}

void request_done(struct request *req, uint64_t cursor, uint64_t count)
{
	struct wire_done done = {.cursor = cursor, .count = count};

	request_reply(req, WIRE_done, &done);
	request_end(req);
}

/* 0 is nobody's. */
static pid_t pid_of(uint64_t pid)
{
	return pid > INT32_MAX ? 0 : (pid_t)pid;
}

/* 4294967295 is nobody's: to the kernel it means "unchanged", here "everybody". */
static bool is_somebody(struct request *req, uint64_t uid)
{
	if (uid < UINT32_MAX)
		return true;
	request_error(req, WIRE_E_INVALID, "there can be no such uid");
	return false;
}

static void handle_acct(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_ACCT, .u.acct = &frame->u.acct};

	if (!is_somebody(req, frame->u.acct.uid))
		return;
	to_core(req, &event);
}

static void handle_open(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_OPEN, .u.open = &frame->u.open};

	if (!is_somebody(req, frame->u.open.uid))
		return;
	to_core(req, &event);
}

static void handle_close(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_CLOSE, .u.close = &frame->u.close};

	to_core(req, &event);
}

/* For the fleet: sessctl's request goes to the agent as it is. */
static void to_fleet(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_ERRAND, .u.errand = {frame->type, &frame->u}};

	to_core(req, &event);
}

/* The agent's: it speaks for an administrator on another host, whom it names. */
static void from_fleet(struct request *req, const struct event *what, const char *by)
{
	struct event event = *what;
	struct caller caller = *peer_caller(req->peer);

	snprintf(caller.name, sizeof(caller.name), "%s", by[0] != '\0' ? by : "fleet");
	event.caller = &caller;
	event.answer = &req->answer;
	core_handle(req->dispatch->parts.core, &event);
}

static bool is_agent(const struct request *req)
{
	return peer_use(req->peer) == WIRE_ON_FLEET;
}

static void handle_revoke(struct request *req, const struct wire_frame *frame)
{
	struct wire_revoke revoke = frame->u.revoke;
	struct event event = {.type = EVENT_REVOKE, .u.revoke = &revoke};

	if (is_agent(req)) {
		from_fleet(req, &event, revoke.by);
		return;
	}
	if (revoke.fleet) {
		to_fleet(req, frame);
		return;
	}
	revoke.evicts[0] = '\0';
	to_core(req, &event);
}

static void handle_extend(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_EXTEND, .u.extend = &frame->u.extend};

	to_core(req, &event);
}

static void handle_lock(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_LOCK, .u.lock = &frame->u.lock};

	if (is_agent(req))
		from_fleet(req, &event, frame->u.lock.by);
	else if (frame->u.lock.fleet)
		to_fleet(req, frame);
	else
		to_core(req, &event);
}

static void handle_explain(struct request *req, const struct wire_frame *frame)
{
	const struct caller *caller = peer_caller(req->peer);

	if (!is_somebody(req, frame->u.explain.uid))
		return;
	if (!caller->admin && caller->uid != frame->u.explain.uid) {
		request_error(req, WIRE_E_NOT_PERMITTED, NULL);
		return;
	}
	core_explain(req->dispatch->parts.core, &frame->u.explain, &req->answer);
}

static void handle_check(struct request *req, const struct wire_frame *frame)
{
	(void)frame;
	core_check(req->dispatch->parts.core, peer_caller(req->peer), &req->answer);
}

static void handle_unlock(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_UNLOCK, .u.unlock = &frame->u.unlock};

	if (is_agent(req))
		from_fleet(req, &event, frame->u.unlock.by);
	else if (frame->u.unlock.fleet)
		to_fleet(req, frame);
	else
		to_core(req, &event);
}

/* Asked by root's sessd-reauth, of the process at the other end of its own socket. */
static void handle_reauth(struct request *req, const struct wire_frame *frame)
{
	struct caller claimant;
	struct event event = {.type = EVENT_REAUTH, .caller = &claimant, .answer = &req->answer};

	if (identity_of_pid(pid_of(frame->u.reauth.pid), &claimant) < 0) {
		request_error(req, WIRE_E_NO_SESSION, "the process that asked is gone");
		return;
	}
	core_handle(req->dispatch->parts.core, &event);
	close(claimant.pidfd);
}

static void handle_reauthenticated(struct request *req, const struct wire_frame *frame)
{
	struct caller claimant;
	bool lives = identity_of_pid(pid_of(frame->u.reauthenticated.pid), &claimant) == 0;
	struct event event = {.type = EVENT_REAUTH_TRIED,
		.caller = lives ? &claimant : NULL,
		.answer = &req->answer,
		.u.reauth_tried = &frame->u.reauthenticated};

	core_handle(req->dispatch->parts.core, &event);
	if (lives)
		close(claimant.pidfd);
}

static void handle_password(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_PASSWORD_CHANGED, .u.password = &frame->u.password};

	if (!is_somebody(req, frame->u.password.uid))
		return;
	to_core(req, &event);
}

static void handle_status(struct request *req, const struct wire_frame *frame)
{
	const struct dispatch *d = req->dispatch;
	const struct session_table *t = core_sessions(d->parts.core);
	struct wire_state state = {0};
	struct ledger_stats stats;
	enum session_class c;

	if (frame->u.status.fleet) {
		to_fleet(req, frame);
		return;
	}
	d->parts.describe(d->parts.ctx, &state);
	state.login = t->count[CLASS_LOGIN][PHASE_ACTIVE];
	state.elevation = t->count[CLASS_ELEVATION][PHASE_ACTIVE];
	state.background = t->count[CLASS_BACKGROUND][PHASE_ACTIVE];
	for (c = CLASS_BACKGROUND; c <= CLASS_LOGIN; c++) {
		state.opening += t->count[c][PHASE_OPENING];
		state.ending += t->count[c][PHASE_ENDING];
	}
	ledger_stats(d->parts.ledger, &stats);
	snprintf(state.ledger, sizeof(state.ledger), "%s", stats.path);
	snprintf(state.ledger_error, sizeof(state.ledger_error), "%s", stats.error);
	state.ledger_seq = stats.seq;
	state.ledger_queued = stats.queued;
	state.ledger_bytes = stats.bytes;
	state.ledger_oldest_at = stats.oldest_at;
	state.ledger_unsealed = stats.unsealed;
	state.sealed_at = stats.sealed_at;
	snprintf(state.seal_error, sizeof(state.seal_error), "%s", stats.seal_error);
	request_reply(req, WIRE_state, &state);
	request_end(req);
}

static void tell_seal(struct request *req)
{
	struct wire_sealed msg = {0};
	struct ledger_stats stats;

	ledger_stats(req->dispatch->parts.ledger, &stats);
	if (stats.seal_key[0] == '\0') {
		request_error(req, WIRE_E_UNAVAILABLE, "the ledger is not sealed: see the log");
		return;
	}
	snprintf(msg.key, sizeof(msg.key), "%s", stats.seal_key);
	snprintf(msg.checkpoint, sizeof(msg.checkpoint), "%s", stats.checkpoint);
	request_reply(req, WIRE_sealed, &msg);
	request_end(req);
}

static void sealed(void *ctx, int result)
{
	if (result == 0 || result == -ENOKEY)
		tell_seal(ctx);
	else
		request_error(ctx, WIRE_E_UNAVAILABLE, "the ledger cannot be sealed: see the log");
}

static void handle_seal(struct request *req, const struct wire_frame *frame)
{
	if (!frame->u.seal.make)
		tell_seal(req);
	else if (!peer_caller(req->peer)->admin)
		request_error(req, WIRE_E_NOT_PERMITTED, NULL);
	else if (ledger_checkpoint(req->dispatch->parts.ledger, sealed, req) < 0)
		request_error(req, WIRE_E_UNAVAILABLE, "out of memory");
}

static void handle_list(struct request *req, const struct wire_frame *frame)
{
	if (frame->u.list.fleet)
		to_fleet(req, frame);
	else
		pages_list(req, frame);
}

static void handle_attend(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_ATTEND, .u.attend = &frame->u.attend};

	to_core(req, &event);
}

static void handle_refusal(struct request *req, const struct wire_frame *frame)
{
	const struct wire_refusal *refusal = &frame->u.refusal;
	const struct wire_done done = {.count = 0};

	core_note_refusal(req->dispatch->parts.core, refusal->by, refusal->text);
	answer_send(&req->answer, WIRE_done, &done, true);
}

static void handle_standing(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_STANDING, .u.standing = &frame->u.standing};

	to_core(req, &event);
}

static void handle_placed(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_PLACED, .u.placed = &frame->u.placed};

	to_core(req, &event);
}

static void handle_relay(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_RELAY, .u.relay = &frame->u.relay};

	to_core(req, &event);
}

static void handle_overshoot(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_OVERSHOOT, .u.overshoot = &frame->u.overshoot};

	to_core(req, &event);
}

static void handle_idle(struct request *req, const struct wire_frame *frame)
{
	if (!is_somebody(req, frame->u.idle.uid))
		return;
	idleness_tell(req->dispatch->parts.core, (uid_t)frame->u.idle.uid, &req->answer);
}

static void handle_probe(struct request *req, const struct wire_frame *frame)
{
	head_probe(req->dispatch->parts.core, frame->u.probe.checkpoint, &req->answer);
}

static void handle_head_broken(struct request *req, const struct wire_frame *frame)
{
	head_broken(req->dispatch->parts.core, &frame->u.head_broken, &req->answer);
}

static const struct handler handlers[] = {
	{WIRE_acct, handle_acct, offsetof(struct metrics, lookup)},
	{WIRE_open, handle_open, offsetof(struct metrics, open)},
	{WIRE_close, handle_close, 0},
	{WIRE_list, handle_list, 0},
	{WIRE_show, pages_show, offsetof(struct metrics, lookup)},
	{WIRE_check, handle_check, offsetof(struct metrics, lookup)},
	{WIRE_revoke, handle_revoke, 0},
	{WIRE_lock, handle_lock, 0},
	{WIRE_unlock, handle_unlock, 0},
	{WIRE_locks, pages_locks, 0},
	{WIRE_password, handle_password, 0},
	{WIRE_status, handle_status, 0},
	{WIRE_read, pages_read, 0},
	{WIRE_metrics, pages_metrics, 0},
	{WIRE_seal, handle_seal, 0},
	{WIRE_explain, handle_explain, 0},
	{WIRE_extend, handle_extend, 0},
	{WIRE_reauth, handle_reauth, 0},
	{WIRE_reauthenticated, handle_reauthenticated, 0},
	{WIRE_attend, handle_attend, 0},
	{WIRE_standing, handle_standing, 0},
	{WIRE_refusal, handle_refusal, 0},
	{WIRE_placed, handle_placed, 0},
	{WIRE_relay, handle_relay, 0},
	{WIRE_anchor, to_fleet, 0},
	{WIRE_probe, handle_probe, 0},
	{WIRE_head_broken, handle_head_broken, 0},
	{WIRE_idle, handle_idle, 0},
	{WIRE_overshoot, handle_overshoot, 0},
};

static bool has_too_many(const struct dispatch *d, uid_t uid)
{
	const struct request *req;
	unsigned n = 0;

	if (uid == 0)
		return false;
	LIST_FOREACH (req, &d->requests, link)
		n += req->uid == uid;
	return n >= CHARGE_REQUESTS;
}

/* One that never becomes a request. */
static void turn_away(struct peer *peer, uint32_t serial, enum wire_errno code, const char *text)
{
	struct wire_error error = {.code = code};

	snprintf(error.text, sizeof(error.text), "%s", text ? text : wire_error_words(code));
	peer_send(peer, WIRE_error, serial, &error);
}

void dispatch_message(void *ctx, struct peer *peer, const struct wire_frame *frame)
{
	struct dispatch *d = ctx;
	uid_t uid = peer_caller(peer)->uid;
	struct request *req;
	size_t i;

	if (peer_use(peer) != WIRE_ON_FLEET && has_too_many(d, uid)) {
		turn_away(peer, frame->serial, WIRE_E_LIMIT,
			"too many requests of yours are under way");
		return;
	}
	req = calloc(1, sizeof(*req));

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == frame->type)
			break;
	if (req == NULL || i == sizeof(handlers) / sizeof(handlers[0])) {
		turn_away(peer, frame->serial, WIRE_E_UNAVAILABLE, NULL);
		free(req);
		return;
	}
	*req = (struct request){
		.answer.fn = answered,
		.dispatch = d,
		.peer = peer,
		.uid = uid,
		.handler = &handlers[i],
		.serial = frame->serial,
		.began = clock_boot(),
	};
	LIST_INSERT_HEAD(&d->requests, req, link);
	peer_busy(peer, peer_gone, req);
	handlers[i].fn(req, frame);
}

int dispatch_new(const struct dispatch_parts *parts, struct dispatch **ret)
{
	struct dispatch *d = calloc(1, sizeof(*d));
	int r;

	if (d == NULL)
		return -ENOMEM;
	d->parts = *parts;
	r = ledger_on_commit(parts->ledger, pages_committed, d);
	if (r < 0) {
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void dispatch_free(struct dispatch *d)
{
	if (d == NULL)
		return;
	while (!LIST_EMPTY(&d->requests))
		request_free(LIST_FIRST(&d->requests));
	free(d->metrics);
	free(d);
}
