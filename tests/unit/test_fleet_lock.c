/*
 * The fleet's locks in an agent: what the store says of them (decree.c), and how sessd is brought
 * in line with it (lock.c). The store is the test, which calls the watch; sessd is a list of locks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/lock.h"
#include "fleet/statement.h"

#define ASKS_MAX  4096
#define SESSD_MAX 2048

/* A request to sessd that is under way. */
struct question {
	enum wire_type type;
	struct wire_lock lock;
	struct wire_unlock unlock;
	link_fn *fn;
	void *ctx;
};

static struct {
	struct agent a;
	struct authority authority;
	struct signer signer;
	struct watch_options store;
	unsigned watches; /* that were begun */
	struct question ask[ASKS_MAX];
	unsigned n;
	struct wire_locked has[SESSD_MAX]; /* what sessd has */
	unsigned n_has;
	unsigned n_set, n_lifted;   /* how often it was asked to */
	enum wire_errno refuses;    /* to set any; 0: it does */
	unsigned ends;		    /* sessions that each lock hits */
	bool away;		    /* it cannot be asked */
	char told[64][SID_HEX + 1]; /* whose order came of something ... */
	json_t *result[64];	    /* ... and of what */
	unsigned n_told;
	unsigned n_refusals;
} world;

/* --- In the place of link.c, etcd.c, watch.c, order.c and refusal.c --- */

int link_ask(struct link *link, enum wire_type type, const void *msg, link_fn *fn, void *ctx)
{
	struct question *q = &world.ask[world.n];

	(void)link;
	if (world.away)
		return -ECONNREFUSED;
	assert_true(world.n < ASKS_MAX);
	/* what is done is remembered before */
	assert_false(type != WIRE_locks && world.a.editions.dirty);
	*q = (struct question){.type = type, .fn = fn, .ctx = ctx};
	if (type == WIRE_lock)
		q->lock = *(const struct wire_lock *)msg;
	if (type == WIRE_unlock)
		q->unlock = *(const struct wire_unlock *)msg;
	world.n++;
	return 0;
}

struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request)
{
	const struct etcd_answer answer = {.outcome = ETCD_DONE};

	(void)etcd;
	json_decref(request->body);
	request->done(request->ctx, &answer);
	return NULL;
}

json_t *order_result(struct agent *a, const char *id, json_t *outcomes, const struct key *key)
{
	(void)a;
	(void)key;
	snprintf(world.told[world.n_told % 64], SID_HEX + 1, "%s", id);
	json_decref(world.result[world.n_told % 64]);
	world.result[world.n_told++ % 64] = outcomes;
	return json_object();
}

bool refusal_tell(struct agent *a, const struct signer *by, const char *what, const char *why)
{
	(void)a;
	(void)by;
	(void)what;
	(void)why;
	world.n_refusals++;
	return true;
}

void watch_start(struct watch *w, struct etcd *etcd, struct timers *timers,
	const struct watch_options *options)
{
	(void)w;
	(void)etcd;
	(void)timers;
	world.store = *options;
	world.watches++;
	world.store.begin(world.store.ctx);
}

void watch_stop(struct watch *w)
{
	(void)w;
}

/* --- sessd --- */

static struct wire_locked *sessd_find(const char *kind, const char *name)
{
	unsigned i;

	for (i = 0; i < world.n_has; i++)
		if (world.has[i].fleet && strcmp(world.has[i].kind, kind) == 0 &&
			strcmp(world.has[i].name, name) == 0)
			return &world.has[i];
	return NULL;
}

static void reply(const struct question *q, enum wire_type type)
{
	struct wire_frame frame = {.type = type};

	q->fn(q->ctx, &frame);
}

static void list_locks(const struct question *q)
{
	struct wire_frame frame = {.type = WIRE_locked};
	unsigned i;

	for (i = 0; i < world.n_has; i++) {
		frame.u.locked = world.has[i];
		q->fn(q->ctx, &frame);
	}
	reply(q, WIRE_done);
}

