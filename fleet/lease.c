#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/lease.h"
#include "fleet/query.h"
#include "fleet/reply.h"

#define REST (500 * NS_PER_MS)

static void keep_alive(void *ctx);

static uint64_t third(const struct lease *l)
{
	return l->ttl * NS_PER_SEC / 3;
}

static void again(void *ctx)
{
	lease_start(ctx);
}

static void ask(struct lease *l, const char *path, json_t *body,
	void (*done)(void *ctx, const struct etcd_answer *answer))
{
	l->asked_at = clock_boot();
	/* a grant that is not heard of runs out by itself */
	l->call = etcd_start(l->etcd, &(struct etcd_request){.kind = ETCD_READ,
					      .path = path,
					      .body = body,
					      .deadline = l->asked_at + third(l),
					      .done = done,
					      .ctx = l});
	if (l->call == NULL)
		timer_set(l->timers, &l->timer, clock_boot() + timer_jitter(REST),
			l->id != 0 ? keep_alive : again, l);
}

void lease_forget(struct lease *l)
{
	if (l->id == 0)
		return;
	log_warning("the lease is over: this host's sessions go on, and are registered again");
	l->id = 0;
	etcd_cancel(l->call);
	l->call = NULL;
	l->lost(l->ctx);
	lease_start(l);
}

static void on_renewed(void *ctx, const struct etcd_answer *answer)
{
	struct lease *l = ctx;
	struct reply_lease reply = {0};

	l->call = NULL;
	if (answer->outcome == ETCD_DONE && reply_lease(answer->root, &reply) == 0) {
		if (reply.ttl == 0) {
			lease_forget(l);
			return;
		}
		l->renewed_at = l->asked_at;
		timer_set(
			l->timers, &l->timer, clock_boot() + timer_jitter(third(l)), keep_alive, l);
		return;
	}
	timer_set(l->timers, &l->timer, clock_boot() + timer_jitter(REST), keep_alive, l);
}

static void keep_alive(void *ctx)
{
	struct lease *l = ctx;

	ask(l, ETCD_KEEPALIVE, query_keepalive(l->id), on_renewed);
}

static void on_granted(void *ctx, const struct etcd_answer *answer)
{
	struct lease *l = ctx;
	struct reply_lease reply;

	l->call = NULL;
	if (answer->outcome != ETCD_DONE || reply_lease(answer->root, &reply) < 0 ||
		reply.ttl == 0) {
		l->failed(l->ctx,
			answer->outcome == ETCD_DONE ? "what answers is not etcd" : answer->words);
		timer_set(l->timers, &l->timer, clock_boot() + timer_jitter(REST), again, l);
		return;
	}
	l->id = reply.id;
	l->renewed_at = l->asked_at;
	timer_set(l->timers, &l->timer, clock_boot() + timer_jitter(third(l)), keep_alive, l);
	l->granted(l->ctx);
}

void lease_start(struct lease *l)
{
	timer_cancel(&l->timer);
	ask(l, ETCD_GRANT, query_lease(l->ttl), on_granted);
}

void lease_stop(struct lease *l)
{
	etcd_cancel(l->call);
	l->call = NULL;
	timer_cancel(&l->timer);
}
