#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/query.h"
#include "fleet/watch.h"

#define PAGE	     500
#define LIST_TIMEOUT (10 * NS_PER_SEC)
#define REST	     (200 * NS_PER_MS)
#define REST_MAX     (12 * NS_PER_SEC)
/* A stream that is not answered by then is at a server that does not run. */
#define CREATE_TIMEOUT (5 * NS_PER_SEC)
/* And one that is silent for long may be: it is begun anew, from where it is. */
#define LIFE (60 * NS_PER_SEC)

static void list(struct watch *w);
static void follow(struct watch *w);

static void go_on(void *ctx)
{
	struct watch *w = ctx;

	if (w->revision == 0)
		list(w);
	else
		follow(w);
}

static void rest(struct watch *w)
{
	timer_set(w->timers, &w->timer, clock_boot() + timer_backoff(&w->failures, REST, REST_MAX),
		go_on, w);
}

/* --- The list --- */

/* False: the page is not of this range. */
static bool take_page(struct watch *w, const struct reply_kvs *kvs)
{
	const struct reply_kv *last;
	size_t i;

	for (i = 0; i < kvs->n; i++)
		w->o.put(w->o.ctx, &kvs->kv[i]);
	if (!kvs->more)
		return true;
	last = kvs->n > 0 ? &kvs->kv[kvs->n - 1] : NULL;
	if (last == NULL || last->key_len >= sizeof(w->last.s))
		return false;
	memcpy(w->last.s, last->key, last->key_len + 1);
	w->last_len = last->key_len;
	return true;
}

static void see_store(struct watch *w, const json_t *list)
{
	struct epoch *epoch = etcd_epoch(w->etcd);

	epoch_judge(epoch, &w->asked, list);
	if (w->epoch == epoch->n)
		return;
	w->epoch = epoch->n;
	if (w->o.anew != NULL)
		w->o.anew(w->o.ctx);
}

static void ask_page(struct watch *w);

static void on_page(void *ctx, const struct etcd_answer *answer)
{
	struct watch *w = ctx;
	struct reply_kvs kvs = {0};
	bool good;

	w->call = NULL;
	if (answer->too_large && w->limit > 1) {
		w->limit /= 2;
		ask_page(w);
		return;
	}
	if (answer->outcome != ETCD_DONE || reply_range(answer->root, &kvs) < 0) {
		rest(w);
		return;
	}
	if (w->last_len == 0) {
		w->page_revision = kvs.revision;
		see_store(w, answer->root);
	}
	good = take_page(w, &kvs);
	if (good && kvs.more) {
		ask_page(w);
	} else if (good) {
		w->revision = w->page_revision;
		w->o.listed(w->o.ctx);
		follow(w);
	} else {
		rest(w);
	}
	reply_kvs_fini(&kvs);
}

static void ask_page(struct watch *w)
{
	w->call = etcd_start(w->etcd,
		&(struct etcd_request){.kind = ETCD_READ,
			.path = ETCD_RANGE,
			.body = w->last_len == 0 ? query_range(&w->o.under, w->limit)
						 : query_range_after(&w->o.under, w->last.s,
							   w->last_len, w->page_revision, w->limit),
			.deadline = clock_boot() + LIST_TIMEOUT,
			.done = on_page,
			.ctx = w});
	if (w->call == NULL)
		rest(w);
}

static void list(struct watch *w)
{
	w->last_len = 0;
	w->limit = PAGE;
	w->asked = *etcd_epoch(w->etcd);
	w->o.begin(w->o.ctx);
	ask_page(w);
}

/* --- The stream --- */

static void on_end(void *ctx, const struct etcd_answer *answer)
{
	struct watch *w = ctx;

	w->call = NULL;
	log_debug("watch of %s: %s", w->o.under.s, answer->words);
	rest(w);
}

static void too_quiet(void *ctx)
{
	struct watch *w = ctx;

	struct etcd_call *call = w->call;

	w->call = NULL;
	if (w->created) {
		etcd_cancel(call);
		follow(w);
	} else {
		etcd_distrust(call);
		rest(w);
	}
}

static void take_events(struct watch *w, const struct reply_watch *reply)
{
	const struct reply_event *e;
	size_t i;

	for (i = 0; i < reply->n; i++) {
		e = &reply->event[i];
		/* told before the stream was begun anew, or comes once more */
		if (e->kv.mod_revision <= w->revision)
			continue;
		if (e->deleted)
			w->o.gone(w->o.ctx, &e->kv);
		else
			w->o.put(w->o.ctx, &e->kv);
	}
	/* all of a revision come together, be it in several lines */
	if (!reply->fragment && reply->n > 0 &&
		reply->event[reply->n - 1].kv.mod_revision > w->revision)
		w->revision = reply->event[reply->n - 1].kv.mod_revision;
}

/* False: what it tells from here on is not what follows. */
static bool goes_on(struct watch *w, const json_t *line)
{
	if (w->epoch != etcd_epoch(w->etcd)->n || !epoch_goes_on(&w->asked, w->revision, line)) {
		w->revision = 0;
		return false;
	}
	epoch_see(etcd_epoch(w->etcd), line);
	return true;
}

static bool on_line(void *ctx, const json_t *line)
{
	struct watch *w = ctx;
	struct reply_watch reply;
	bool canceled;

	if (reply_watch(line, &reply) < 0) {
		log_warning("watch of %s: %s", w->o.under.s, reply_error(line));
		return false;
	}
	canceled = reply.canceled;
	/* a watch that is not permitted is told so in its stream, whether by who asks or by a token
	 * that has run out; an agent at rest asks for nothing else that would find that out */
	if (canceled && reply.compact_revision == 0)
		etcd_doubt_token(w->etcd);
	if (reply.compact_revision > w->revision)
		w->revision = 0;
	if (reply.created && !canceled && !goes_on(w, line)) {
		reply_watch_fini(&reply);
		return false;
	}
	take_events(w, &reply);
	if (reply.n > 0)
		epoch_see(etcd_epoch(w->etcd), line);
	if (reply.created && !canceled) {
		w->created = true;
		w->failures = 0;
		timer_set(w->timers, &w->timer, clock_boot() + timer_jitter(LIFE), too_quiet, w);
	}
	reply_watch_fini(&reply);
	return !canceled;
}

static void follow(struct watch *w)
{
	w->created = false;
	w->asked = *etcd_epoch(w->etcd);
	w->call = etcd_start(w->etcd, &(struct etcd_request){.kind = ETCD_STREAM,
					      .path = ETCD_WATCH,
					      .body = query_watch(&w->o.under, w->revision + 1),
					      .done = on_end,
					      .line = on_line,
					      .ctx = w});
	if (w->call == NULL)
		rest(w);
	else
		timer_set(w->timers, &w->timer, clock_boot() + CREATE_TIMEOUT, too_quiet, w);
}

void watch_start(struct watch *w, struct etcd *etcd, struct timers *timers,
	const struct watch_options *options)
{
	*w = (struct watch){
		.o = *options, .etcd = etcd, .timers = timers, .epoch = etcd_epoch(etcd)->n};
	list(w);
}

void watch_stop(struct watch *w)
{
	etcd_cancel(w->call);
	w->call = NULL;
	timer_cancel(&w->timer);
}