static void set_lock(const struct question *q)
{
	struct wire_frame frame = {.type = WIRE_error};
	struct wire_locked *has = sessd_find(q->lock.kind, q->lock.name);
	unsigned i;

	world.n_set++;
	if (world.refuses != 0) {
		frame.u.error.code = world.refuses;
		snprintf(frame.u.error.text, sizeof(frame.u.error.text), "there are too many");
		q->fn(q->ctx, &frame);
		return;
	}
	if (has == NULL)
		has = &world.has[world.n_has++];
	assert_true(world.n_has <= SESSD_MAX);
	*has = (struct wire_locked){.fleet = q->lock.fleet,
		.version = q->lock.version,
		.expires_at = q->lock.lasts > 0 ? clock_wall() + q->lock.lasts : 0};
	memcpy(has->kind, q->lock.kind, sizeof(has->kind));
	memcpy(has->name, q->lock.name, sizeof(has->name));
	memcpy(has->text, q->lock.text, sizeof(has->text));
	frame.type = WIRE_outcome;
	for (i = 0; i < world.ends; i++) {
		frame.u.outcome = (struct wire_outcome){.user = "bob"};
		q->fn(q->ctx, &frame);
	}
	reply(q, WIRE_done);
}

static void lift_lock(const struct question *q)
{
	struct wire_locked *has = sessd_find(q->unlock.kind, q->unlock.name);

	world.n_lifted++;
	if (has != NULL)
		*has = world.has[--world.n_has];
	reply(q, WIRE_done);
}

static struct question take_first(void)
{
	struct question q = world.ask[0];

	assert_true(world.n > 0);
	memmove(&world.ask[0], &world.ask[1], --world.n * sizeof(q));
	return q;
}

static void answer_first(void)
{
	struct question q = take_first();

	if (q.type == WIRE_locks)
		list_locks(&q);
	else if (q.type == WIRE_lock)
		set_lock(&q);
	else
		lift_lock(&q);
}

/* Answers all that is asked, and what is asked then. */
static void sessd_answers(void)
{
	while (world.n > 0)
		answer_first();
}

static void nothing(void *ctx, const struct wire_frame *frame)
{
	(void)ctx;
	(void)frame;
}

/* The lock is set, and the answer is lost. */
static void set_lock_in_vain(void)
{
	struct question q = take_first(), silent = q;

	assert_int_equal(q.type, WIRE_lock);
	silent.fn = nothing;
	set_lock(&silent);
	q.fn(q.ctx, NULL);
}

/* --- The store --- */

#define ORDER "0123456789abcdef0123456789abcde"

/* A statement about a user, by the key that is known; `order` may be NULL. */
static void say(
	const char *name, json_int_t version, json_int_t lasts, bool lifted, const char *order)
{
	json_t *text = json_pack("{s:I,s:s,s:I,s:b,s:s?}", "version", version, "by", "root",
		"lasts", lasts, "lifted", (int)lifted, "order", order);
	char key[256];
	struct reply_kv kv = {.key = key};
	char *value;

	snprintf(key, sizeof(key), KEY_LOCK "user/%s", name);
	kv.key_len = strlen(key);
	value = statement_seal(text, key, "web1", &world.authority.secret);
	assert_non_null(value);
	kv.value = value;
	kv.value_len = strlen(value);
	world.store.put(world.store.ctx, &kv);
	free(value);
	json_decref(text);
}

static void forget(const char *name)
{
	char key[256];
	struct reply_kv kv = {.key = key};

	snprintf(key, sizeof(key), KEY_LOCK "user/%s", name);
	kv.key_len = strlen(key);
	world.store.gone(world.store.ctx, &kv);
}

static void listed(void)
{
	world.store.listed(world.store.ctx);
	sessd_answers();
}

static int setup(void **state)
{
	static char dir[64];
	struct agent *a = &world.a;

	memset(&world, 0, sizeof(world));
	assert_true(sodium_init() >= 0);
	strcpy(dir, "/tmp/test_fleet_lock.XXXXXX");
	assert_non_null(mkdtemp(dir));
	crypto_sign_keypair(world.authority.secret.public, world.authority.secret.key);
	world.signer = (struct signer){.name = "web1", .may = RIGHT_LOCK};
	memcpy(world.signer.key, world.authority.secret.public, sizeof(world.signer.key));
	world.authority.signers = (struct signers){.list = &world.signer, .n = 1};
	a->o.host = "web1";
	a->o.data_dir = dir;
	a->o.authority = &world.authority;
	assert_int_equal(editions_init(&a->editions, dir), 0);
	assert_int_equal(locks_start(a), 0);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct agent *a = *state;
	unsigned i;

	locks_stop(a);
	unlink(a->editions.path);
	editions_fini(&a->editions);
	for (i = 0; i < 64; i++)
		json_decref(world.result[i]);
	return rmdir(a->o.data_dir);
}

/* The agent as after a restart; what is in its file and what sessd has stays. */
static void start_again(struct agent *a)
{
	locks_stop(a);
	editions_fini(&a->editions);
	assert_int_equal(editions_init(&a->editions, a->o.data_dir), 0);
	world.n = 0;
	assert_int_equal(locks_start(a), 0);
}

