/*
 * A place under the fleet's caps, against a store that does what a test says: it answers, lets a
 * write be lost or come late, and lets another host be quicker. No agent, no network.
 */
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
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/reply.h"

#define CALLS_MAX 32

struct etcd_call {
	struct etcd_request request;
	char *body;
};

static struct {
	struct etcd_call *call[CALLS_MAX]; /* under way, in their order */
	unsigned n;
	struct wire_placed told;
	unsigned n_told;
	struct wire_overshoot overshoot;
	unsigned n_overshoots;
	bool joined;
	bool idlest;	   /* who makes place */
	const char *words; /* of what is refused */
} world;

/* --- In the place of etcd.c and agent.c --- */

struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request)
{
	struct etcd_call *call = calloc(1, sizeof(*call));

	(void)etcd;
	assert_non_null(call);
	assert_non_null(request->body);
	assert_true(world.n < CALLS_MAX);
	call->request = *request;
	call->body = json_dumps(request->body, JSON_COMPACT);
	json_decref(request->body);
	world.call[world.n++] = call;
	return call;
}

static void forget(struct etcd_call *call)
{
	unsigned i;

	for (i = 0; world.call[i] != call; i++)
		assert_true(i < world.n);
	memmove(&world.call[i], &world.call[i + 1], (--world.n - i) * sizeof(call));
	free(call->body);
	free(call);
}

void etcd_cancel(struct etcd_call *call)
{
	if (call != NULL)
		forget(call);
}

bool agent_joined(const struct agent *a)
{
	(void)a;
	return world.joined;
}

void agent_tell(struct agent *a, enum wire_type type, const void *msg)
{
	(void)a;
	if (type == WIRE_overshoot) {
		world.overshoot = *(const struct wire_overshoot *)msg;
		world.n_overshoots++;
		return;
	}
	assert_int_equal(type, WIRE_placed);
	world.told = *(const struct wire_placed *)msg;
	world.n_told++;
}

void lease_forget(struct lease *lease)
{
	lease->id = 0;
}

json_t *order_evict(const struct agent *a, const struct order_eviction *what, const char *challenge)
{
	(void)a;
	assert_string_equal(what->user, "bob");
	return json_pack("{s:s,s:s,s:s,s:s}", "host", what->host, "challenge", challenge, "sid",
		what->sid, "policy", what->policy);
}

bool claim_challenge(const struct reply_kv *kv, char ret[SID_HEX + 1])
{
	memcpy(ret, kv->value, kv->value_len + 1);
	return kv->value_len > 0;
}

/* --- The store --- */

static void answer(enum etcd_outcome outcome, const char *text)
{
	struct etcd_call *call = world.call[0];
	struct etcd_request request = call->request;
	json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;
	struct etcd_answer a = {.outcome = outcome, .root = root, .words = world.words};

	assert_true(world.n > 0);
	forget(call);
	request.done(request.ctx, &a);
	json_decref(root);
}

static const char *base64(const char *s)
{
	static char out[8][2048];
	static unsigned next;

	next = (next + 1) % 8;
	return sodium_bin2base64(out[next], sizeof(out[next]), (const unsigned char *)s, strlen(s),
		sodium_base64_VARIANT_ORIGINAL);
}

/* One of bob's on that host, as JSON. */
static const char *entry(const char *host, const char *sid, unsigned created, unsigned lease)
{
	static char out[4][4096];
	static unsigned next;
	char key[512];

	next = (next + 1) % 4;
	snprintf(key, sizeof(key), KEY_SESSION "bob/%s/%s", host, sid);
	snprintf(out[next], sizeof(out[next]),
		"{\"key\":\"%s\",\"value\":\"%s\",\"create_revision\":\"%u\",\"mod_revision\":\"%"
		"u\","
		"\"lease\":\"%u\"}",
		base64(key),
		base64("{\"uid\":5,\"service\":\"sshd\",\"rhost\":\"::1\",\"caps\":[\"p\"]}"),
		created, created, lease);
	return out[next];
}

