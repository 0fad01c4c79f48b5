#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "sessd/feed.h"
#include "sessd/log.h"

/* Between two tries to open one who fails, seconds. */
#define RETRY_S 1

/* How long the end waits for one who hangs, seconds. */
#define FAREWELL_S 2

struct feed {
	struct feed_sink sink;
	struct loop *loop;
	struct ledger *ledger;
	struct loop_io io;
	int event_fd; /* the thread: there is something to ask */
	bool parked;  /* the ledger has nothing more: wait for a commit */
	bool reading;
	uint64_t read_at; /* behind which event the page that is being read begins */
	bool threaded;
	pthread_t thread;

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool stopping, reopen;
	bool asking; /* he wants the page behind `after` */
	bool given;  /* it is in `page` */
	uint64_t after, head;
	char target[FEED_TARGET]; /* "": off */
	char error[256];
	size_t len;
	char page[LEDGER_PAGE];
};

/* --- The thread --- */

static void tell_loop(struct feed *f)
{
	uint64_t one = 1;

	/* it can only fail where the counter is full, and then the descriptor is readable */
	if (write(f->event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("%s: its eventfd: %s", f->sink.name, strerror(errno));
}

/* With the lock, which it gives up while it waits; a second, or until something is wanted. */
static void rest(struct feed *f)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_S;
	while (!f->stopping && !f->reopen && !f->given)
		if (pthread_cond_timedwait(&f->work, &f->lock, &until) == ETIMEDOUT)
			return;
}

/* With the lock: what came of a call of his. */
static void judge(struct feed *f, int r)
{
	char what[sizeof(f->error)];
	const char *words = r < 0 ? f->sink.explain(r) : NULL;

	if (r < 0) {
		snprintf(what, sizeof(what), "%.150s: %s", f->target,
			words != NULL ? words : strerror(-r));
		if (strcmp(what, f->error) != 0)
			log_warning("%s: %s; it is tried again", f->sink.name, what);
		memcpy(f->error, what, sizeof(f->error));
	} else if (f->error[0] != '\0') {
		log_info("%s: %s: it goes on", f->sink.name, f->target);
		f->error[0] = '\0';
	}
}

/* With the lock, which it gives up meanwhile. */
static bool open_sink(struct feed *f)
{
	char target[FEED_TARGET];
	uint64_t after = f->after, head = f->head;
	int r;

	memcpy(target, f->target, sizeof(target));
	f->reopen = false;
	pthread_mutex_unlock(&f->lock);
	r = f->sink.open(f->sink.ctx, target, head, &after);
	pthread_mutex_lock(&f->lock);
	judge(f, r);
	if (r < 0)
		return false;
	f->after = after;
	f->given = false;
	f->asking = true;
	tell_loop(f);
	return true;
}

/* The same. */
static bool write_page(struct feed *f)
{
	uint64_t after = f->after;
	int r;

	pthread_mutex_unlock(&f->lock);
	r = f->sink.write(f->sink.ctx, f->page, f->len, &after);
	pthread_mutex_lock(&f->lock);
	judge(f, r);
	f->given = false;
	f->after = after;
	if (r < 0)
		return false;
	f->asking = true;
	tell_loop(f);
	return true;
}

/* With the lock, which it gives up meanwhile: he is not to have anything in hand. */
static void close_sink(struct feed *f)
{
	f->asking = f->given = false;
	pthread_mutex_unlock(&f->lock);
	f->sink.close(f->sink.ctx);
	pthread_mutex_lock(&f->lock);
}

static void *run(void *arg)
{
	struct feed *f = arg;
	bool open = false, well = true;

	pthread_mutex_lock(&f->lock);
	while (!f->stopping) {
		if (open && (f->reopen || !well)) {
			close_sink(f);
			open = false;
		}
		if (!well)
			rest(f);
		well = true;
		if (f->stopping || (!open && f->target[0] == '\0'))
			f->reopen = false;
		else if (!open)
			well = open = open_sink(f);
		else if (f->given)
			well = write_page(f);
		if (well && !f->stopping && !f->reopen && !f->given)
			pthread_cond_wait(&f->work, &f->lock);
	}
	if (open)
		close_sink(f);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* --- The loop --- */

static void take_page(void *ctx, int result, const struct ledger_page *page);

static void ask(struct feed *f)
{
	bool asking;

	/* what is on its way is looked at when it comes */
	if (f->reading)
		return;
	pthread_mutex_lock(&f->lock);
	asking = f->asking;
	f->read_at = f->after;
	pthread_mutex_unlock(&f->lock);
	if (!asking)
		return;
	f->reading = ledger_read(f->ledger, f->read_at, LEDGER_ALL_UIDS, take_page, f) == 0;
	f->parked = !f->reading;
}

static void take_page(void *ctx, int result, const struct ledger_page *page)
{
	struct feed *f = ctx;
	bool again;

	f->reading = false;
	pthread_mutex_lock(&f->lock);
	/* or he has been opened anew meanwhile */
	again = f->asking && f->after != f->read_at;
	if (f->asking && !again && result == 0 && page->len > 0) {
		memcpy(f->page, page->body, page->len);
		f->len = page->len;
		f->given = true;
		f->asking = false;
		if (page->last > f->head)
			f->head = page->last;
		pthread_cond_signal(&f->work);
	} else if (!again) {
		f->parked = true;
	}
	pthread_mutex_unlock(&f->lock);
	if (again)
		ask(f);
}

static void on_asked(void *ctx, uint32_t events)
{
	struct feed *f = ctx;
	uint64_t ignored;

	(void)events;
	if (read(f->event_fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
		log_error("%s: its eventfd: %s", f->sink.name, strerror(errno));
	ask(f);
}

static void on_commit(void *ctx)
{
	struct feed *f = ctx;

	if (!f->parked)
		return;
	f->parked = false;
	ask(f);
}

/* Signals are the loop's: the thread takes none. */
static int start_thread(struct feed *f)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int r;

	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->work, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&f->thread, NULL, run, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	f->threaded = r == 0;
	return -r;
}

int feed_new(
	struct loop *loop, struct ledger *ledger, const struct feed_sink *sink, struct feed **ret)
{
	struct feed *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL)
		return -ENOMEM;
	f->sink = *sink;
	f->loop = loop;
	f->ledger = ledger;
	f->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = f->event_fd < 0 ? -errno : loop_io_add(loop, &f->io, f->event_fd, EPOLLIN, on_asked, f);
	if (r == 0)
		r = start_thread(f);
	if (r == 0)
		r = ledger_on_commit(ledger, on_commit, f);
	if (r < 0) {
		feed_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void feed_direct(struct feed *f, const char *target)
{
	struct ledger_stats stats;
	bool off;

	pthread_mutex_lock(&f->lock);
	if (strcmp(f->target, target) != 0) {
		off = f->target[0] == '\0';
		ledger_stats(f->ledger, &stats);
		if (off)
			f->after = stats.seq;
		f->head = stats.seq;
		snprintf(f->target, sizeof(f->target), "%s", target);
		f->error[0] = '\0';
		f->reopen = true;
		pthread_cond_signal(&f->work);
	}
	pthread_mutex_unlock(&f->lock);
}

void feed_reopen(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->reopen = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
}

void feed_stats(struct feed *f, struct feed_stats *ret)
{
	pthread_mutex_lock(&f->lock);
	*ret = (struct feed_stats){.seq = f->after, .on = f->target[0] != '\0'};
	memcpy(ret->error, f->error, sizeof(ret->error));
	pthread_mutex_unlock(&f->lock);
}

/* False: he hangs, and the thread must be left as it is. */
static bool end_thread(struct feed *f)
{
	struct timespec until;

	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FAREWELL_S;
	return pthread_timedjoin_np(f->thread, NULL, &until) == 0;
}

bool feed_free(struct feed *f)
{
	if (f == NULL)
		return true;
	loop_io_remove(f->loop, &f->io);
	if (f->threaded && !end_thread(f)) {
		/* what it uses stays: the process ends, and with it the thread */
		log_warning("%s: it hangs", f->sink.name);
		return false;
	}
	close(f->event_fd);
	if (f->threaded) {
		pthread_cond_destroy(&f->work);
		pthread_mutex_destroy(&f->lock);
	}
	free(f);
	return true;
}
