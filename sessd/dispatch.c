#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/dispatch.h"
#include "sessd/log.h"

/* Sessions in one page of a list: well under what a socket buffer holds. */
#define LIST_PAGE 64

/* A cursor of `list` with this bit counts rows of ended sessions in the ledger, otherwise slots of
 * the table. */
#define CURSOR_ENDED (UINT64_C(1) << 63)

/* One request under way. It stays until its last answer is there, even when the peer is gone. */
struct request {
	struct answer answer;
	struct dispatch *dispatch;
	struct peer *peer; /* NULL: gone */
	const struct handler *handler;
	uint32_t serial;
	uint64_t began; /* clock_boot() */
	union {
		struct wire_list list;
		struct wire_show show;
		struct wire_read read;
	} u;
	struct sid found; /* show: the match among ended sessions */
	struct wire_session *record;
	LIST_ENTRY(request) link; /* dispatch.requests */
	bool parked;		  /* `read` with `wait`, and nothing new yet */
};

struct dispatch {
	struct dispatch_parts parts;
	LIST_HEAD(request_list, request) requests; /* all that are under way */
	char *metrics;				   /* the text that is being paged out */
	size_t metrics_len;
};

struct handler {
	enum wire_type type;
	void (*fn)(struct request *req, const struct wire_frame *frame);
	size_t histogram; /* offset in struct metrics; 0: none */
};

static void metrics_now(const struct dispatch *d, struct metrics_now *ret)
{
	const struct session_table *t = core_sessions(d->parts.core);
	struct wire_state state = {0};
	struct ledger_stats stats;
	enum session_class c;

	*ret = (struct metrics_now){0};
	for (c = CLASS_BACKGROUND; c <= CLASS_LOGIN; c++) {
		ret->active[c] = t->count[c][PHASE_ACTIVE];
		ret->ending += t->count[c][PHASE_ENDING];
	}
	ledger_stats(d->parts.ledger, &stats);
	ret->ledger_seq = stats.seq;
	ret->ledger_queued = stats.queued;
	ret->ledger_lost = stats.lost;
	ret->ledger_commits = stats.commits;
	ret->ledger_errors = stats.errors;
	ret->ledger_failing = stats.failing;
	d->parts.describe(d->parts.ctx, &state);
	ret->started_at = state.started_at;
}

static void request_free(struct request *req)
{
	LIST_REMOVE(req, link);
	free(req->record);
	free(req);
}

/* The answer is complete. */
static void request_end(struct request *req)
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
	/* nobody else knows of one that is parked */
	if (req->parked)
		request_free(req);
}

static void reply(struct request *req, enum wire_type type, const void *msg)
{
	if (req->peer != NULL)
		peer_send(req->peer, type, req->serial, msg);
}

static void answered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct request *req = container_of(answer, struct request, answer);

	reply(req, type, msg);
	if (last)
		request_end(req);
}

static void request_error(struct request *req, enum wire_errno code, const char *text)
{
	answer_error(&req->answer, code, text);
}