/* What a host says of one or two sessions, as JSON. */
static const char *said(const char *host, const char *text)
{
	struct json_t *asked = json_loads(world.call[0]->body, 0, NULL);
	static char out[4][4096];
	static unsigned next;
	char key[512], id[512] = "";
	size_t len;

	/* the id is in the key that is looked for */
	assert_int_equal(sodium_base642bin((unsigned char *)key, sizeof(key) - 1,
				 json_string_value(json_object_get(asked, "key")),
				 strlen(json_string_value(json_object_get(asked, "key"))), NULL,
				 &len, NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	key[len] = '\0';
	json_decref(asked);
	assert_int_equal(strncmp(key, KEY_DONE, strlen(KEY_DONE)), 0);
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(key + strlen(KEY_DONE), "/"),
		key + strlen(KEY_DONE));
	next = (next + 1) % 4;
	snprintf(key, sizeof(key), KEY_DONE "%s/%s", id, host);
	snprintf(out[next], sizeof(out[next]),
		"{\"key\":\"%s\",\"value\":\"%s\",\"create_revision\":\"9\",\"mod_revision\":"
		"\"9\"}",
		base64(key), base64(text));
	return out[next];
}

/* Nothing but time passes. */
static void run_until_asked(struct agent *a)
{
	while (world.n == 0)
		timers_run(&a->timers);
}

/* What nobody waits for is done. */
static void carry_out_the_rest(void)
{
	while (world.n > 0)
		answer(ETCD_DONE, "{\"header\":{\"revision\":\"30\"},\"succeeded\":true}");
}

static bool is_for(unsigned call, const char *kind)
{
	char needle[512];

	/* keys are in base64: of three bytes four are made, and the last ones are of the next too
	 */
	snprintf(needle, sizeof(needle), "%s", base64(kind));
	needle[strlen(kind) / 3 * 4] = '\0';
	return strstr(world.call[call]->body, needle) != NULL;
}

/* The answer to a count: these entries (NULL: none). */
static void counted(unsigned revision, const char *a, const char *b)
{
	static char text[131072];

	assert_string_equal(world.call[0]->request.path, ETCD_RANGE);
	snprintf(text, sizeof(text), "{\"header\":{\"revision\":\"%u\"},\"kvs\":[%s%s%s]}",
		revision, a ? a : "", b ? "," : "", b ? b : "");
	answer(ETCD_DONE, text);
}

static void put_answered(bool succeeded)
{
	assert_string_equal(world.call[0]->request.path, ETCD_TXN);
	answer(ETCD_DONE, succeeded ? "{\"header\":{\"revision\":\"20\"},\"succeeded\":true}"
				    : "{\"header\":{\"revision\":\"20\"}}");
}

#define ONE "11111111111111111111111111111111"
#define TWO "22222222222222222222222222222222"
#define OWN "33333333333333333333333333333333"

static int setup(void **state)
{
	struct agent *a = calloc(1, sizeof(*a));

	memset(&world, 0, sizeof(world));
	world.joined = true;
	world.words = "the test says so";
	assert_non_null(a);
	a->o.host = "here";
	a->lease.id = 7;
	a->registry.complete = true;
	members_init(a);
	assert_int_equal(overshoots_init(a), 0);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct agent *a = *state;

	places_fini(a);
	carry_out_the_rest();
	overshoots_fini(a);
	members_fini(a);
	assert_int_equal(world.n, 0);
	free(a);
	return 0;
}

/* sessd tells of one of bob's, under a cap of 2. */
static struct member *tell(struct agent *a, const char *hex, bool seeks, bool evict)
{
	struct wire_member msg = {
		.user = "bob", .uid = 1, .service = "sshd", .opened_at = 1, .seeks = seeks};
	struct member *m;

	assert_true(sid_parse(hex, &msg.sid));
	a->caps[0] = (struct cap){.policy = "p", .max = 2, .evict = evict, .idlest = world.idlest};
	a->n_caps = 1;
	m = member_tell(a, &msg);
	assert_non_null(m);
	a->n_caps = 0;
	if (seeks)
		place_seek(a, m);
	return m;
}

static void a_free_place_is_taken_on_condition(void **state)
{
	struct agent *a = *state;
	struct member *m = tell(a, OWN, true, false);
	json_t *txn;

	counted(9, entry("far", ONE, 3, 5), NULL);
	/* nothing of his may have been created since the count */
	txn = json_loads(world.call[0]->body, 0, NULL);
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(json_object_get(txn, "compare"), 0), "create_revision")),
		"10");
	json_decref(txn);
	assert_int_equal(world.n_told, 0);
	put_answered(true);
	assert_int_equal(world.n_told, 1);
	assert_true(world.told.granted);
	assert_true(m->registered && !m->seeking);
}