/* In the same words, and for another time: it is another lock. */
static void what_is_said_anew_is_set_anew(void **state)
{
	struct agent *a = *state;

	listed();
	say("bob", 5, 20 * (json_int_t)NS_PER_SEC, false, ORDER "1");
	sessd_answers();
	assert_int_equal(world.n_has, 1);
	assert_true(world.has[0].expires_at != 0);
	assert_int_equal(world.n_told, 1);
	world.ends = 2;
	say("bob", 6, 0, false, ORDER "2");
	sessd_answers();
	assert_int_equal(json_array_size(world.result[0]), 0);
	assert_int_equal(json_array_size(world.result[1]), 2);
	assert_int_equal(world.n_has, 1);
	assert_int_equal(world.has[0].expires_at, 0);
	assert_int_equal(world.n_told, 2);
	assert_string_equal(world.told[1], ORDER "2");
	/* and what it has is not set once more */
	locks_check(a);
	sessd_answers();
	start_again(a);
	say("bob", 6, 0, false, ORDER "2");
	listed();
	assert_int_equal(world.n_set, 2);
	assert_int_equal(world.n_told, 2);
}

static void what_is_lifted_is_lifted(void **state)
{
	(void)state;
	listed();
	say("bob", 5, 0, false, NULL);
	sessd_answers();
	assert_int_equal(world.n_has, 1);
	/* that the store lacks it is no word */
	forget("bob");
	sessd_answers();
	assert_int_equal(world.n_has, 1);
	say("bob", 4, 0, true, NULL);
	sessd_answers();
	assert_int_equal(world.n_has, 1);
	assert_int_equal(world.n_refusals, 1);
	say("bob", 6, 0, true, NULL);
	sessd_answers();
	assert_int_equal(world.n_has, 0);
	say("bob", 5, 0, false, NULL);
	sessd_answers();
	assert_int_equal(world.n_has, 0);
}

static void a_version_far_ahead_is_none(void **state)
{
	struct agent *a = *state;
	const struct edition wrong = {.kind = "user", .name = "bob", .version = INT64_MAX};

	listed();
	say("bob", INT64_MAX, 0, false, ORDER "1");
	sessd_answers();
	assert_int_equal(world.n_has, 0);
	assert_int_equal(world.n_refusals, 1);
	assert_int_equal(world.n_told, 1);
	/* nor does one count that is in the file */
	assert_int_equal(editions_take(&a->editions, &wrong), 0);
	say("bob", 5, 0, false, NULL);
	sessd_answers();
	assert_int_equal(world.n_has, 1);
	say("bob", 6, 0, true, NULL);
	sessd_answers();
	assert_int_equal(world.n_has, 0);
}

static bool is_on_disk(const struct agent *a, const char *name, uint64_t version)
{
	const struct edition *known;
	struct editions e;
	bool there;

	assert_int_equal(editions_init(&e, a->o.data_dir), 0);
	known = editions_find(&e, "user", name);
	there = known != NULL && known->version == version;
	editions_fini(&e);
	return there;
}

/* All of a listing are written at once, and each before sessd is asked for it. */
static void what_is_listed_is_remembered_at_once(void **state)
{
	struct agent *a = *state;

	say("bob", 5, 0, false, NULL);
	say("eve", 5, 0, false, NULL);
	assert_int_not_equal(access(a->editions.path, F_OK), 0);
	listed();
	assert_true(is_on_disk(a, "bob", 5) && is_on_disk(a, "eve", 5));
	/* while sessd is being asked what it has */
	locks_check(a);
	say("bob", 6, 0, true, NULL);
	assert_false(is_on_disk(a, "bob", 6));
	answer_first();
	assert_int_equal(world.ask[0].type, WIRE_unlock);
	assert_true(is_on_disk(a, "bob", 6));
	sessd_answers();
	locks_check(a);
	say("eve", 6, 0, false, NULL);
	assert_false(is_on_disk(a, "eve", 6));
	answer_first();
	assert_int_equal(world.ask[0].type, WIRE_lock);
	assert_true(is_on_disk(a, "eve", 6));
	sessd_answers();
	/* what no lock is set or lifted for, as well */
	say("fay", 7, 0, true, NULL);
	sessd_answers();
	assert_true(is_on_disk(a, "fay", 7));
	/* and while sessd is away */
	world.away = true;
	say("fay", 8, 0, true, NULL);
	assert_true(is_on_disk(a, "fay", 8));
}

