/* The life of the ledger: its lock, its thread, its end. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessd/ledger_state.h"
#include "sessd/log.h"

static void calls_fini(struct calls *calls)
{
	struct call *call;

	while ((call = calls_pop(calls)) != NULL)
		free(call);
}

static int open_store(struct ledger *l, const char *path)
{
	int r = ledger_open_store(l, path);

	if (r == -EPROTONOSUPPORT)
		log_error(
			"ledger: %s was written by a newer sessd (%s): install that one again, or "
			"move the file away to begin a new ledger",
			path, l->store.error);
	else if (r == -EBUSY)
		log_error("ledger: another process has %s open", path);
	else if (r < 0)
		log_error("ledger: %s cannot be opened: %s", path, l->store.error);
	return r;
}

/* Signals are the loop's: the thread takes none. */
static int start_thread(struct ledger *l)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&l->thread, NULL, ledger_thread, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	l->threaded = r == 0;
	return -r;
}

static void init_lock(struct ledger *l)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->work, &attr);
	pthread_condattr_destroy(&attr);
}

int ledger_open(const char *dir, struct loop *loop, struct ledger **ret)
{
	struct ledger *l = calloc(1, sizeof(*l));
	struct ledger_stats *stats;
	int r;

	if (l == NULL)
		return -ENOMEM;
	init_lock(l);
	l->loop = loop;
	l->event_fd = -1;
	stats = &l->shared.stats;
	snprintf(l->dir, sizeof(l->dir), "%s", dir);
	if (snprintf(stats->path, sizeof(stats->path), "%s/" LEDGER_FILE, dir) >=
		(int)sizeof(stats->path))
		r = -ENAMETOOLONG;
	else
		r = open_store(l, stats->path);
	if (r == 0) {
		ledger_measure(l);
		stats->seq = l->store.head.seq;
		l->loop_side.stats = *stats;
		l->loop_side.last_id = l->store.last_id;
		l->loop_side.last_lock = l->store.last_lock;
		l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		r = l->event_fd < 0 ? -errno : 0;
	}
	if (r == 0)
		r = loop_io_add(loop, &l->io, l->event_fd, EPOLLIN, ledger_on_finished, l);
	if (r == 0)
		r = start_thread(l);
	if (r < 0) {
		ledger_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

void ledger_close(struct ledger *l)
{
	struct backlog_event *event;

	if (l == NULL)
		return;
	if (l->threaded) {
		pthread_mutex_lock(&l->lock);
		l->shared.stopping = true;
		pthread_cond_signal(&l->work);
		pthread_mutex_unlock(&l->lock);
		pthread_join(l->thread, NULL);
	}
	if (l->shared.backlog.head != NULL)
		log_error("ledger: events that waited are lost: %s", l->shared.stats.error);
	for (event = l->shared.backlog.head; event != NULL; event = event->next)
		free(event->call);
	backlog_fini(&l->shared.backlog);
	calls_fini(&l->shared.reads);
	calls_fini(&l->shared.seals);
	calls_fini(&l->shared.finished);
	if (l->event_fd >= 0) {
		loop_io_remove(l->loop, &l->io);
		close(l->event_fd);
	}
	seal_fini(&l->sealing.seal);
	store_close(&l->store);
	pthread_cond_destroy(&l->work);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
