/*
 * The ledger's thread. A commit takes all that is waiting when it begins (up to BATCH_MAX);
 * meanwhile the next batch gathers, so the more is asked for, the more one fdatasync pays for.
 *
 * When a commit fails, its events go back to the front of the backlog and everybody who waits is
 * told so at once; until a retry, each RETRY_NS, succeeds, whoever comes is told immediately. So a
 * broken disk delays no login, and no call is answered twice.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/duration.h"
#include "sessd/fault.h"
#include "sessd/ledger_state.h"
#include "sessd/log.h"

/* Events in one transaction: beyond some hundreds a commit gets slower without getting cheaper for
 * each (measured: 50 at 7.8 us, 200 at 4.7 us). */
#define BATCH_MAX 512

/* Between two tries while the database cannot be written. */
#define RETRY_NS NS_PER_SEC

uint64_t ledger_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static int write_row(void *ctx, const struct ledger_row *row)
{
	return store_row(ctx, row);
}

static int write_gap(struct store *s, const struct backlog_event *gap)
{
	struct entry e;
	char body[ENTRY_MAX];
	size_t len;
	int r;

	entry_init(&e, ENTRY_LEDGER_GAP, gap->lost_at);
	e.count = gap->lost;
	snprintf(e.text, sizeof(e.text), "the ledger could not be written and too much waited");
	r = entry_format(&e, body, sizeof(body), &len);
	if (r == 0)
		r = store_event(s, LEDGER_ALL_UIDS, 0, body, len);
	return r == 0 ? backlog_gap_rows(gap, write_row, s) : r;
}

static int write_batch(struct ledger *l, const struct backlog *batch, bool seal, bool prune)
{
	struct store *s = &l->store;
	const struct backlog_event *event;
	int r = store_begin(s);

	for (event = batch->head; event != NULL && r == 0; event = event->next) {
		if (event->lost > 0)
			r = write_gap(s, event);
		else
			r = store_event(s, event->subject, event->refused, event->body, event->len);
		if (r == 0 && event->has_row)
			r = store_row(s, &event->row);
	}
	fault_point(FAULT_commit_begun);
	l->pruning.written = false;
	if (r == 0 && prune)
		r = pruning_write(l);
	/* the last event, so that it covers this batch */
	if (r == 0)
		r = sealing_write(l, seal || l->pruning.written, ledger_now());
	if (r == 0)
		r = store_commit(s);
	if (r < 0)
		store_rollback(s);
	return r;
}

/* The store is damaged, or was and could not be replaced: all goes into a new one. */
static int write_anew(struct ledger *l, const struct backlog *batch)
{
	int r = ledger_renew(l);

	return r == 0 ? write_batch(l, batch, false, false) : r;
}

static bool asks_past(const struct backlog_event *event)
{
	return event->call != NULL && event->call->past_done != NULL;
}

/* With the lock, after a commit: answers those who ask for nothing more, and counts. */
static void committed(struct ledger *l, const struct backlog *batch, uint64_t ns)
{
	struct backlog_event *event;

	for (event = batch->head; event != NULL; event = event->next) {
		if (!asks_past(event))
			ledger_finish(l, event, 0);
		l->shared.written++;
	}
	sealing_committed(l, ledger_now());
	pruning_committed(l);
	l->shared.result = 0;
	l->shared.stats.failing = false;
	l->shared.stats.error[0] = '\0';
	l->shared.stats.seq = l->store.head.seq;
	l->shared.stats.commits++;
	if (l->shared.n_timings < LEDGER_TIMINGS)
		l->shared.timings[l->shared.n_timings++] = ns;
}

/* Without the lock, after a commit: whoever asks nothing of the past does not wait for this. */
static void tell_past(struct ledger *l, const struct backlog *batch)
{
	struct backlog_event *event;
	bool asked = false;
	int r;

	for (event = batch->head; event != NULL; event = event->next) {
		if (!asks_past(event))
			continue;
		asked = true;
		r = store_read_past(&l->store, &event->call->past);
		if (r < 0)
			log_error("ledger: it cannot be read: %s", l->store.error);
		event->call->past_known = r == 0;
	}
	if (!asked)
		return;
	pthread_mutex_lock(&l->lock);
	for (event = batch->head; event != NULL; event = event->next)
		ledger_finish(l, event, 0);
	ledger_tell_loop(l);
	pthread_mutex_unlock(&l->lock);
}

/* With the lock: all who wait are told; nobody waits in the backlog while it fails. */
static void not_committed(struct ledger *l, struct backlog *batch, int result)
{
	struct ledger_stats *stats = &l->shared.stats;
	struct backlog_event *event;

	backlog_untake(&l->shared.backlog, batch);
	if (!stats->failing)
		for (event = l->shared.backlog.head; event != NULL; event = event->next)
			ledger_finish(l, event, result);
	l->shared.result = result;
	l->shared.retry_at = ledger_now() + RETRY_NS;
	sealing_failed(l, result, l->shared.retry_at);
	pruning_failed(l, l->shared.retry_at);
	stats->failing = true;
	stats->errors++;
	memcpy(stats->error, l->store.error, sizeof(stats->error));
}