static const char *refusal(unsigned i)
{
	const json_t *one = json_array_get(world.result[i], 0);

	return json_string_value(json_object_get(one, "refused"));
}

static void run_timers(struct agent *a)
{
	timers_run(&a->timers);
	sessd_answers();
}

static void run_until(struct agent *a, const unsigned *counter, unsigned n)
{
	uint64_t late = clock_boot() + 30 * NS_PER_SEC;

	while (*counter < n && clock_boot() < late)
		run_timers(a);
	assert_int_equal(*counter, n);
}

/* It is told once, and tried again after pauses that grow. */
static void what_sessd_refuses_is_not_tried_all_the_time(void **state)
{
	struct agent *a = *state;
	struct fleet_lock *f;
	uint64_t rest;

	listed();
	say("eve", 1, 0, false, NULL);
	sessd_answers();
	world.refuses = WIRE_E_UNAVAILABLE;
	say("bob", 5, 0, false, ORDER "1");
	sessd_answers();
	assert_int_equal(world.n_told, 1);
	assert_string_equal(world.told[0], ORDER "1");
	assert_string_equal(refusal(0), "there are too many");
	f = lock_find(a, "user", "bob");
	rest = f->rest_until;
	/* others do not have it tried */
	locks_check(a);
	run_timers(a);
	assert_int_equal(world.n_set, 2);
	run_until(a, &world.n_set, 3);
	assert_true(clock_boot() >= rest);
	assert_true(f->rest_until > clock_boot() + NS_PER_SEC / 2);
	assert_int_equal(world.n_told, 1);
	/* room may have come */
	world.refuses = 0;
	say("eve", 2, 0, true, NULL);
	sessd_answers();
	assert_int_equal(world.n_set, 4);
	assert_non_null(sessd_find("user", "bob"));
	assert_int_equal(world.n_told, 1);
}

/* sessd went in the midst of it: who waits for what comes of it is told, although it stands. */
static void what_was_not_heard_is_asked_again(void **state)
{
	struct agent *a = *state;

	listed();
	say("bob", 5, 0, false, ORDER "1");
	while (world.ask[0].type != WIRE_lock) {
		assert_int_equal(world.n, 1);
		answer_first();
	}
	set_lock_in_vain();
	assert_int_equal(world.n_told, 0);
	run_until(a, &world.n_told, 1);
	assert_int_equal(world.n_set, 2);
	assert_string_equal(world.told[0], ORDER "1");
	locks_check(a);
	sessd_answers();
	assert_int_equal(world.n_set, 2);
}

static void say_many(unsigned from, unsigned to)
{
	char name[16];
	unsigned i;

	for (i = from; i < to; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		say(name, 1, 0, false, NULL);
	}
}

/* There is room for as many as sessd has room for; what is lifted takes none. */
static void more_than_there_is_room_for(void **state)
{
	struct agent *a = *state;

	say_many(0, LOCK_MAX);
	say("bob", 1, 0, false, ORDER "1");
	assert_int_equal(world.n_refusals, 1);
	assert_string_equal(refusal(0), "there are too many locks");
	listed();
	assert_int_equal(world.n_has, LOCK_MAX);
	assert_int_equal(a->locks->n, LOCK_MAX);
	assert_false(a->locks->relist.set);
	say("u7", 2, 0, true, NULL);
	sessd_answers();
	assert_int_equal(world.n_has, LOCK_MAX - 1);
	/* now the store is asked what else it had */
	assert_true(a->locks->relist.set);
	a->locks->relist.at = 0;
	run_timers(a);
	assert_int_equal(world.watches, 2);
	say("u7", 2, 0, true, NULL);
	say_many(0, 7);
	say_many(8, LOCK_MAX);
	say("bob", 1, 0, false, ORDER "1");
	listed();
	assert_non_null(sessd_find("user", "bob"));
	assert_int_equal(world.n_refusals, 1);
	assert_false(a->locks->overfull);
	/* what sessd has and there is no room for is lifted all the same */
	world.has[world.n_has++] =
		(struct wire_locked){.kind = "user", .name = "eve", .fleet = true};
	say("eve", 2, 0, true, NULL);
	sessd_answers();
	assert_null(sessd_find("user", "eve"));
	assert_int_equal(world.n_refusals, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_said_anew_is_set_anew),
		TEST(what_is_lifted_is_lifted),
		TEST(a_version_far_ahead_is_none),
		TEST(what_is_listed_is_remembered_at_once),
		TEST(what_sessd_refuses_is_not_tried_all_the_time),
		TEST(what_was_not_heard_is_asked_again),
		TEST(more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
