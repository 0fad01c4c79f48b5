/* Orders of other hosts, with a sessd and a store that do what a test says. What is signed is
 * believed here: that has tests of its own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/reply.h"
#include "fleet/result.h"
#include "fleet/statement.h"

struct etcd_call {
	struct etcd_request request;
	json_t *body;
};

static struct {
	struct watch_options watch;
	struct etcd_call *call; /* under way */
	link_fn *told;		/* sessd is asked, and this hears the answer */
	void *ctx;
	struct wire_revoke ask;
	unsigned n_asked, n_spent, n_refused;
} world;

/* --- In the place of the rest of the agent --- */

void watch_start(struct watch *w, struct etcd *etcd, struct timers *timers,
	const struct watch_options *options)
{
	(void)w;
	(void)etcd;
	(void)timers;
	world.watch = *options;
}

void watch_stop(struct watch *w)
{
	(void)w;
}

struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request)
{
	struct etcd_call *call = calloc(1, sizeof(*call));

	(void)etcd;
	assert_non_null(call);
	assert_null(world.call);
	call->request = *request;
	call->body = request->body;
	world.call = call;
	return call;
}

void etcd_cancel(struct etcd_call *call)
{
	if (call == NULL)
		return;
	assert_ptr_equal(call, world.call);
	world.call = NULL;
	json_decref(call->body);
	free(call);
}

bool agent_joined(const struct agent *a)
{
	(void)a;
	return true;
}

bool link_idle(const struct link *link)
{
	(void)link;
	return world.told == NULL;
}

int link_ask(struct link *link, enum wire_type type, const void *msg, link_fn *fn, void *ctx)
{
	(void)link;
	assert_int_equal(type, WIRE_revoke);
	world.ask = *(const struct wire_revoke *)msg;
	world.told = fn;
	world.ctx = ctx;
	world.n_asked++;
	return 0;
}

bool refusal_tell(struct agent *a, const struct signer *by, const char *what, const char *why)
{
	(void)a;
	(void)by;
	(void)what;
	(void)why;
	world.n_refused++;
	return true;
}

void claim_begin(struct agent *a)
{
	(void)a;
}

enum freshness challenges_judge(
	const struct challenges *c, const struct sid *challenge, const struct sid *id, uint64_t now)
{
	(void)c;
	(void)challenge;
	(void)id;
	(void)now;
	return CHALLENGE_FRESH;
}

int challenges_spend(struct challenges *c, const struct sid *challenge, const struct sid *id)
{
	(void)c;
	(void)challenge;
	(void)id;
	world.n_spent++;
	return 0;
}

void authority_by(const char *name, const char *who, char ret[TEXT_STR_MAX + 1])
{
	(void)name;
	memcpy(ret, who, strlen(who) + 1);
}

static const struct signer far = {.name = "far", .may = RIGHT_EVICT | RIGHT_REVOKE | RIGHT_LOCK};

enum statement_verdict statement_open(const char *value, size_t len, const char *at,
	const struct signers *signers, struct statement *ret)
{
	(void)at;
	(void)signers;
	*ret = (struct statement){.text = reply_json(value, len), .by = &far};
	return STATEMENT_GENUINE;
}

char *statement_seal(json_t *text, const char *at, const char *name, const struct secret *secret)
{
	(void)at;
	(void)name;
	(void)secret;
	return json_dumps(text, JSON_COMPACT);
}

void statement_fini(struct statement *statement)
{
	json_decref(statement->text);
}

void statement_claims(const char *value, size_t len, const char *at, struct statement_claim *ret)
{
	(void)value;
	(void)len;
	(void)at;
	*ret = (struct statement_claim){.key = ""};
}

void statement_say(enum statement_verdict verdict, const struct statement_claim *claim,
	char ret[TEXT_STR_MAX + 1])
{
	(void)verdict;
	(void)claim;
	ret[0] = '\0';
}

/* --- The store and sessd --- */

#define ID	  "0123456789abcdef0123456789abcdef"
#define CHALLENGE "11111111111111111111111111111111"
#define SID	  "22222222222222222222222222222222"

static struct authority authority;