static void a_full_cap_refuses(void **state)
{
	tell(*state, OWN, true, false);
	counted(9, entry("far", ONE, 3, 5), entry("off", TWO, 4, 6));
	assert_int_equal(world.n_told, 1);
	assert_false(world.told.granted || world.told.unreachable);
	assert_int_equal(world.told.count, 2);
	assert_string_equal(world.told.policy, "p");
	assert_string_equal(world.told.text, "sshd from ::1 on far, sshd from ::1 on off");
}

static void who_was_slower_counts_again(void **state)
{
	tell(*state, OWN, true, false);
	counted(9, entry("far", ONE, 3, 5), NULL);
	put_answered(false);
	assert_int_equal(world.n_told, 0);
	counted(12, entry("far", ONE, 3, 5), entry("off", TWO, 11, 6));
	assert_int_equal(world.n_told, 1);
	assert_false(world.told.granted);
}

static void a_write_that_was_not_heard_of_is_read_back(void **state)
{
	struct member *m = tell(*state, OWN, true, false);

	counted(9, entry("far", ONE, 3, 5), NULL);
	answer(ETCD_UNKNOWN, NULL);
	assert_int_equal(world.n_told, 0);
	/* it was carried out: the cap is full, and with ourselves */
	counted(12, entry("far", ONE, 3, 5), entry("here", OWN, 10, 7));
	assert_int_equal(world.n_told, 1);
	assert_true(world.told.granted);
	assert_true(m->doubt_until > clock_boot());
}

static void and_done_again_where_it_was_not(void **state)
{
	tell(*state, OWN, true, false);
	counted(9, NULL, NULL);
	answer(ETCD_UNKNOWN, NULL);
	counted(12, NULL, NULL);
	put_answered(true);
	assert_true(world.told.granted);
}

static void one_under_an_older_lease_is_not_ours(void **state)
{
	tell(*state, OWN, true, false);
	counted(9, entry("here", OWN, 3, 6), NULL);
	assert_int_equal(world.n_told, 0);
	assert_string_equal(world.call[0]->request.path, ETCD_TXN);
	put_answered(true);
	assert_true(world.told.granted);
}

static void own_ones_are_known_better(void **state)
{
	struct agent *a = *state;

	/* two of this host in the store have ended; one that the store has not heard of lives */
	tell(a, ONE, false, false);
	tell(a, OWN, true, false);
	counted(9, entry("here", TWO, 3, 7),
		entry("here", "44444444444444444444444444444444", 4, 7));
	assert_int_equal(world.n_told, 0);
	assert_string_equal(world.call[0]->request.path, ETCD_TXN);
	put_answered(false);
	counted(9, entry("far", TWO, 3, 5), NULL);
	/* one far, one here that is not written yet */
	assert_int_equal(world.n_told, 1);
	assert_false(world.told.granted);
	assert_int_equal(world.told.count, 2);
}

/* Of two requests under way the later one is answered first. */
static void the_other_is_quicker(void)
{
	struct etcd_call *first = world.call[0];

	assert_int_equal(world.n, 2);
	world.call[0] = world.call[1];
	world.call[1] = first;
}

static void one_that_is_written_counts_before_that_is_heard_of(void **state)
{
	struct agent *a = *state;

	tell(a, ONE, true, false);
	counted(9, entry("far", TWO, 3, 5), NULL);
	tell(a, OWN, true, false);
	the_other_is_quicker();
	counted(10, entry("far", TWO, 3, 5), entry("here", ONE, 10, 7));
	assert_int_equal(world.n_told, 1);
	assert_false(world.told.granted);
	assert_int_equal(world.told.count, 2);
	put_answered(true);
	assert_int_equal(world.n_told, 2);
	assert_true(world.told.granted);
}

static void before_all_are_told_none_is_passed_over(void **state)
{
	struct agent *a = *state;

	a->registry.complete = false;
	tell(a, OWN, true, false);
	counted(9, entry("here", ONE, 3, 7), entry("here", TWO, 4, 7));
	assert_int_equal(world.n_told, 1);
	assert_false(world.told.granted);
}