static void to_core(struct request *req, struct event *event)
{
	event->caller = peer_caller(req->peer);
	event->answer = &req->answer;
	core_handle(req->dispatch->parts.core, event);
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

static void handle_revoke(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_REVOKE, .u.revoke = &frame->u.revoke};

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

static void handle_unlock(struct request *req, const struct wire_frame *frame)
{
	struct event event = {.type = EVENT_UNLOCK, .u.unlock = &frame->u.unlock};

	to_core(req, &event);
}

/* Whose events and ended sessions the caller may read. */
static uid_t readable_uid(const struct request *req)
{
	const struct caller *caller = peer_caller(req->peer);

	return caller->admin ? LEDGER_ALL_UIDS : caller->uid;
}

static void reply_done(struct request *req, uint64_t cursor, uint64_t count)
{
	struct wire_done done = {.cursor = cursor, .count = count};

	reply(req, WIRE_done, &done);
	request_end(req);
}

/* Goes through a page of ended sessions. Stops when fn says so. */
static void each_ended(const struct ledger_page *page,
	bool (*fn)(struct request *req, const struct wire_stored *s), struct request *req)
{
	struct wire_frame *frame = malloc(sizeof(*frame));
	const char *p = page->body, *end = page->body + page->len;
	uint32_t len;

	while (frame != NULL && (size_t)(end - p) > sizeof(uint64_t) + sizeof(len)) {
		memcpy(&len, p + sizeof(uint64_t), sizeof(len));
		p += sizeof(uint64_t) + sizeof(len);
		if (wire_decode((const uint8_t *)p, len, frame) == 0 &&
			frame->type == WIRE_stored && !fn(req, &frame->u.stored))
			break;
		p += len;
	}
	free(frame);
}

static bool send_ended(struct request *req, const struct wire_stored *s)
{
	struct wire_session rec;

	if (req->u.list.user[0] != '\0' && strcmp(req->u.list.user, s->user) != 0)
		return true;
	session_public(s, &rec);
	reply(req, WIRE_session, &rec);
	return true;
}

static void list_ended(void *ctx, int result, const struct ledger_page *page)
{
	struct request *req = ctx;

	if (result < 0) {
		request_error(req, WIRE_E_UNAVAILABLE, "the ledger cannot be read");
		return;
	}
	each_ended(page, send_ended, req);
	reply_done(req, page->more ? CURSOR_ENDED | page->last : 0, 0);
}

static void list_live(struct request *req)
{
	const struct session_table *t = core_sessions(req->dispatch->parts.core);
	const struct caller *caller = peer_caller(req->peer);
	uint32_t slot = (uint32_t)req->u.list.cursor, n = 0;
	struct wire_session rec;
	struct session *s;

	while (n < LIST_PAGE && (s = session_next(t, &slot)) != NULL) {
		if (!core_permits(caller, s) ||
			(req->u.list.user[0] != '\0' && strcmp(req->u.list.user, s->user) != 0))
			continue;
		session_record(s, &rec);
		reply(req, WIRE_session, &rec);
		n++;
	}
	reply_done(req, n == LIST_PAGE ? slot : req->u.list.all ? CURSOR_ENDED : 0, n);
}

static void handle_list(struct request *req, const struct wire_frame *frame)
{
	req->u.list = frame->u.list;
	if (!(req->u.list.cursor & CURSOR_ENDED)) {
		list_live(req);
		return;
	}
	if (ledger_read_ended(req->dispatch->parts.ledger, req->u.list.cursor & ~CURSOR_ENDED,
		    readable_uid(req), list_ended, req) < 0)
		request_error(req, WIRE_E_UNAVAILABLE, "out of memory");
}

static void handle_locks(struct request *req, const struct wire_frame *frame)
{
	uint64_t cursor = frame->u.locks.cursor, n = 0;
	const struct wire_locked *lock = NULL;

	if (!peer_caller(req->peer)->admin) {
		request_error(req, WIRE_E_NOT_PERMITTED, NULL);
		return;
	}
	while (n < LIST_PAGE &&
		(lock = core_lock_next(req->dispatch->parts.core, &cursor)) != NULL) {
		reply(req, WIRE_locked, lock);
		n++;
	}
	reply_done(req, lock != NULL ? cursor : 0, n);
}

static bool match_ended(struct request *req, const struct wire_stored *s)
{
	if (!sid_has_prefix(&s->sid, req->u.show.prefix))
		return true;
	if (req->record != NULL) {
		/* a second one */
		req->found = (struct sid){0};
		return false;
	}
	req->record = malloc(sizeof(*req->record));
	if (req->record == NULL)
		return false;
	session_public(s, req->record);
	req->found = s->sid;
	return true;
}

static void show_ended(void *ctx, int result, const struct ledger_page *page)
{
	struct request *req = ctx;

	if (result < 0 || req->peer == NULL) {
		request_error(req, WIRE_E_UNAVAILABLE, "the ledger cannot be read");
		return;
	}
	each_ended(page, match_ended, req);
	if (page->more && (req->record == NULL || !sid_is_zero(&req->found))) {
		if (ledger_read_ended(req->dispatch->parts.ledger, page->last, readable_uid(req),
			    show_ended, req) < 0)
			request_error(req, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	if (req->record == NULL) {
		request_error(req, WIRE_E_NO_SESSION, NULL);
	} else if (sid_is_zero(&req->found)) {
		request_error(req, WIRE_E_AMBIGUOUS, NULL);
	} else {
		reply(req, WIRE_session, req->record);
		reply_done(req, 0, 1);
	}
}

static void handle_show(struct request *req, const struct wire_frame *frame)
{
	struct wire_session rec;
	enum wire_errno why;
	struct session *s;

	req->u.show = frame->u.show;
	s = core_find(
		req->dispatch->parts.core, peer_caller(req->peer), frame->u.show.prefix, &why);
	if (s != NULL) {
		session_record(s, &rec);
		reply(req, WIRE_session, &rec);
		reply_done(req, 0, 1);
	} else if (why != WIRE_E_NO_SESSION) {
		request_error(req, why, NULL);
	} else if (ledger_read_ended(req->dispatch->parts.ledger, 0, readable_uid(req), show_ended,
			   req) < 0) {
		request_error(req, WIRE_E_UNAVAILABLE, "out of memory");
	}
}

static void handle_status(struct request *req, const struct wire_frame *frame)
{
	const struct dispatch *d = req->dispatch;
	const struct session_table *t = core_sessions(d->parts.core);
	struct wire_state state = {0};
	struct ledger_stats stats;
	enum session_class c;

	(void)frame;
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
	reply(req, WIRE_state, &state);
	request_end(req);
}

static void read_page(void *ctx, int result, const struct ledger_page *page)
{
	struct request *req = ctx;
	struct wire_page msg = {0};

	if (result < 0) {
		request_error(req, WIRE_E_UNAVAILABLE, "the ledger cannot be read");
		return;
	}
	if (page->len == 0 && req->u.read.wait && req->peer != NULL) {
		/* what was looked at is not looked at again */
		if (page->last > req->u.read.after)
			req->u.read.after = page->last;
		req->parked = true;
		return;
	}
	msg.last = page->len > 0 ? page->last : req->u.read.after;
	msg.more = page->more;
	msg.body = (struct blob){.data = page->body, .len = page->len};
	reply(req, WIRE_page, &msg);
	request_end(req);
}

static void read_ledger(struct request *req)
{
	if (ledger_read(req->dispatch->parts.ledger, req->u.read.after, readable_uid(req),
		    read_page, req) < 0)
		request_error(req, WIRE_E_UNAVAILABLE, "out of memory");
}

static void handle_read(struct request *req, const struct wire_frame *frame)
{
	req->u.read = frame->u.read;
	read_ledger(req);
}

/* New events are on disk: whoever waited for some asks again. */
static void committed(void *ctx)
{
	struct dispatch *d = ctx;
	struct request *req, *next;

	for (req = LIST_FIRST(&d->requests); req != NULL; req = next) {
		next = LIST_NEXT(req, link);
		if (!req->parked)
			continue;
		req->parked = false;
		read_ledger(req);
	}
}

/* The text of the first page is kept for the ones after it, so that they fit together. */
static void handle_metrics(struct request *req, const struct wire_frame *frame)
{
	struct dispatch *d = req->dispatch;
	uint64_t at = frame->u.metrics.after;
	struct wire_page msg = {0};
	struct metrics_now now;

	if (at == 0) {
		free(d->metrics);
		d->metrics = NULL;
		metrics_now(d, &now);
		if (metrics_text(d->parts.metrics, &now, &d->metrics, &d->metrics_len) < 0)
			d->metrics = NULL;
	}
	if (d->metrics == NULL || at > d->metrics_len) {
		request_error(req, WIRE_E_INVALID, "ask for the first page first");
		return;
	}
	msg.body = (struct blob){.data = d->metrics + at, .len = d->metrics_len - (size_t)at};
	if (msg.body.len > WIRE_BLOB_MAX)
		msg.body.len = WIRE_BLOB_MAX;
	msg.last = at + msg.body.len;
	msg.more = msg.last < d->metrics_len;
	reply(req, WIRE_page, &msg);
	request_end(req);
}

static const struct handler handlers[] = {
	{WIRE_acct, handle_acct, offsetof(struct metrics, lookup)},
	{WIRE_open, handle_open, offsetof(struct metrics, open)},
	{WIRE_close, handle_close, 0},
	{WIRE_list, handle_list, 0},
	{WIRE_show, handle_show, offsetof(struct metrics, lookup)},
	{WIRE_revoke, handle_revoke, 0},
	{WIRE_lock, handle_lock, 0},
	{WIRE_unlock, handle_unlock, 0},
	{WIRE_locks, handle_locks, 0},
	{WIRE_status, handle_status, 0},
	{WIRE_read, handle_read, 0},
	{WIRE_metrics, handle_metrics, 0},
	{WIRE_explain, handle_explain, 0},
	{WIRE_extend, handle_extend, 0},
};

void dispatch_message(void *ctx, struct peer *peer, const struct wire_frame *frame)
{
	struct dispatch *d = ctx;
	struct request *req = calloc(1, sizeof(*req));
	struct wire_error error = {.code = WIRE_E_UNAVAILABLE};
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == frame->type)
			break;
	if (req == NULL || i == sizeof(handlers) / sizeof(handlers[0])) {
		snprintf(error.text, sizeof(error.text), "%s", wire_error_words(error.code));
		peer_send(peer, WIRE_error, frame->serial, &error);
		free(req);
		return;
	}
	*req = (struct request){
		.answer.fn = answered,
		.dispatch = d,
		.peer = peer,
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

	if (d == NULL)
		return -ENOMEM;
	d->parts = *parts;
	ledger_on_commit(parts->ledger, committed, d);
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
