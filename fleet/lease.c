/*
 * The agent chooses the id of its lease, and asks for the same one until it has it: what etcd did
 * and could not tell is then found to be there, and no request leaves a lease behind that nobody
 * keeps alive. A lease that is over is followed by one with another id.
 */
#include <sodium.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/lease.h"
#include "fleet/query.h"
#include "fleet/reply.h"

#define REST (500 * NS_PER_MS)

static void keep_alive(void *ctx);

uint64_t lease_new_id(void)
{
	uint64_t id;

	do {
		randombytes_buf(&id, sizeof(id));
		id &= INT64_MAX;
	} while (id == 0);
	return id;
}

bool lease_is_there(const struct etcd_answer *answer)
{
	return answer->outcome == ETCD_REFUSED &&
	       strstr(answer->words, "lease already exists") != NULL;
}

static void again(void *ctx)
{
	lease_start(ctx);
}

static void rest(struct lease *l)
{
	timer_set(l->timers, &l->timer,
		clock_boot() + timer_backoff(&l->failures, REST, lease_patience(l)),
		l->id != 0 ? keep_alive : again, l);
}

static void ask(struct lease *l, enum etcd_kind kind, const char *path, json_t *body,
	void (*done)(void *ctx, const struct etcd_answer *answer))
{
	l->asked_at = clock_boot();
	l->call = etcd_start(l->etcd, &(struct etcd_request){.kind = kind,
					      .path = path,
					      .body = body,
					      .deadline = l->asked_at + lease_patience(l),
					      .done = done,
					      .ctx = l});
	if (l->call == NULL)
		rest(l);
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

static void failed(struct lease *l, const struct etcd_answer *answer)
{
	if (l->id == 0)
		l->failed(l->ctx,
			answer->outcome == ETCD_DONE ? "what answers is not etcd" : answer->words);
	rest(l);
}

/* It was there when that was asked. */
static void holds(struct lease *l)
{
	bool is_new = l->id == 0;

	if (is_new)
		l->id = l->wanted;
	l->wanted = 0;
	l->failures = 0;
	l->renewed_at = l->asked_at;
	timer_set(l->timers, &l->timer, clock_boot() + timer_jitter(lease_patience(l)), keep_alive,
		l);
	if (is_new)
		l->granted(l->ctx);
}

static void on_renewed(void *ctx, const struct etcd_answer *answer)
{
	struct lease *l = ctx;
	struct reply_lease reply = {0};

	l->call = NULL;
	if (answer->outcome != ETCD_DONE || reply_lease(answer->root, &reply) < 0) {
		failed(l, answer);
	} else if (reply.ttl != 0) {
		holds(l);
	} else if (l->id != 0) {
		lease_forget(l);
	} else {
		/* it was granted so long ago that it has run out */
		l->wanted = 0;
		rest(l);
	}
}

static void keep_alive(void *ctx)
{
	struct lease *l = ctx;

	ask(l, ETCD_READ, ETCD_KEEPALIVE, query_keepalive(l->id != 0 ? l->id : l->wanted),
		on_renewed);
}

static void on_granted(void *ctx, const struct etcd_answer *answer)
{
	struct lease *l = ctx;
	struct reply_lease reply;

	l->call = NULL;
	if (lease_is_there(answer))
		keep_alive(l);
	else if (answer->outcome == ETCD_DONE && reply_lease(answer->root, &reply) == 0 &&
		 reply.id == l->wanted && reply.ttl != 0)
		holds(l);
	else
		failed(l, answer);
}

void lease_start(struct lease *l)
{
	timer_cancel(&l->timer);
	if (l->wanted == 0)
		l->wanted = lease_new_id();
	/* a write: one that may have been done is not repeated at once, but when it has rested */
	ask(l, ETCD_WRITE, ETCD_GRANT, query_lease(l->wanted, l->ttl), on_granted);
}

void lease_stop(struct lease *l)
{
	etcd_cancel(l->call);
	l->call = NULL;
	timer_cancel(&l->timer);
}
