/*
 * Requests whose answer may be longer than one packet: sessions, locks, the ledger, the metrics.
 * The asker fetches page after page, each from where the last one ended, so nothing is held for
 * him in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sessd/reading.h"
#include "sessd/request.h"

/* Sessions in one page of a list: well under what a socket buffer holds. */
#define LIST_PAGE 64

/* A cursor of `list` with this bit counts rows of ended sessions in the ledger, otherwise slots of
 * the table. */
#define CURSOR_ENDED (UINT64_C(1) << 63)

/* Whose events and ended sessions the caller may read. */
static uid_t readable_uid(const struct request *req)
{
	const struct caller *caller = peer_caller(req->peer);

	return caller->admin ? LEDGER_ALL_UIDS : caller->uid;
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
	request_reply(req, WIRE_session, &rec);
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
	request_done(req, page->more ? CURSOR_ENDED | page->last : 0, 0);
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
		request_reply(req, WIRE_session, &rec);
		n++;
	}
	request_done(req, n == LIST_PAGE ? slot : req->u.list.all ? CURSOR_ENDED : 0, n);
}

void pages_list(struct request *req, const struct wire_frame *frame)
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

void pages_locks(struct request *req, const struct wire_frame *frame)
{
	uint64_t cursor = frame->u.locks.cursor, n = 0;
	const struct wire_locked *lock = NULL;

	if (!peer_caller(req->peer)->admin) {
		request_error(req, WIRE_E_NOT_PERMITTED, NULL);
		return;
	}
	while (n < LIST_PAGE &&
		(lock = core_lock_next(req->dispatch->parts.core, &cursor)) != NULL) {
		request_reply(req, WIRE_locked, lock);
		n++;
	}
	request_done(req, lock != NULL ? cursor : 0, n);
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
		request_reply(req, WIRE_session, req->record);
		request_done(req, 0, 1);
	}
}

void pages_show(struct request *req, const struct wire_frame *frame)
{
	struct wire_session rec;
	enum wire_errno why;
	struct session *s;

	req->u.show = frame->u.show;
	s = core_find(
		req->dispatch->parts.core, peer_caller(req->peer), frame->u.show.prefix, &why);
	if (s != NULL) {
		session_record(s, &rec);
		request_reply(req, WIRE_session, &rec);
		request_done(req, 0, 1);
	} else if (why != WIRE_E_NO_SESSION) {
		request_error(req, why, NULL);
	} else if (ledger_read_ended(req->dispatch->parts.ledger, 0, readable_uid(req), show_ended,
			   req) < 0) {
		request_error(req, WIRE_E_UNAVAILABLE, "out of memory");
	}
}

static void read_page(void *ctx, int result, const struct ledger_page *page)
{
	struct request *req = ctx;
	struct wire_page msg = {0};
	struct ledger_stats stats;

	if (result < 0) {
		request_error(req, WIRE_E_UNAVAILABLE,
			result == -ESTALE ? "the events behind that one were pruned: begin anew"
					  : "the ledger cannot be read");
		return;
	}
	ledger_stats(req->dispatch->parts.ledger, &stats);
	if (req->u.read.wait && req->u.read.after > stats.seq) {
		request_error(req, WIRE_E_UNAVAILABLE,
			"the ledger does not go so far: it begins anew, and what was before is set "
			"aside");
		return;
	}
	if (page->len == 0 && req->u.read.wait && req->peer != NULL) {
		/* what was looked at is not looked at again */
		if (page->last > req->u.read.after)
			req->u.read.after = page->last;
		req->parked = true;
		return;
	}
	if (req->peer != NULL && readable_uid(req) == LEDGER_ALL_UIDS)
		reading_give(req->peer, page);
	msg.last = page->len > 0 ? page->last : req->u.read.after;
	msg.more = page->more;
	msg.body = (struct blob){.data = page->body, .len = page->len};
	request_reply(req, WIRE_page, &msg);
	request_end(req);
}

static void read_ledger(struct request *req)
{
	if (ledger_read(req->dispatch->parts.ledger, req->u.read.after, readable_uid(req),
		    read_page, req) < 0)
		request_error(req, WIRE_E_UNAVAILABLE, "out of memory");
}

void pages_read(struct request *req, const struct wire_frame *frame)
{
	req->u.read = frame->u.read;
	if (readable_uid(req) == LEDGER_ALL_UIDS &&
		reading_ask(req->dispatch->parts.core, req->peer, req->u.read.after,
			req->u.read.wait) < 0)
		request_error(req, WIRE_E_UNAVAILABLE, "out of memory");
	else
		read_ledger(req);
}

void pages_committed(void *ctx)
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
	ret->ledger_bytes = stats.bytes;
	ret->ledger_oldest_at = stats.oldest_at;
	ret->ledger_unsealed = stats.unsealed;
	ret->sealed_at = stats.sealed_at;
	ret->seal_failing = stats.seal_error[0] != '\0';
	d->parts.describe(d->parts.ctx, &state);
	ret->started_at = state.started_at;
}

/* The text of the first page is kept for the ones after it, so that they fit together. */
void pages_metrics(struct request *req, const struct wire_frame *frame)
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
	request_reply(req, WIRE_page, &msg);
	request_end(req);
}