static int setup(void **state)
{
	struct agent *a = calloc(1, sizeof(*a));

	memset(&world, 0, sizeof(world));
	assert_non_null(a);
	a->o.host = "here";
	a->o.authority = &authority;
	a->lease.id = 7;
	a->challenges.n = 1;
	assert_int_equal(orders_start(a), 0);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct agent *a = *state;

	orders_stop(a);
	assert_null(world.call);
	free(a);
	return 0;
}

/* The store has, or has no more, an order of that id. */
static void change(const char *id, const char *value)
{
	char key[256];
	struct reply_kv kv = {.key = key, .mod_revision = 5};

	kv.key_len = (size_t)snprintf(key, sizeof(key), KEY_REVOKE "here/%s", id);
	kv.value = value != NULL ? strdup(value) : NULL;
	kv.value_len = value != NULL ? strlen(value) : 0;
	if (value != NULL)
		world.watch.put(world.watch.ctx, &kv);
	else
		world.watch.gone(world.watch.ctx, &kv);
	free(kv.value);
}

static void be_asked(struct agent *a, unsigned n)
{
	while (world.n_asked < n)
		timers_run(&a->timers);
}

static void sessd_says(const struct wire_frame *frame)
{
	link_fn *told = world.told;

	assert_non_null(told);
	if (frame == NULL || frame->type == WIRE_done || frame->type == WIRE_error)
		world.told = NULL;
	told(world.ctx, frame);
}

static void sessd_has_ended(uint8_t sid, uint64_t survivors)
{
	struct wire_frame frame = {.type = WIRE_outcome,
		.u.outcome = {.sid = {{sid}}, .user = "bob", .survivors = survivors}};

	sessd_says(&frame);
}

static void sessd_fails(enum wire_errno code)
{
	struct wire_frame frame = {
		.type = WIRE_error, .u.error = {.code = code, .text = "some may be left over"}};

	sessd_says(&frame);
}

static void sessd_is_done(void)
{
	static const struct wire_frame done = {.type = WIRE_done};

	sessd_says(&done);
}

/* The operations of that kind in the write that is under way: their n-th key, decoded; NULL: there
 * are not so many. */
