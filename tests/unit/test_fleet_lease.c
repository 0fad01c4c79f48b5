/* The host's lease, against a store that does what a test says: it answers, or what it did is not
 * heard of. And how long is waited after what failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/lease.h"

#define TTL 30

struct etcd_call {
	struct etcd_request request;
	char id[24]; /* of the lease that it is about */
};

static struct {
	struct etcd_call *call; /* under way */
	unsigned n_granted, n_failed, n_lost;
} world;

static struct timers timers;

/* --- In the place of etcd.c --- */

struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request)
{
	struct etcd_call *call = calloc(1, sizeof(*call));

	(void)etcd;
	assert_non_null(call);
	assert_null(world.call);
	assert_non_null(request->body);
	call->request = *request;
	snprintf(call->id, sizeof(call->id), "%s",
		json_string_value(json_object_get(request->body, "ID")));
	json_decref(request->body);
	world.call = call;
	return call;
}

void etcd_cancel(struct etcd_call *call)
{
	if (call == NULL)
		return;
	assert_ptr_equal(call, world.call);
	free(call);
	world.call = NULL;
}

/* --- The owner --- */

static void on_granted(void *ctx)
{
	(void)ctx;
	world.n_granted++;
}

static void on_failed(void *ctx, const char *words)
{
	(void)ctx;
	assert_non_null(words);
	world.n_failed++;
}

static void on_lost(void *ctx)
{
	(void)ctx;
	world.n_lost++;
}

static struct lease begin(void)
{
	struct lease l = {.timers = &timers,
		.ttl = TTL,
		.granted = on_granted,
		.failed = on_failed,
		.lost = on_lost};

	/* what a test that failed has left */
	memset(&world, 0, sizeof(world));
	timers = (struct timers){0};
	return l;
}

/* --- The store --- */

static void answer(enum etcd_outcome outcome, const char *words)
{
	struct etcd_call *call = world.call;
	struct etcd_request request;
	struct etcd_answer a = {.outcome = outcome, .words = words};
	json_t *root = NULL;

	assert_non_null(call);
	request = call->request;
	if (outcome == ETCD_DONE)
		root = json_loads(words, 0, NULL);
	a.root = root;
	world.call = NULL;
	free(call);
	request.done(request.ctx, &a);
	json_decref(root);
}

static void is_asked(const char *path, const char *id)
{
	assert_non_null(world.call);
	assert_string_equal(world.call->request.path, path);
	assert_string_equal(world.call->id, id);
}

static void grants(void)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"ID\":\"%s\",\"TTL\":\"%d\"}", world.call->id, TTL);
	answer(ETCD_DONE, text);
}

/* As etcd answers it: a stream, and without TTL where there is no such lease. */
static void renews(bool there)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"result\":{\"ID\":\"%s\"%s}}", world.call->id,
		there ? ",\"TTL\":\"30\"" : "");
	answer(ETCD_DONE, text);
}

/* The time that it waits for has come, whenever it is. */
static void pass(struct lease *l)
{
	assert_null(world.call);
	assert_true(l->timer.set);
	l->timer.at = 0;
	timers_run(&timers);
}

/* Then it rests so long (ns), or up to one half less. */
static void fails(struct lease *l, uint64_t rest)
{
	uint64_t before = clock_boot();

	answer(ETCD_UNREACHABLE, "it does not answer");
	assert_true(l->timer.set);
	assert_in_range(l->timer.at, before + rest / 2, clock_boot() + rest);
	pass(l);
}

/* Asks for one for the first time: its id. */
static void start(struct lease *l, char id[24])
{
	lease_start(l);
	assert_non_null(world.call);
	memcpy(id, world.call->id, sizeof(world.call->id));
	is_asked(ETCD_GRANT, id);
	assert_true(strtoull(id, NULL, 10) - 1 < INT64_MAX);
}

/* --- Tests --- */

static void test_one_that_was_granted_unheard_is_taken(void **state)
{
	struct lease l = begin();
	char id[24];

	(void)state;
	start(&l, id);
	assert_int_equal(world.call->request.kind, ETCD_WRITE);
	answer(ETCD_UNKNOWN, "Operation timed out");
	pass(&l);
	is_asked(ETCD_GRANT, id);
	answer(ETCD_REFUSED, "etcdserver: lease already exists");
	assert_int_equal(world.n_granted, 0);
	is_asked(ETCD_KEEPALIVE, id);
	renews(true);
	assert_int_equal(world.n_granted, 1);
	assert_int_equal(l.id, strtoull(id, NULL, 10));
	/* and is renewed as any other */
	pass(&l);
	is_asked(ETCD_KEEPALIVE, id);
	renews(true);
	assert_int_equal(world.n_granted, 1);
	assert_int_equal(world.n_lost, 0);
	lease_stop(&l);
}

