/* The loop's half of the ledger: it hands over work, and is told what became of it. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sessd/ledger_state.h"
#include "sessd/log.h"

/* With the lock: the loop is to look. */
void ledger_tell_loop(struct ledger *l)
{
	uint64_t one = 1;

	if (l->shared.told)
		return;
	/* it can only fail where the counter is full, and then the descriptor is readable */
	if (write(l->event_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		l->shared.told = true;
}

/* With the lock: answers the event's caller, if he has not been. */
void ledger_finish(struct ledger *l, struct backlog_event *event, int result)
{
	if (event->call == NULL)
		return;
	event->call->result = result;
	calls_push(&l->shared.finished, event->call);
	event->call = NULL;
}

static void run_page(struct call *call)
{
	struct ledger_page page = {
		.body = call->buf,
		.len = call->result < 0 ? 0 : call->page.len,
		.last = call->page.at,
		.more = call->page.more,
	};

	call->page_done(call->ctx, call->result, &page);
}

static void run_past(struct call *call)
{
	struct ledger_past past = {
		.record = (const uint8_t *)call->buf,
		.len = call->past.len,
		.refused = call->past.refused,
	};

	call->past_done(call->ctx, call->result, call->past_known ? &past : NULL);
}

static void run_call(struct call *call)
{
	if (call->done != NULL)
		call->done(call->ctx, call->result);
	else if (call->past_done != NULL)
		run_past(call);
	else
		run_page(call);
	free(call);
}

void ledger_on_finished(void *ctx, uint32_t events)
{
	struct ledger *l = ctx;
	uint64_t timings[LEDGER_TIMINGS], ignored, commits = l->loop_side.stats.commits;
	size_t i, n_timings;
	struct calls calls;
	struct call *call;

	(void)events;
	if (read(l->event_fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
		log_error("ledger: reading its eventfd: %s", strerror(errno));
	pthread_mutex_lock(&l->lock);
	l->shared.told = false;
	calls = l->shared.finished;
	l->shared.finished = (struct calls){0};
	n_timings = l->shared.n_timings;
	memcpy(timings, l->shared.timings, n_timings * sizeof(timings[0]));
	l->shared.n_timings = 0;
	l->loop_side.stats = l->shared.stats;
	l->loop_side.written = l->shared.written;
	pthread_mutex_unlock(&l->lock);

	for (i = 0; i < n_timings && l->loop_side.on_timing != NULL; i++)
		l->loop_side.on_timing(l->loop_side.on_timing_ctx, timings[i]);
	while ((call = calls_pop(&calls)) != NULL)
		run_call(call);
	for (i = 0; i < l->loop_side.n_watchers && l->loop_side.stats.commits != commits; i++)
		l->loop_side.watchers[i].fn(l->loop_side.watchers[i].ctx);
}

static uint64_t queued(const struct ledger *l)
{
	return l->loop_side.appended - l->loop_side.written;
}

static bool full(const struct ledger *l)
{
	return queued(l) >= (l->loop_side.stats.failing ? LEDGER_QUEUE_MAX : LEDGER_BURST_MAX);
}

static int lose(struct ledger *l, uint64_t wall_ns, const struct ledger_row *row, bool fresh)
{
	bool is_new;
	int r;

	pthread_mutex_lock(&l->lock);
	r = backlog_lose(&l->shared.backlog, wall_ns, row, fresh, &is_new);
	pthread_mutex_unlock(&l->lock);
	l->loop_side.lost++;
	if (is_new) {
		log_error("ledger: %" PRIu64
			  " events wait to be written: from now on they are lost",
			queued(l));
		l->loop_side.appended++;
	}
	return r < 0 ? r : -ENOSPC;
}

static struct call *call_new(void *ctx, size_t size)
{
	struct call *call = malloc(sizeof(*call) + size);

	if (call == NULL)
		return NULL;
	*call = (struct call){.ctx = ctx};
	return call;
}

/* Hands over an event; while the ledger fails, its caller is told so without waiting for a try. */
static void enqueue(struct ledger *l, struct backlog_event *event)
{
	pthread_mutex_lock(&l->lock);
	backlog_push(&l->shared.backlog, event);
	if (!l->shared.stats.failing) {
		pthread_cond_signal(&l->work);
	} else if (event->call != NULL) {
		ledger_finish(l, event, l->shared.result);
		ledger_tell_loop(l);
	}
	pthread_mutex_unlock(&l->lock);
	l->loop_side.appended++;
}

static int append(struct ledger *l, const struct entry *entry, uid_t subject,
	const struct ledger_row *row, struct call *call)
{
	struct backlog_event *event;
	char body[ENTRY_MAX];
	bool fresh = false;
	uint64_t *last;
	size_t len;
	int r;

	if (row != NULL) {
		assert(row->id > 0 && row->id <= INT64_MAX);
		if (row->len > LEDGER_RECORD_MAX)
			return -EMSGSIZE;
		last = row->lock ? &l->loop_side.last_lock : &l->loop_side.last_id;
		fresh = row->id > *last;
		if (fresh)
			*last = row->id;
	}
	if (full(l))
		return lose(l, entry->time, row, fresh);
	r = entry_format(entry, body, sizeof(body), &len);
	if (r < 0)
		return r;
	event = backlog_event_new(body, len, subject, row);
	if (event == NULL) {
		l->loop_side.lost++;
		return -ENOMEM;
	}
	/* a service manager that is not started is nobody's attempt to log in */
	if (entry_is(entry, ENTRY_SESSION_REFUSED) && entry->class != CLASS_IGNORED)
		event->refused = entry->leader_pid;
	event->call = call;
	enqueue(l, event);
	return 0;
}

int ledger_append(struct ledger *l, const struct entry *entry, uid_t subject,
	const struct ledger_row *row, ledger_done_fn *done, void *ctx)
{
	struct call *call = NULL;
	int r;

	if (done != NULL) {
		call = call_new(ctx, 0);
		if (call == NULL) {
			l->loop_side.lost++;
			return -ENOMEM;
		}
		call->done = done;
	}
	r = append(l, entry, subject, row, call);
	if (r < 0)
		free(call);
	return r;
}

int ledger_append_login(struct ledger *l, const struct entry *entry, const struct ledger_row *row,
	uint64_t live, ledger_past_fn *done, void *ctx)
{
	struct call *call = call_new(ctx, LEDGER_RECORD_MAX);
	int r;

	if (call == NULL) {
		l->loop_side.lost++;
		return -ENOMEM;
	}
	call->past_done = done;
	call->past = (struct store_past){.uid = row->uid,
		.before = row->id,
		.live = live,
		.buf = call->buf,
		.size = LEDGER_RECORD_MAX};
	r = append(l, entry, row->uid, row, call);
	if (r < 0)
		free(call);
	return r;
}

int ledger_checkpoint(struct ledger *l, ledger_done_fn *done, void *ctx)
{
	struct call *call = call_new(ctx, 0);

	if (call == NULL)
		return -ENOMEM;
	call->done = done;
	pthread_mutex_lock(&l->lock);
	if (l->shared.stats.seal_key[0] == '\0' || l->shared.stats.failing) {
		call->result = l->shared.stats.failing ? l->shared.result : -ENOKEY;
		calls_push(&l->shared.finished, call);
		ledger_tell_loop(l);
	} else {
		calls_push(&l->shared.seals, call);
		pthread_cond_signal(&l->work);
	}
	pthread_mutex_unlock(&l->lock);
	return 0;
}

static int read_page(
	struct ledger *l, bool ended, uint64_t at, uid_t uid, ledger_page_fn *done, void *ctx)
{
	struct call *call = call_new(ctx, LEDGER_PAGE);

	if (call == NULL)
		return -ENOMEM;
	call->page_done = done;
	call->ended = ended;
	call->page =
		(struct store_page){.uid = uid, .at = at, .buf = call->buf, .size = LEDGER_PAGE};
	pthread_mutex_lock(&l->lock);
	calls_push(&l->shared.reads, call);
	pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
	return 0;
}

int ledger_read(struct ledger *l, uint64_t after, uid_t uid, ledger_page_fn *done, void *ctx)
{
	return read_page(l, false, after, uid, done, ctx);
}

int ledger_read_ended(struct ledger *l, uint64_t before, uid_t uid, ledger_page_fn *done, void *ctx)
{
	return read_page(l, true, before, uid, done, ctx);
}

static int load(struct ledger *l, int (*each)(struct store *s, ledger_row_fn *fn, void *ctx),
	ledger_row_fn *fn, void *ctx)
{
	int r;

	assert(l->loop_side.appended == 0);
	/* the thread has nothing to do yet, and so does not use the store */
	pthread_mutex_lock(&l->lock);
	r = each(&l->store, fn, ctx);
	pthread_mutex_unlock(&l->lock);
	return r;
}

int ledger_load(struct ledger *l, ledger_row_fn *fn, void *ctx)
{
	return load(l, store_live, fn, ctx);
}

int ledger_load_locks(struct ledger *l, ledger_row_fn *fn, void *ctx)
{
	return load(l, store_locks, fn, ctx);
}

uint64_t ledger_last_lock(const struct ledger *l)
{
	return l->loop_side.last_lock;
}

uint64_t ledger_last_id(const struct ledger *l)
{
	return l->loop_side.last_id;
}

int ledger_on_commit(struct ledger *l, loop_fn *fn, void *ctx)
{
	size_t n = l->loop_side.n_watchers;

	if (n == LEDGER_WATCHERS)
		return -ENOSPC;
	l->loop_side.watchers[n].fn = fn;
	l->loop_side.watchers[n].ctx = ctx;
	l->loop_side.n_watchers++;
	return 0;
}

void ledger_off_commit(struct ledger *l, const void *ctx)
{
	size_t i, k = 0;

	for (i = 0; i < l->loop_side.n_watchers; i++)
		if (l->loop_side.watchers[i].ctx != ctx)
			l->loop_side.watchers[k++] = l->loop_side.watchers[i];
	l->loop_side.n_watchers = k;
}

void ledger_on_timing(struct ledger *l, void (*fn)(void *ctx, uint64_t ns), void *ctx)
{
	l->loop_side.on_timing = fn;
	l->loop_side.on_timing_ctx = ctx;
}

void ledger_stats(const struct ledger *l, struct ledger_stats *ret)
{
	*ret = l->loop_side.stats;
	ret->queued = queued(l);
	ret->lost = l->loop_side.lost;
}