/* sessd was started anew, or tells all once more: of who seeks a place it knows nothing. */
static void one_that_the_table_lacks_seeks_no_more(void **state)
{
	struct agent *a = *state;
	struct member *m;

	/* while it waits for somebody to go, or for an answer, or for that of its write */
	tell(a, ONE, true, true);
	counted(9, entry("far", TWO, 3, 5), entry("off", OWN, 4, 6));
	members_begin(a);
	members_complete(a);
	assert_int_equal(a->n_places, 0);
	carry_out_the_rest();
	m = tell(a, TWO, true, false);
	counted(9, NULL, NULL);
	members_begin(a);
	members_complete(a);
	assert_int_equal(a->n_places, 0);
	/* that may come yet, and is undone then */
	assert_true(m->doubt_until > clock_boot() && m->dirty);
	timers_run(&a->timers);
	carry_out_the_rest();
	assert_int_equal(world.n_told, 0);
}

/* That a lease is over is heard of one that has been followed by another already. */
static void a_lease_that_is_over_does_not_end_the_next(void **state)
{
	struct agent *a = *state;

	world.words = "etcdserver: requested lease not found";
	tell(a, ONE, true, false);
	counted(9, NULL, NULL);
	a->lease.id = 8;
	answer(ETCD_REFUSED, NULL);
	assert_int_equal(a->lease.id, 8);
	tell(a, TWO, false, false);
	run_until_asked(a);
	a->lease.id = 9;
	answer(ETCD_REFUSED, NULL);
	assert_int_equal(a->lease.id, 9);
	/* its own word ends it */
	run_until_asked(a);
	answer(ETCD_REFUSED, NULL);
	assert_int_equal(a->lease.id, 0);
	a->lease.id = 10;
	tell(a, OWN, true, false);
	counted(9, NULL, NULL);
	answer(ETCD_REFUSED, NULL);
	assert_int_equal(a->lease.id, 0);
	world.joined = false;
}

static void none_seeks_of_a_sessd_that_has_gone(void **state)
{
	struct agent *a = *state;
	struct member *m = tell(a, ONE, true, false);

	counted(9, NULL, NULL);
	places_fini(a);
	assert_int_equal(a->n_places, 0);
	assert_true(m->doubt_until > clock_boot());
	/* the next one has let it in */
	members_begin(a);
	tell(a, ONE, false, false);
	members_complete(a);
	assert_true(m->present && !m->seeking);
	assert_int_equal(world.n_told, 0);
}

/* The victim's host is asked for the challenge that the order answers. */
static void challenged(const char *host, const char *challenge)
{
	char text[1024], key[512];
	json_t *body = json_loads(world.call[0]->body, 0, NULL);

	snprintf(key, sizeof(key), KEY_HOST "%s", host);
	assert_string_equal(world.call[0]->request.path, ETCD_RANGE);
	assert_string_equal(json_string_value(json_object_get(body, "key")), base64(key));
	json_decref(body);
	snprintf(text, sizeof(text),
		"{\"header\":{\"revision\":\"9\"},\"kvs\":[{\"key\":\"%s\",\"value\":\"%s\"}]}",
		base64(key), base64(challenge));
	answer(ETCD_DONE, text);
}