static const char *key_of(const char *kind, size_t n)
{
	static char key[512];
	const json_t *op = NULL;
	size_t i, len;

	for (i = 0; i < json_array_size(json_object_get(world.call->body, "success")); i++) {
		op = json_object_get(
			json_array_get(json_object_get(world.call->body, "success"), i), kind);
		if (op != NULL && n-- == 0)
			break;
		op = NULL;
	}
	if (op == NULL)
		return NULL;
	assert_int_equal(sodium_base642bin((unsigned char *)key, sizeof(key) - 1,
				 json_string_value(json_object_get(op, "key")),
				 strlen(json_string_value(json_object_get(op, "key"))), NULL, &len,
				 NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	key[len] = '\0';
	return key;
}

/* The result that is being written; to be freed. */
static json_t *written(void)
{
	const json_t *ops = json_object_get(world.call->body, "success"), *put = NULL;
	static unsigned char text[65536];
	size_t i, len;

	for (i = 0; i < json_array_size(ops) && put == NULL; i++)
		put = json_object_get(json_array_get(ops, i), "request_put");
	assert_non_null(put);
	assert_int_equal(sodium_base642bin(text, sizeof(text),
				 json_string_value(json_object_get(put, "value")),
				 strlen(json_string_value(json_object_get(put, "value"))), NULL,
				 &len, NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	return reply_json((const char *)text, len);
}

static void store_answers(enum etcd_outcome outcome)
{
	struct etcd_call call = *world.call;
	json_t *root = json_loads("{\"header\":{\"revision\":\"9\"},\"succeeded\":true}", 0, NULL);
	const struct etcd_answer answer = {.outcome = outcome,
		.root = outcome == ETCD_DONE ? root : NULL,
		.words = "the test says so"};

	free(world.call);
	world.call = NULL;
	json_decref(call.body);
	call.request.done(call.request.ctx, &answer);
	json_decref(root);
}

/* It rests for a moment before that: what waits is due now. */
static void be_written(struct agent *a)
{
	struct timer *t = LIST_FIRST(&a->timers.list);

	assert_null(world.call);
	assert_non_null(t);
	t->at = 0;
	timers_run(&a->timers);
	assert_non_null(world.call);
}

#define ORDER "{\"challenge\":\"" CHALLENGE "\",\"user\":\"bob\",\"by\":\"root\"}"

/* --- */

static void an_order_is_carried_out(void **state)
{
	struct agent *a = *state;
	json_t *list;

	change(ID, ORDER);
	be_asked(a, 1);
	assert_string_equal(world.ask.user, "bob");
	sessd_has_ended(1, 0);
	sessd_is_done();
	assert_int_equal(world.n_spent, 1);
	assert_string_equal(key_of("request_delete_range", 0), KEY_REVOKE "here/" ID);
	assert_string_equal(key_of("request_put", 0), KEY_DONE ID "/here");
	list = written();
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	store_answers(ETCD_DONE);
	assert_int_equal(a->orders != NULL, 1);
	assert_null(world.call);
}

/* That nobody of them is left is not known: who gave the order must not read that it is done. */
static void what_sessd_cannot_do_is_told(void **state)
{
	struct agent *a = *state;
	struct wire_outcome o;
	json_t *list;

	change(ID, ORDER);
	be_asked(a, 1);
	sessd_has_ended(1, 0);
	sessd_fails(WIRE_E_INVALID);
	list = written();
	assert_int_equal(json_array_size(list), 2);
	result_read(json_array_get(list, 1), &o);
	assert_string_equal(o.failed, "some may be left over");
	json_decref(list);
	store_answers(ETCD_DONE);
}

static void what_sessd_cannot_do_now_is_tried_again(void **state)
{
	struct agent *a = *state;
	struct wire_outcome o;
	json_t *list;
	unsigned n;

	change(ID, ORDER);
	be_asked(a, 1);
	sessd_has_ended(1, 0);
	sessd_has_ended(2, 1);
	for (n = 2; world.call == NULL; n++) {
		sessd_fails(n % 2 ? WIRE_E_LIMIT : WIRE_E_UNAVAILABLE);
		assert_true(n < 10);
		if (world.call == NULL) {
			assert_int_equal(world.n_spent, 0);
			be_asked(a, n);
		}
	}
	assert_int_equal(world.n_asked, 5);
	assert_int_equal(world.n_spent, 1);
	list = written();
	/* the one that has ended is told of yet, though no later try has found it */
	assert_int_equal(json_array_size(list), 2);
	result_read(json_array_get(list, 0), &o);
	assert_int_equal(o.sid.b[0], 1);
	result_read(json_array_get(list, 1), &o);
	assert_string_equal(o.failed, "some may be left over");
	json_decref(list);
	store_answers(ETCD_DONE);
}

static void that_there_is_no_such_session_is_no_failure(void **state)
{
	json_t *list;

	change(ID, ORDER);
	be_asked(*state, 1);
	sessd_fails(WIRE_E_NO_SESSION);
	list = written();
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	store_answers(ETCD_DONE);
}

/* One that rests does not keep others from being carried out, nor is it asked for with them. */
static void while_one_rests_others_are_carried_out(void **state)
{
	struct agent *a = *state;

	change(ID, ORDER);
	be_asked(a, 1);
	sessd_fails(WIRE_E_UNAVAILABLE);
	change(SID, "{\"challenge\":\"" CHALLENGE "\",\"user\":\"ben\"}");
	be_asked(a, 2);
	assert_string_equal(world.ask.user, "ben");
	sessd_is_done();
	assert_int_equal(world.n_asked, 2);
	store_answers(ETCD_DONE);
	be_asked(a, 3);
	assert_string_equal(world.ask.user, "bob");
	sessd_is_done();
	store_answers(ETCD_DONE);
}

/* The deletions in the write that is under way, but for that of the order. */
static unsigned n_dropped(void)
{
	unsigned n = 0;

	while (key_of("request_delete_range", n) != NULL)
		n++;
	return n - 1;
}

/* However often the store cannot be told: the write stays one that it takes, and takes no room from
 * what other orders came to. */
static void a_result_is_written_until_it_is_heard_of(void **state)
{
	struct agent *a = *state;
	unsigned i;

	change(SID, "{\"challenge\":\"" CHALLENGE "\",\"user\":\"ben\"}");
	be_asked(a, 1);
	sessd_is_done();
	store_answers(ETCD_DONE);
	change(ID, ORDER);
	be_asked(a, 2);
	sessd_is_done();
	/* as many as are kept for those who have not fetched them, and more */
	for (i = 0; i < 130; i++) {
		assert_int_equal(n_dropped(), 0);
		assert_string_equal(key_of("request_put", 0), KEY_DONE ID "/here");
		store_answers(ETCD_UNKNOWN);
		be_written(a);
	}
	store_answers(ETCD_DONE);
}

static void results_that_nobody_fetches_make_place(void **state)
{
	char id[SID_HEX + 1];
	unsigned i;

	for (i = 0; i < 65; i++) {
		snprintf(id, sizeof(id), "%032u", i);
		change(id, ORDER);
		be_asked(*state, i + 1);
		sessd_is_done();
		assert_int_equal(n_dropped(), i == 64);
		if (i == 64)
			assert_string_equal(key_of("request_delete_range", 1),
				KEY_DONE "00000000000000000000000000000000/here");
		store_answers(ETCD_DONE);
	}
}

/* The stream broke, and what it would go on from is forgotten: the store is listed anew. */
static void an_order_that_was_withdrawn_unheard_is_not_carried_out(void **state)
{
	struct agent *a = *state;

	change(ID, ORDER);
	be_asked(a, 1);
	sessd_fails(WIRE_E_UNAVAILABLE);
	world.watch.begin(world.watch.ctx);
	change(SID, "{\"challenge\":\"" CHALLENGE "\",\"user\":\"ben\"}");
	world.watch.listed(world.watch.ctx);
	be_asked(a, 2);
	assert_string_equal(world.ask.user, "ben");
	/* what is being carried out goes on */
	world.watch.begin(world.watch.ctx);
	world.watch.listed(world.watch.ctx);
	sessd_is_done();
	assert_string_equal(key_of("request_delete_range", 0), KEY_REVOKE "here/" SID);
	store_answers(ETCD_DONE);
	/* and nothing waits for its turn */
	assert_null(LIST_FIRST(&a->timers.list));
}

static void an_order_that_is_listed_again_stands(void **state)
{
	struct agent *a = *state;

	change(ID, ORDER);
	world.watch.begin(world.watch.ctx);
	change(ID, ORDER);
	world.watch.listed(world.watch.ctx);
	be_asked(a, 1);
	sessd_is_done();
	store_answers(ETCD_DONE);
}

/* One that evicts says whose session it means, and sessd compares. */
static void who_evicts_says_whose_session_it_is(void **state)
{
	const struct order_eviction what = {
		.host = "here", .user = "bob", .sid = SID, .policy = "two"};
	struct agent *a = *state;
	json_t *put = order_evict(a, &what, CHALLENGE);
	unsigned char text[4096];
	size_t len;

	assert_int_equal(sodium_base642bin(text, sizeof(text) - 1,
				 json_string_value(json_object_get(put, "value")),
				 strlen(json_string_value(json_object_get(put, "value"))), NULL,
				 &len, NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	text[len] = '\0';
	/* it goes with this host */
	assert_string_equal(json_string_value(json_object_get(put, "lease")), "7");
	json_decref(put);
	change(SID, (const char *)text);
	be_asked(a, 1);
	assert_string_equal(world.ask.user, "bob");
	assert_string_equal(world.ask.prefix, SID);
	assert_string_equal(world.ask.evicts, "two");
	sessd_is_done();
	store_answers(ETCD_DONE);
	change(ID, "{\"challenge\":\"" CHALLENGE "\",\"prefix\":\"" SID
		   "\",\"evicts\":\"two\",\"user\":\"bob\"}");
	assert_int_equal(world.n_refused, 1);
	store_answers(ETCD_DONE);
	assert_int_equal(world.n_asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_order_is_carried_out, setup, teardown),
		cmocka_unit_test_setup_teardown(what_sessd_cannot_do_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_sessd_cannot_do_now_is_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			that_there_is_no_such_session_is_no_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(
			while_one_rests_others_are_carried_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_result_is_written_until_it_is_heard_of, setup, teardown),
		cmocka_unit_test_setup_teardown(
			results_that_nobody_fetches_make_place, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_order_that_was_withdrawn_unheard_is_not_carried_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_order_that_is_listed_again_stands, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_evicts_says_whose_session_it_is, setup, teardown),
	};

	return cmocka_run_group_tests_name("fleet_order", tests, NULL, NULL);
}