static void test_it_is_the_same_however_often_it_is_asked_for(void **state)
{
	struct lease l = begin();
	char id[24];
	int i;

	(void)state;
	start(&l, id);
	for (i = 0; i < 20; i++) {
		answer(i % 2 ? ETCD_UNKNOWN : ETCD_UNREACHABLE, "it does not answer");
		pass(&l);
		is_asked(ETCD_GRANT, id);
	}
	/* that it is there was heard, and not how long it has */
	answer(ETCD_REFUSED, "etcdserver: lease already exists");
	answer(ETCD_UNREACHABLE, "it does not answer");
	pass(&l);
	is_asked(ETCD_GRANT, id);
	grants();
	assert_int_equal(world.n_granted, 1);
	assert_int_equal(world.n_failed, 21);
	lease_stop(&l);
}

static void test_one_that_has_run_out_is_followed_by_another(void **state)
{
	struct lease l = begin();
	char id[24];

	(void)state;
	start(&l, id);
	answer(ETCD_UNKNOWN, "Operation timed out");
	pass(&l);
	answer(ETCD_REFUSED, "etcdserver: lease already exists");
	renews(false);
	/* not at once: etcd may go on like this */
	assert_null(world.call);
	assert_int_equal(world.n_granted, 0);
	pass(&l);
	assert_string_equal(world.call->request.path, ETCD_GRANT);
	assert_string_not_equal(world.call->id, id);
	lease_stop(&l);
}

static void test_after_a_loss_it_has_another_id(void **state)
{
	struct lease l = begin();
	char id[24];

	(void)state;
	start(&l, id);
	grants();
	pass(&l);
	renews(false);
	assert_int_equal(world.n_lost, 1);
	assert_int_equal(l.id, 0);
	assert_string_equal(world.call->request.path, ETCD_GRANT);
	assert_string_not_equal(world.call->id, id);
	memcpy(id, world.call->id, sizeof(id));
	grants();
	assert_int_equal(world.n_granted, 2);
	/* said elsewhere */
	lease_forget(&l);
	assert_string_not_equal(world.call->id, id);
	lease_stop(&l);
}

static void test_another_one_than_was_asked_for_is_none(void **state)
{
	struct lease l = begin();
	char id[24];

	(void)state;
	start(&l, id);
	answer(ETCD_DONE, "{\"ID\":\"5\",\"TTL\":\"30\"}");
	assert_int_equal(l.id, 0);
	assert_int_equal(world.n_failed, 1);
	pass(&l);
	is_asked(ETCD_GRANT, id);
	answer(ETCD_REFUSED, "etcdserver: permission denied");
	assert_null(world.call);
	assert_int_equal(world.n_failed, 2);
	lease_stop(&l);
}

static void test_it_rests_longer_each_time_until_it_succeeds(void **state)
{
	struct lease l = begin();
	uint64_t most = TTL * NS_PER_SEC / 3, rest = 500 * NS_PER_MS;
	char id[24];
	int i;

	(void)state;
	start(&l, id);
	for (i = 0; i < 12; i++) {
		fails(&l, rest);
		rest = 2 * rest < most ? 2 * rest : most;
	}
	assert_int_equal(rest, most);
	grants();
	pass(&l);
	fails(&l, 500 * NS_PER_MS);
	/* a lease that is held is asked for by its id */
	is_asked(ETCD_KEEPALIVE, id);
	lease_stop(&l);
}

static void test_hosts_that_fail_together_do_not_come_back_together(void **state)
{
	uint64_t first = UINT64_MAX, last = 0, ns;
	unsigned failures, i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		failures = 3;
		ns = timer_backoff(&failures, NS_PER_SEC, 3600 * NS_PER_SEC);
		assert_int_equal(failures, 4);
		first = ns < first ? ns : first;
		last = ns > last ? ns : last;
	}
	assert_in_range(first, 4 * NS_PER_SEC, 4400 * NS_PER_MS);
	assert_in_range(last, 7600 * NS_PER_MS, 8 * NS_PER_SEC);
	/* nor is anything counted beyond what it is for */
	failures = UINT32_MAX;
	assert_in_range(timer_backoff(&failures, NS_PER_SEC, 10 * NS_PER_SEC), 5 * NS_PER_SEC,
		10 * NS_PER_SEC);
	assert_int_equal(failures, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_was_granted_unheard_is_taken),
		cmocka_unit_test(test_it_is_the_same_however_often_it_is_asked_for),
		cmocka_unit_test(test_one_that_has_run_out_is_followed_by_another),
		cmocka_unit_test(test_after_a_loss_it_has_another_id),
		cmocka_unit_test(test_another_one_than_was_asked_for_is_none),
		cmocka_unit_test(test_it_rests_longer_each_time_until_it_succeeds),
		cmocka_unit_test(test_hosts_that_fail_together_do_not_come_back_together),
	};

	if (sodium_init() < 0)
		return 1;
	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