/* A host that publishes none cannot be ordered: it is looked for again. */
static void without_a_challenge_nothing_is_ordered(void **state)
{
	struct agent *a = *state;

	tell(a, OWN, true, true);
	counted(9, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	challenged("off", "");
	assert_int_equal(world.n, 0);
	while (world.n == 0)
		timers_run(&a->timers);
	counted(9, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	challenged("off", "fresh");
	assert_int_equal(world.n, 1);
	answer(ETCD_DONE, "{\"header\":{\"revision\":\"10\"}}");
}

static void the_oldest_makes_place(void **state)
{
	struct agent *a = *state;
	json_t *order;

	tell(a, OWN, true, true);
	counted(9, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	challenged("off", "fresh");
	order = json_loads(world.call[0]->body, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(order, "challenge")), "fresh");
	assert_string_equal(json_string_value(json_object_get(order, "policy")), "p");
	assert_string_equal(json_string_value(json_object_get(order, "sid")), TWO);
	assert_string_equal(json_string_value(json_object_get(order, "host")), "off");
	json_decref(order);
	answer(ETCD_DONE, "{\"header\":{\"revision\":\"10\"}}");
	assert_int_equal(world.n, 0);
	/* it is looked for, and ordered once only */
	while (world.n == 0)
		timers_run(&a->timers);
	counted(10, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	assert_int_equal(world.n, 0);
	while (world.n == 0)
		timers_run(&a->timers);
	assert_int_equal(world.n_told, 0);
	counted(12, entry("far", ONE, 5, 5), NULL);
	put_answered(true);
	assert_true(world.told.granted);
}

static void who_does_not_go_in_time_keeps_his_place(void **state)
{
	struct agent *a = *state;

	tell(a, OWN, true, true);
	counted(9, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	challenged("off", "fresh");
	answer(ETCD_DONE, "{\"header\":{\"revision\":\"10\"}}");
	while (world.n_told == 0) {
		timers_run(&a->timers);
		if (world.n > 0 && world.n_told == 0)
			counted(10, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	}
	assert_false(world.told.granted || world.told.unreachable);
}

static void what_cannot_be_known_is_said_so(void **state)
{
	struct agent *a = *state;

	tell(a, OWN, true, false);
	answer(ETCD_UNREACHABLE, NULL);
	assert_true(world.told.unreachable);
	tell(a, ONE, true, false);
	answer(ETCD_DONE, "{\"kvs\":[]}");
	assert_true(world.n_told == 2 && world.told.unreachable);
	tell(a, TWO, true, false);
	counted(9, NULL, NULL);
	answer(ETCD_REFUSED, NULL);
	assert_true(world.n_told == 3 && world.told.unreachable && !world.told.granted);
	world.joined = false;
	tell(a, "55555555555555555555555555555555", true, false);
	assert_true(world.n_told == 4 && world.told.unreachable);
}

static void who_leaves_meanwhile_is_taken_out_again(void **state)
{
	struct agent *a = *state;
	struct member *m = tell(a, OWN, true, false);

	counted(9, NULL, NULL);
	/* the write is under way */
	place_forget(a, &m->sid);
	member_left(a, &m->sid);
	assert_int_equal(world.n, 0);
	assert_true(m->dirty && !m->present && m->doubt_until > clock_boot());
	assert_int_equal(a->n_places, 0);
	assert_int_equal(world.n_told, 0);
}

static struct member *tell_idlest(struct agent *a, const char *hex)
{
	world.idlest = true;
	return tell(a, hex, true, true);
}

/* Its host is asked for the challenge; then the order's members are in the body of the first call.
 */
static void assert_ordered(const char *host, const char *sid)
{
	json_t *order;

	challenged(host, "fresh");
	order = json_loads(world.call[0]->body, 0, NULL);
	assert_string_equal(world.call[0]->request.path, ETCD_PUT);
	assert_string_equal(json_string_value(json_object_get(order, "sid")), sid);
	assert_string_equal(json_string_value(json_object_get(order, "host")), host);
	json_decref(order);
}

static void kvs(const char *a, const char *b)
{
	static char text[16384];

	assert_string_equal(world.call[0]->request.path, ETCD_RANGE);
	snprintf(text, sizeof(text), "{\"header\":{\"revision\":\"11\"},\"kvs\":[%s%s%s]}",
		a ? a : "", b ? "," : "", b ? b : "");
	answer(ETCD_DONE, text);
}

static void the_idlest_makes_place(void **state)
{
	struct agent *a = *state;

	tell_idlest(a, OWN);
	counted(9, entry("far", ONE, 3, 5), entry("off", TWO, 5, 6));
	/* both hosts are asked, in one write, under our lease */
	assert_true(world.n == 1 && is_for(0, KEY_ASK));
	assert_non_null(strstr(world.call[0]->body, "\"7\""));
	put_answered(true);
	run_until_asked(a);
	kvs(said("far", "[{\"sid\":\"" ONE "\",\"idle\":1000}]"), NULL);
	/* the other one has not answered: nobody is ended yet */
	assert_int_equal(world.n_told, 0);
	run_until_asked(a);
	kvs(said("off", "[{\"sid\":\"" TWO "\",\"idle\":2000,\"age\":1}]"), NULL);
	/* what was asked and answered is taken out of the store, and the sessions are counted */
	assert_int_equal(world.n, 2);
	assert_true(is_for(0, KEY_ASK) && is_for(0, KEY_DONE));
	put_answered(true);
	counted(12, entry("far", ONE, 3, 5), entry("off", TWO, 5, 6));
	assert_ordered("off", TWO);
	answer(ETCD_DONE, "{\"header\":{\"revision\":\"13\"}}");
	run_until_asked(a);
	/* nobody is asked twice */
	counted(14, entry("far", ONE, 3, 5), NULL);
	put_answered(true);
	assert_true(world.told.granted);
}

/* A host may speak of its own sessions alone. */
static void who_does_not_answer_is_least_idle(void **state)
{
	struct agent *a = *state;

	tell_idlest(a, OWN);
	counted(9, entry("far", ONE, 3, 5), entry("off", TWO, 5, 6));
	put_answered(true);
	do {
		run_until_asked(a);
		if (!is_for(0, KEY_DONE) || strcmp(world.call[0]->request.path, ETCD_RANGE) != 0)
			break;
		kvs(said("off", "[{\"sid\":\"" TWO "\",\"idle\":1},{\"sid\":\"" ONE
				"\",\"idle\":9000}]"),
			said("elsewhere", "[{\"sid\":\"" ONE "\",\"idle\":9000}]"));
	} while (world.n_told == 0);
	put_answered(true);
	counted(12, entry("far", ONE, 3, 5), entry("off", TWO, 5, 6));
	assert_ordered("off", TWO);
	answer(ETCD_DONE, "{\"header\":{\"revision\":\"13\"}}");
}

static void where_nobody_answers_the_oldest_goes(void **state)
{
	struct agent *a = *state;

	tell_idlest(a, OWN);
	counted(9, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	/* not even the question came through */
	answer(ETCD_UNKNOWN, NULL);
	put_answered(true);
	counted(12, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	assert_ordered("off", TWO);
	answer(ETCD_DONE, "{\"header\":{\"revision\":\"13\"}}");
}

static void one_alone_is_not_asked_about(void **state)
{
	struct agent *a = *state;
	struct member *m = tell_idlest(a, OWN);

	m->caps[0].max = 1;
	counted(9, entry("far", ONE, 5, 5), NULL);
	assert_ordered("far", ONE);
	answer(ETCD_DONE, "{\"header\":{\"revision\":\"13\"}}");
}

static void who_gives_up_withdraws_his_orders(void **state)
{
	struct agent *a = *state;

	who_does_not_go_in_time_keeps_his_place(state);
	assert_int_equal(world.n, 1);
	assert_true(is_for(0, KEY_REVOKE));
	assert_non_null(strstr(world.call[0]->body, "request_delete_range"));
	assert_int_equal(a->n_places, 0);
}

/* Is what nobody waits for any more taken back: the one order, for TWO of off? */
static void assert_withdrawn(void)
{
	json_t *txn;

	assert_int_equal(world.n, 1);
	assert_string_equal(world.call[0]->request.path, ETCD_TXN);
	assert_true(is_for(0, KEY_REVOKE "off/" TWO));
	txn = json_loads(world.call[0]->body, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(txn, "success")), 1);
	assert_non_null(json_object_get(
		json_array_get(json_object_get(txn, "success"), 0), "request_delete_range"));
	json_decref(txn);
	carry_out_the_rest();
}

static void two_is_ordered_to_go(struct agent *a, enum etcd_outcome heard)
{
	tell(a, OWN, true, true);
	counted(9, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	challenged("off", "fresh");
	answer(heard, heard == ETCD_DONE ? "{\"header\":{\"revision\":\"10\"}}" : NULL);
}

/* The store may have it: it is put once more while there is time, and then taken back. */
static void an_order_that_was_not_heard_of_is_withdrawn_too(void **state)
{
	struct agent *a = *state;

	two_is_ordered_to_go(a, ETCD_UNKNOWN);
	run_until_asked(a);
	counted(9, entry("far", ONE, 5, 5), entry("off", TWO, 3, 6));
	challenged("off", "fresh");
	answer(ETCD_UNKNOWN, NULL);
	/* until its time is over */
	while (world.n_told == 0) {
		timers_run(&a->timers);
		if (world.n > 0 && world.n_told == 0)
			answer(ETCD_UNKNOWN, NULL);
	}
	assert_withdrawn();
}

static void who_does_not_learn_what_came_of_it_withdraws(void **state)
{
	struct agent *a = *state;

	two_is_ordered_to_go(a, ETCD_DONE);
	run_until_asked(a);
	answer(ETCD_UNREACHABLE, NULL);
	assert_true(world.n_told == 1 && world.told.unreachable);
	assert_withdrawn();
}

static void who_has_gone_himself_withdraws(void **state)
{
	struct agent *a = *state;
	struct sid own;

	two_is_ordered_to_go(a, ETCD_DONE);
	sid_parse(OWN, &own);
	place_forget(a, &own);
	assert_int_equal(world.n_told, 0);
	assert_withdrawn();
}

static void who_is_let_in_withdraws_nothing(void **state)
{
	struct agent *a = *state;

	two_is_ordered_to_go(a, ETCD_DONE);
	run_until_asked(a);
	counted(12, entry("far", ONE, 5, 5), NULL);
	put_answered(true);
	assert_true(world.told.granted);
	assert_int_equal(world.n, 0);
}

/* --- What was registered without having sought a place --- */

static void let_in(struct agent *a, const char *hex, bool evict, bool idlest)
{
	world.idlest = idlest;
	tell(a, hex, false, evict);
}

/* It is written at this revision; then the user is read. */
static void written(struct agent *a, unsigned revision)
{
	char text[256];

	run_until_asked(a);
	assert_string_equal(world.call[0]->request.path, ETCD_TXN);
	snprintf(text, sizeof(text), "{\"header\":{\"revision\":\"%u\"},\"succeeded\":true}",
		revision);
	answer(ETCD_DONE, text);
	run_until_asked(a);
}

static const char *both(const char *x, const char *y)
{
	static char out[16384];

	snprintf(out, sizeof(out), "%s,%s", x, y);
	return out;
}

static void too_many_are_reported(void **state)
{
	struct agent *a = *state;

	let_in(a, OWN, false, false);
	written(a, 20);
	counted(21, both(entry("far", ONE, 5, 5), entry("off", TWO, 3, 6)),
		entry("here", OWN, 20, 7));
	assert_int_equal(world.n_overshoots, 1);
	assert_string_equal(world.overshoot.user, "bob");
	assert_string_equal(world.overshoot.policy, "p");
	assert_true(world.overshoot.max == 2 && world.overshoot.count == 3);
	assert_false(world.overshoot.evict);
	assert_int_equal(a->n_overshoots, 1);
	/* nobody is ended for it, and it is over */
	assert_int_equal(world.n, 0);
	assert_false(a->registry.timer.set);
}

static void no_more_than_allowed_are_not(void **state)
{
	struct agent *a = *state;

	let_in(a, OWN, true, false);
	written(a, 20);
	counted(21, entry("far", ONE, 5, 5), entry("here", OWN, 20, 7));
	assert_true(world.n_overshoots == 0 && world.n == 0);
}

/* One host tells of it: the last that has written. */
static void the_last_one_reports(void **state)
{
	struct agent *a = *state;

	let_in(a, OWN, true, false);
	written(a, 20);
	counted(22, both(entry("far", ONE, 5, 5), entry("here", OWN, 20, 7)),
		entry("off", TWO, 21, 6));
	assert_true(world.n_overshoots == 0 && world.n == 0);
}

/* Its key was there before, under an older lease: nothing has come back. */
static void what_was_there_is_no_newcomer(void **state)
{
	struct agent *a = *state;

	let_in(a, OWN, true, false);
	written(a, 20);
	counted(22, both(entry("far", ONE, 5, 5), entry("off", TWO, 3, 6)),
		entry("here", OWN, 8, 7));
	assert_true(world.n_overshoots == 0 && world.n == 0);
}

static void those_beyond_the_cap_are_ended(void **state)
{
	struct agent *a = *state;

	let_in(a, OWN, true, false);
	written(a, 20);
	counted(21, both(entry("far", ONE, 5, 5), entry("off", TWO, 3, 6)),
		entry("here", OWN, 20, 7));
	assert_true(world.n_overshoots == 1 && world.overshoot.evict);
	assert_int_equal(world.overshoot.count, 3);
	/* how old they are is asked: to the store, ours is the youngest */
	assert_true(is_for(0, KEY_ASK));
	put_answered(true);
	run_until_asked(a);
	kvs(both(said("far", "[{\"sid\":\"" ONE "\",\"idle\":9,\"age\":100}]"),
		    said("off", "[{\"sid\":\"" TWO "\",\"idle\":9,\"age\":200}]")),
		said("here", "[{\"sid\":\"" OWN "\",\"idle\":1,\"age\":300}]"));
	put_answered(true);
	counted(22, both(entry("far", ONE, 5, 5), entry("off", TWO, 3, 6)),
		entry("here", OWN, 20, 7));
	/* one of the three, and ours */
	assert_ordered("here", OWN);
	answer(ETCD_DONE, "{\"header\":{\"revision\":\"23\"}}");
	assert_true(world.n_overshoots == 1 && world.n == 0);
}

static void who_has_gone_meanwhile_need_not_be_replaced(void **state)
{
	struct agent *a = *state;

	let_in(a, OWN, true, false);
	written(a, 20);
	counted(21, both(entry("far", ONE, 5, 5), entry("off", TWO, 3, 6)),
		entry("here", OWN, 20, 7));
	answer(ETCD_UNREACHABLE, NULL);
	put_answered(true);
	counted(22, entry("off", TWO, 3, 6), entry("here", OWN, 20, 7));
	assert_true(world.n_overshoots == 1 && world.n == 0);
}

static void what_could_not_be_ordered_is_tried_again(void **state)
{
	struct agent *a = *state;
	unsigned i;

	let_in(a, OWN, true, true);
	written(a, 20);
	for (i = 0; i < 2; i++) {
		counted(21, both(entry("far", ONE, 5, 5), entry("off", TWO, 3, 6)),
			entry("here", OWN, 20, 7));
		answer(ETCD_UNREACHABLE, NULL);
		put_answered(true);
		counted(22, both(entry("far", ONE, 5, 5), entry("off", TWO, 3, 6)),
			entry("here", OWN, 20, 7));
		assert_ordered("off", TWO);
		if (i > 0) {
			answer(ETCD_DONE, "{\"header\":{\"revision\":\"23\"}}");
			break;
		}
		answer(ETCD_UNKNOWN, NULL);
		run_until_asked(a);
	}
	/* told once */
	assert_true(world.n_overshoots == 1 && world.n == 0);
}

static void many_are_ordered_from_the_oldest_on(void **state)
{
	enum { SESSIONS = 150 };
	static char list[SESSIONS * 512];
	struct agent *a = *state;
	size_t len = 0;
	char sid[33];
	unsigned i;

	let_in(a, OWN, true, false);
	written(a, 200);
	for (i = 0; i < 2; i++) {
		unsigned k;

		for (len = 0, k = 0; k < SESSIONS; k++) {
			snprintf(sid, sizeof(sid), "%032x", k);
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
				k > 0 ? "," : "", entry("far", sid, k + 5, 5));
		}
		counted(201, list, entry("here", OWN, 200, 7));
		if (i == 0) {
			answer(ETCD_UNREACHABLE, NULL);
			put_answered(true);
		}
	}
	/* all but two, from the oldest on */
	for (i = 0; i < SESSIONS - 1; i++) {
		snprintf(sid, sizeof(sid), "%032x", i);
		assert_ordered("far", sid);
		answer(ETCD_DONE, "{\"header\":{\"revision\":\"202\"}}");
	}
	assert_true(world.n_overshoots == 1 && world.n == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_free_place_is_taken_on_condition),
		TEST(a_full_cap_refuses),
		TEST(who_was_slower_counts_again),
		TEST(a_write_that_was_not_heard_of_is_read_back),
		TEST(and_done_again_where_it_was_not),
		TEST(one_under_an_older_lease_is_not_ours),
		TEST(own_ones_are_known_better),
		TEST(one_that_is_written_counts_before_that_is_heard_of),
		TEST(before_all_are_told_none_is_passed_over),
		TEST(one_that_the_table_lacks_seeks_no_more),
		TEST(a_lease_that_is_over_does_not_end_the_next),
		TEST(none_seeks_of_a_sessd_that_has_gone),
		TEST(the_oldest_makes_place),
		TEST(without_a_challenge_nothing_is_ordered),
		TEST(who_does_not_go_in_time_keeps_his_place),
		TEST(what_cannot_be_known_is_said_so),
		TEST(who_leaves_meanwhile_is_taken_out_again),
		TEST(the_idlest_makes_place),
		TEST(who_does_not_answer_is_least_idle),
		TEST(where_nobody_answers_the_oldest_goes),
		TEST(one_alone_is_not_asked_about),
		TEST(who_gives_up_withdraws_his_orders),
		TEST(an_order_that_was_not_heard_of_is_withdrawn_too),
		TEST(who_does_not_learn_what_came_of_it_withdraws),
		TEST(who_has_gone_himself_withdraws),
		TEST(who_is_let_in_withdraws_nothing),
		TEST(too_many_are_reported),
		TEST(no_more_than_allowed_are_not),
		TEST(the_last_one_reports),
		TEST(what_was_there_is_no_newcomer),
		TEST(those_beyond_the_cap_are_ended),
		TEST(who_has_gone_meanwhile_need_not_be_replaced),
		TEST(what_could_not_be_ordered_is_tried_again),
		TEST(many_are_ordered_from_the_oldest_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