/* Without the lock: a log that nobody reads must not hold up the loop. */
static void log_change(const struct ledger *l, bool was_failing, bool fails)
{
	if (fails && !was_failing)
		log_error(
			"ledger: it cannot be written: %s; events wait in memory", l->store.error);
	else if (was_failing && !fails)
		log_info("ledger: it can be written again");
}

/* Without the lock. */
static void copy_wal(struct ledger *l)
{
	if (store_checkpoint_due(&l->store) && store_checkpoint(&l->store) < 0)
		log_warning("ledger: the write-ahead log could not be copied: %s", l->store.error);
}

void ledger_measure(struct ledger *l)
{
	uint64_t bytes, oldest;

	if (store_extent(&l->store, &bytes, &oldest) < 0)
		return;
	pthread_mutex_lock(&l->lock);
	l->shared.stats.bytes = bytes;
	l->shared.stats.oldest_at = oldest;
	pthread_mutex_unlock(&l->lock);
}

/* With the lock, which it gives up meanwhile: one step of removing what is old. */
static void prune_some(struct ledger *l)
{
	pthread_mutex_unlock(&l->lock);
	pruning_step(l);
	copy_wal(l);
	pthread_mutex_lock(&l->lock);
}

/* With the lock, which it gives up meanwhile. */
static void commit_some(struct ledger *l)
{
	struct backlog batch;
	uint64_t start = ledger_now();
	bool was_failing, seal = sealing_due(l, start), prune = pruning_states(l, start);
	int r;

	backlog_take(&l->shared.backlog, BATCH_MAX, &batch);
	pthread_mutex_unlock(&l->lock);
	start = ledger_now();
	r = write_batch(l, &batch, seal, prune);
	if (r == -EBADMSG || r == -EBADF)
		r = write_anew(l, &batch);
	if (r == 0)
		fault_point(FAULT_commit_done);
	pthread_mutex_lock(&l->lock);
	was_failing = l->shared.stats.failing;
	if (r == 0)
		committed(l, &batch, ledger_now() - start);
	else
		not_committed(l, &batch, r);
	ledger_tell_loop(l);
	pthread_mutex_unlock(&l->lock);
	log_change(l, was_failing, r < 0);
	if (r == 0)
		tell_past(l, &batch);
	if (r == 0)
		sealing_finish(l);
	backlog_fini(&batch);
	if (r == 0)
		copy_wal(l);
	pthread_mutex_lock(&l->lock);
}

/* With the lock, which it gives up meanwhile: one slice of the first read. */
static void read_some(struct ledger *l)
{
	struct call *call = calls_pop(&l->shared.reads);
	int r;

	pthread_mutex_unlock(&l->lock);
	r = call->ended ? store_read_ended(&l->store, &call->page)
			: store_read(&l->store, &call->page);
	if (r < 0 && r != -ESTALE)
		log_error("ledger: it cannot be read: %s", l->store.error);
	pthread_mutex_lock(&l->lock);
	if (r == 0) {
		calls_push(&l->shared.reads, call);
		return;
	}
	call->result = r < 0 ? r : 0;
	calls_push(&l->shared.finished, call);
	ledger_tell_loop(l);
}

static bool commit_due(const struct ledger *l)
{
	uint64_t now = ledger_now();

	return (l->shared.backlog.head != NULL || sealing_due(l, now) || pruning_states(l, now)) &&
	       (!l->shared.stats.failing || now >= l->shared.retry_at);
}

/* With the lock: when there will be something to do by itself; 0: never. */
static uint64_t next_work(const struct ledger *l)
{
	uint64_t commit = l->shared.backlog.head != NULL ? l->shared.retry_at : l->sealing.due;
	uint64_t prune = pruning_next(l);

	if (commit == 0 || prune == 0)
		return commit + prune;
	return commit < prune ? commit : prune;
}

/* With the lock: until there is something to do. */
static void wait_for_work(struct ledger *l)
{
	struct timespec until;
	uint64_t at;

	while (!l->shared.stopping && l->shared.reads.head == NULL && !commit_due(l) &&
		!pruning_due(l, ledger_now())) {
		at = next_work(l);
		if (at == 0) {
			pthread_cond_wait(&l->work, &l->lock);
			continue;
		}
		until.tv_sec = (time_t)(at / NS_PER_SEC);
		until.tv_nsec = (long)(at % NS_PER_SEC);
		pthread_cond_timedwait(&l->work, &l->lock, &until);
	}
}

void *ledger_thread(void *arg)
{
	struct ledger *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->shared.stopping) {
		wait_for_work(l);
		if (commit_due(l))
			commit_some(l);
		if (l->shared.reads.head != NULL)
			read_some(l);
		if (pruning_due(l, ledger_now()))
			prune_some(l);
	}
	/* the rest, and its checkpoint; where it fails, this once */
	do
		if (l->shared.backlog.head != NULL || sealing_due(l, ledger_now()))
			commit_some(l);
	while (l->shared.backlog.head != NULL && !l->shared.stats.failing);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}
