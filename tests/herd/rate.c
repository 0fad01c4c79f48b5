/*
 * rate LEASE CLIENTS COUNT WHAT ENDPOINT...: how many requests a second the store bears, as the
 * agents put them, through its gateway. So many are under way at a time, until so many were
 * answered. WHAT: read (a user's sessions, two), put, place (one transaction on a condition), login
 * (a read and a place), renew (LEASE seconds). Prints `WHAT PER_SECOND P50_NS P99_NS FAILED`.
 */
#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "fleet/etcd.h"
#include "fleet/query.h"
#include "fleet/reply.h"

#define DEADLINE (10 * NS_PER_SEC)
#define USERS	 1000
#define VALUE                                                                        \
	"{\"uid\":2102,\"service\":\"sshd\",\"rhost\":\"192.0.2.77\",\"opened_at\":" \
	"179000000000000"                                                            \
	"0000,\"caps\":[\"contractors\"]}"

static struct timers timers;
static struct etcd *etcd;
static uint64_t lease, *took, answered, failed, begun, wanted;
static const char *what;

struct client {
	uint64_t asked_at;
	struct key user, own;
};

static void next(struct client *c);

static void ask(struct client *c, enum etcd_kind kind, const char *path, json_t *body,
	void (*done)(void *ctx, const struct etcd_answer *answer))
{
	if (etcd_start(etcd, &(struct etcd_request){.kind = kind,
				     .path = path,
				     .body = body,
				     .deadline = clock_boot() + DEADLINE,
				     .done = done,
				     .ctx = c}) == NULL)
		abort();
}

static void on_answer(void *ctx, const struct etcd_answer *answer)
{
	struct client *c = ctx;
	struct reply_txn txn;

	if (answer->outcome != ETCD_DONE) {
		failed++;
	} else if (strcmp(what, "place") == 0 || strcmp(what, "login") == 0) {
		/* another of the same user was quicker: that is an answer, but no place */
		failed += reply_txn(answer->root, &txn) < 0 || !txn.succeeded;
		reply_kvs_fini(&txn.got);
	}
	took[answered++] = clock_boot() - c->asked_at;
	next(c);
}

static void place(struct client *c, uint64_t revision)
{
	json_t *txn = query_txn();

	query_txn_if_nothing_newer(txn, &c->user, revision);
	query_txn_put(txn, query_put(&c->own, VALUE, lease));
	ask(c, ETCD_WRITE, ETCD_TXN, txn, on_answer);
}

static void on_read(void *ctx, const struct etcd_answer *answer)
{
	struct reply_kvs kvs = {0};
	uint64_t revision;

	if (answer->outcome != ETCD_DONE || reply_range(answer->root, &kvs) < 0) {
		on_answer(ctx, answer);
		return;
	}
	revision = kvs.revision;
	reply_kvs_fini(&kvs);
	place(ctx, revision);
}

static void name(struct client *c)
{
	char user[32], sid[33];
	uint8_t bytes[16];
	const char *parts[KEY_PARTS] = {user, "host", sid};

	snprintf(user, sizeof(user), "user%u", randombytes_uniform(USERS));
	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2hex(sid, sizeof(sid), bytes, sizeof(bytes));
	key_make(&c->own, KEY_SESSION, parts, false);
	parts[1] = NULL;
	key_make(&c->user, KEY_SESSION, parts, true);
}

static void next(struct client *c)
{
	if (begun == wanted)
		return;
	begun++;
	name(c);
	c->asked_at = clock_boot();
	if (strcmp(what, "read") == 0)
		ask(c, ETCD_READ, ETCD_RANGE, query_range(&c->user, 0), on_answer);
	else if (strcmp(what, "login") == 0)
		ask(c, ETCD_READ, ETCD_RANGE, query_range(&c->user, 0), on_read);
	else if (strcmp(what, "put") == 0)
		ask(c, ETCD_WRITE, ETCD_PUT, query_put(&c->own, VALUE, lease), on_answer);
	else if (strcmp(what, "place") == 0)
		/* nothing is newer than what will be */
		place(c, UINT32_MAX);
	else
		ask(c, ETCD_READ, ETCD_KEEPALIVE, query_keepalive(lease), on_answer);
}

static void on_granted(void *ctx, const struct etcd_answer *answer)
{
	struct reply_lease reply = {0};

	(void)ctx;
	if (answer->outcome == ETCD_DONE && reply_lease(answer->root, &reply) == 0)
		lease = reply.id;
	else
		lease = UINT64_MAX;
}

static void turn(void)
{
	if (http_turn(etcd_http(etcd), NULL, 0, timers_wait(&timers, 100)) < 0)
		abort();
	timers_run(&timers);
}

static bool grant(uint64_t seconds)
{
	lease = 0;
	ask(NULL, ETCD_READ, ETCD_GRANT, query_lease(0, seconds), on_granted);
	while (lease == 0)
		turn();
	return lease != UINT64_MAX;
}

static int by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int main(int argc, char **argv)
{
	struct etcd_options options = {.n_endpoints = 0};
	uint64_t from, ns, i, n_clients;
	struct client *clients;

	if (argc < 6 || sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 2;
	while (options.n_endpoints < ETCD_ENDPOINTS_MAX && argv[5 + options.n_endpoints] != NULL) {
		options.endpoints[options.n_endpoints] = argv[5 + options.n_endpoints];
		options.n_endpoints++;
	}
	n_clients = strtoull(argv[2], NULL, 10);
	wanted = strtoull(argv[3], NULL, 10);
	what = argv[4];
	clients = calloc(n_clients, sizeof(*clients));
	took = calloc(wanted, sizeof(*took));
	if (wanted == 0 || clients == NULL || took == NULL ||
		etcd_new(&options, &timers, &etcd) < 0 || !grant(strtoull(argv[1], NULL, 10)))
		return 1;
	from = clock_boot();
	for (i = 0; i < n_clients; i++)
		next(&clients[i]);
	while (answered < wanted)
		turn();
	ns = clock_boot() - from;
	qsort(took, wanted, sizeof(*took), by_time);
	printf("%s %llu %llu %llu %llu\n", what, (unsigned long long)(wanted * NS_PER_SEC / ns),
		(unsigned long long)took[wanted / 2],
		(unsigned long long)took[wanted - 1 - wanted / 100], (unsigned long long)failed);
	etcd_free(etcd);
	free(clients);
	free(took);
	return 0;
}
