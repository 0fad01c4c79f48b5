/* What an administrator asks of the fleet, against a store that does what a test says: a revocation
 * and what becomes of it. What is signed has tests of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/statement.h"

#define CALLS_MAX 4
#define TOLD_MAX  1000

struct etcd_call {
	struct etcd_request request;
	json_t *body;
};

static struct {
	struct etcd_call *call[CALLS_MAX]; /* under way, in their order */
	unsigned n;
	struct wire_outcome told[TOLD_MAX];
	unsigned n_told;
	struct wire_error error;
	char lease[32]; /* that was granted last */
	bool over, failed;
} world;

static struct authority authority = {.may = RIGHT_REVOKE | RIGHT_LOCK, .name = "here"};

/* --- In the place of the rest of the agent --- */

struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request)
{
	struct etcd_call *call = calloc(1, sizeof(*call));

	(void)etcd;
	assert_non_null(call);
	assert_non_null(request->body);
	assert_true(world.n < CALLS_MAX);
	call->request = *request;
	call->body = request->body;
	world.call[world.n++] = call;
	return call;
}

static void forget(struct etcd_call *call)
{
	unsigned i;

	for (i = 0; world.call[i] != call; i++)
		assert_true(i < world.n);
	memmove(&world.call[i], &world.call[i + 1], (--world.n - i) * sizeof(call));
	json_decref(call->body);
	free(call);
}

void etcd_cancel(struct etcd_call *call)
{
	if (call != NULL)
		forget(call);
}

void agent_tell(struct agent *a, enum wire_type type, const void *msg)
{
	const struct wire_relay *relay = msg;
	struct wire_frame frame;

	(void)a;
	assert_int_equal(type, WIRE_relay);
	assert_false(world.over);
	assert_int_equal(wire_decode(relay->body.data, relay->body.len, &frame), 0);
	world.over = relay->last;
	world.failed = frame.type == WIRE_error;
	if (frame.type == WIRE_error)
		world.error = frame.u.error;
	if (frame.type != WIRE_outcome)
		return;
	assert_true(world.n_told < TOLD_MAX);
	world.told[world.n_told++] = frame.u.outcome;
}

bool claim_challenge(const struct reply_kv *kv, char ret[SID_HEX + 1])
{
	if (kv->value_len == 0)
		return false;
	memset(ret, '1', SID_HEX);
	ret[SID_HEX] = '\0';
	return true;
}

json_t *order_put(const struct agent *a, const struct order_to *to, json_t *text)
{
	const char *parts[KEY_PARTS] = {to->host, to->id};
	struct key key;

	(void)a;
	json_decref(text);
	assert_int_equal(to->lease, strtoull(world.lease, NULL, 10));
	assert_true(key_make(&key, KEY_REVOKE, parts, false));
	return query_put(&key, to->challenge, to->lease);
}

char *statement_seal(json_t *text, const char *at, const char *name, const struct secret *secret)
{
	(void)at;
	(void)name;
	(void)secret;
	return json_dumps(text, JSON_COMPACT);
}

enum statement_verdict statement_open(const char *value, size_t len, const char *at,
	const struct signers *signers, struct statement *ret)
{
	static const struct signer here = {.name = "here", .may = RIGHT_LOCK},
				   far = {.name = "far", .may = RIGHT_LOCK};

	(void)at;
	(void)signers;
	*ret = (struct statement){.text = reply_json(value, len)};
	ret->by = json_object_get(ret->text, "far") != NULL ? &far : &here;
	return STATEMENT_GENUINE;
}

void statement_fini(struct statement *statement)
{
	json_decref(statement->text);
	*statement = (struct statement){.text = NULL};
}

void standing_begin(struct errand *e)
{
	(void)e;
}

void anchor_begin(struct errand *e)
{
	(void)e;
}

/* --- The store --- */

static void answer(enum etcd_outcome outcome, json_t *root)
{
	struct etcd_request request = world.call[0]->request;
	const struct etcd_answer a = {
		.outcome = outcome, .root = root, .words = "the test says so"};

	assert_true(world.n > 0);
	forget(world.call[0]);
	request.done(request.ctx, &a);
	json_decref(root);
}

static const char *base64(const char *s)
{
	static char out[4][4096];
	static unsigned next;

	next = (next + 1) % 4;
	return sodium_bin2base64(out[next], sizeof(out[next]), (const unsigned char *)s, strlen(s),
		sodium_base64_VARIANT_ORIGINAL);
}

/* What is asked: the key, decoded. */
static const char *asked(void)
{
	static char key[2048];
	const char *text = json_string_value(json_object_get(world.call[0]->body, "key"));
	size_t len;

	assert_non_null(text);
	assert_int_equal(sodium_base642bin((unsigned char *)key, sizeof(key) - 1, text,
				 strlen(text), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	key[len] = '\0';
	return key;
}

static const char *member(const char *name)
{
	return json_string_value(json_object_get(world.call[0]->body, name));
}

static json_t *page(unsigned revision, bool more)
{
	char text[16];
	json_t *root;

	snprintf(text, sizeof(text), "%u", revision);
	root = json_pack("{s:{s:s},s:[]}", "header", "revision", text, "kvs");
	if (more)
		json_object_set_new(root, "more", json_true());
	return root;
}

static void add(json_t *root, const char *key, const char *value)
{
	json_array_append_new(
		json_object_get(root, "kvs"), json_pack("{s:s,s:s,s:s}", "key", base64(key),
						      "value", base64(value), "mod_revision", "5"));
}

/* Hosts web00, web01 …, all alive. */
static void there_are_hosts(unsigned n)
{
	json_t *hosts = page(5, false), *alive = page(5, false);
	char key[64];
	unsigned i;

	/* the store has them in the order of their keys, which need not be that of the names */
	for (i = n; i-- > 0;) {
		snprintf(key, sizeof(key), KEY_HOST "web%02u", i);
		add(hosts, key, "x");
		snprintf(key, sizeof(key), KEY_ALIVE "web%02u", i);
		add(alive, key, "x");
	}
	assert_string_equal(asked(), KEY_HOST);
	answer(ETCD_DONE, hosts);
	assert_string_equal(asked(), KEY_ALIVE);
	answer(ETCD_DONE, alive);
}

/* What nobody fetches goes with a lease, as long as an order may count. */
static void a_lease_is_granted(const char *ttl)
{
	assert_string_equal(world.call[0]->request.path, ETCD_GRANT);
	assert_string_equal(member("TTL"), ttl);
	snprintf(world.lease, sizeof(world.lease), "%s", member("ID"));
	answer(ETCD_DONE, json_pack("{s:s,s:s}", "ID", world.lease, "TTL", ttl));
}

static json_t *carried_out(void)
{
	return json_loads("{\"header\":{\"revision\":\"6\"},\"succeeded\":true}", 0, NULL);
}

/* The results of the order, as far as these hosts have written them. */
static void results(struct agent *a, unsigned from, unsigned to, const char *value, bool more)
{
	const struct errand *e = LIST_FIRST(&a->errands);
	json_t *root = page(10 + to, more);
	char key[128];
	unsigned i;

	for (i = from; i < to; i++) {
		snprintf(key, sizeof(key), KEY_DONE "%s/web%02u", e->order, i);
		add(root, key, value);
	}
	answer(ETCD_DONE, root);
}

/* Nothing but time passes: what waits is due. */
static void wait_until_asked(struct agent *a)
{
	struct timer *t;

	while (world.n == 0) {
		t = LIST_FIRST(&a->timers.list);
		assert_non_null(t);
		t->at = 0;
		timers_run(&a->timers);
	}
}

static void ask_for(struct agent *a, enum wire_type type, const void *msg)
{
	struct wire_errand errand = {.errand = 4, .by = "root"};
	uint8_t buf[4096];

	assert_int_equal(wire_encode(type, 0, msg, buf, sizeof(buf), &errand.body.len), 0);
	errand.body.data = buf;
	errand_begin(a, &errand);
}

static void ask(struct agent *a, const struct wire_revoke *revoke)
{
	ask_for(a, WIRE_revoke, revoke);
}

static int setup(void **state)
{
	struct agent *a = calloc(1, sizeof(*a));

	memset(&world, 0, sizeof(world));
	assert_non_null(a);
	a->o.host = "here";
	a->o.authority = &authority;
	a->o.order_lifetime = 60000000000;
	a->lease.id = 7;
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct agent *a = *state;

	errands_fini(a);
	assert_int_equal(world.n, 0);
	free(a);
	return 0;
}

#define SESSION "0123456789abcdef0123456789abcdef"

/* --- */

/* However many sessions there are: no answer of the store is larger than a page, and has no values.
 */
static void a_session_is_looked_for_page_by_page(void **state)
{
	const struct wire_revoke revoke = {.prefix = "01234", .fleet = true};
	json_t *root = page(5, true);

	ask(*state, &revoke);
	assert_string_equal(asked(), KEY_SESSION);
	assert_true(json_is_true(json_object_get(world.call[0]->body, "keys_only")));
	assert_true(json_integer_value(json_object_get(world.call[0]->body, "limit")) <= 5000);
	add(root, KEY_SESSION "bob/web01/" SESSION, "");
	answer(ETCD_DONE, root);
	/* from behind it on, as it was then */
	assert_string_equal(asked(), KEY_SESSION "bob/web01/" SESSION);
	assert_string_equal(member("revision"), "5");
	root = page(9, false);
	add(root, KEY_SESSION "carol/web01/ffffffffffffffffffffffffffffffff", "");
	answer(ETCD_DONE, root);
	assert_string_equal(asked(), KEY_HOST);
	assert_null(json_object_get(world.call[0]->body, "revision"));
	there_are_hosts(3);
	assert_int_equal(LIST_FIRST(&((struct agent *)*state)->errands)->n_hosts, 1);
}

static void a_prefix_of_two_is_none(void **state)
{
	const struct wire_revoke revoke = {.prefix = "01234", .fleet = true};
	json_t *root = page(5, true);

	ask(*state, &revoke);
	add(root, KEY_SESSION "bob/web01/" SESSION, "");
	answer(ETCD_DONE, root);
	root = page(5, false);
	add(root, KEY_SESSION "carol/web01/01234fffffffffffffffffffffffffff", "");
	answer(ETCD_DONE, root);
	assert_true(world.over && world.failed);
	assert_int_equal(world.error.code, WIRE_E_AMBIGUOUS);
}

static void a_prefix_of_none_is_none(void **state)
{
	const struct wire_revoke revoke = {.prefix = "01234", .fleet = true};

	ask(*state, &revoke);
	answer(ETCD_DONE, page(5, false));
	assert_true(world.over && world.failed);
	assert_int_equal(world.error.code, WIRE_E_NO_SESSION);
}

/* Its host is gone, and nobody has a claim of that name: that is no sign that it has ended. */
static void a_session_whose_host_is_gone_is_pending(void **state)
{
	const struct wire_revoke revoke = {.prefix = "01234", .fleet = true};
	json_t *root = page(5, false);

	ask(*state, &revoke);
	add(root, KEY_SESSION "bob/gone/" SESSION, "");
	answer(ETCD_DONE, root);
	there_are_hosts(3);
	a_lease_is_granted("60");
	answer(ETCD_DONE, carried_out());
	answer(ETCD_DONE, page(6, false));
	assert_int_equal(world.n_told, 1);
	assert_true(world.told[0].pending);
	assert_string_equal(world.told[0].host, "gone");
	answer(ETCD_DONE, page(6, false));
	assert_true(world.over);
}

static const struct wire_revoke of_bob = {.user = "bob", .fleet = true};

static void give_order(struct agent *a, unsigned hosts)
{
	ask(a, &of_bob);
	there_are_hosts(hosts);
	a_lease_is_granted("60");
	answer(ETCD_DONE, carried_out());
}

/* All have answered: nothing is left behind. */
static void it_is_cleaned_up(void)
{
	assert_string_equal(world.call[0]->request.path, ETCD_REVOKE);
	assert_string_equal(member("ID"), world.lease);
	answer(ETCD_DONE, page(20, false));
	assert_string_equal(world.call[0]->request.path, ETCD_DELETE);
	answer(ETCD_DONE, page(20, false));
	assert_true(world.over && !world.failed);
}

/* Results come page by page, and only those that were written since the last look. */
static void results_are_read_once(void **state)
{
	struct agent *a = *state;

	give_order(a, 4);
	assert_string_equal(member("min_mod_revision"), "1");
	results(a, 0, 1, "[]", true);
	results(a, 1, 2, "[{\"user\":\"bob\"}]", false);
	assert_int_equal(world.n_told, 1);
	assert_string_equal(world.told[0].host, "web01");
	wait_until_asked(a);
	/* of the first page: what was written since may stand before that */
	assert_string_equal(member("min_mod_revision"), "12");
	assert_null(json_object_get(world.call[0]->body, "revision"));
	results(a, 2, 4, "[{\"user\":\"bob\"}]", false);
	assert_int_equal(world.n_told, 3);
	it_is_cleaned_up();
}

/* An answer may be too large: smaller ones are asked for, and none is passed over. */
static void results_that_are_too_large_come_in_smaller_pages(void **state)
{
	struct agent *a = *state;
	json_int_t limit, before = 1000;

	give_order(a, 2);
	do {
		limit = json_integer_value(json_object_get(world.call[0]->body, "limit"));
		assert_true(limit >= 1 && limit < before);
		before = limit;
		answer(ETCD_UNREACHABLE, NULL);
		wait_until_asked(a);
	} while (limit > 1);
	assert_int_equal(json_integer_value(json_object_get(world.call[0]->body, "limit")), 1);
	assert_string_equal(member("min_mod_revision"), "1");
	results(a, 0, 1, "[]", true);
	results(a, 1, 2, "[]", false);
	it_is_cleaned_up();
}

/* A result that is none is no sign that all is done. */
static void what_cannot_be_read_is_no_result(void **state)
{
	struct agent *a = *state;

	give_order(a, 1);
	results(a, 0, 1, "{\"done\"", false);
	assert_int_equal(world.n_told, 1);
	assert_string_not_equal(world.told[0].failed, "");
	it_is_cleaned_up();
}

/* Of many who have not answered sessd is told no faster than it takes it. */
static void those_who_are_pending_are_told_as_they_are_taken(void **state)
{
	struct agent *a = *state;

	give_order(a, 3);
	a->talk.n_asks = 8000;
	LIST_FIRST(&a->errands)->deadline = 0;
	results(a, 0, 1, "[]", false);
	assert_int_equal(world.n_told, 0);
	assert_int_equal(world.n, 0);
	a->talk.n_asks = 0;
	wait_until_asked(a);
	assert_int_equal(world.n_told, 2);
	assert_true(world.told[0].pending && world.told[1].pending);
	/* their orders stand */
	assert_string_equal(world.call[0]->request.path, ETCD_DELETE);
	assert_int_equal(strncmp(asked(), KEY_DONE, strlen(KEY_DONE)), 0);
	answer(ETCD_DONE, page(20, false));
	assert_true(world.over);
}

/* The write's condition and first operation: by that it can be done again. */
static void is_marked(const char *number)
{
	const json_t *put = json_object_get(
		json_array_get(json_object_get(world.call[0]->body, "success"), 0), "request_put");
	const json_t *compare = json_array_get(json_object_get(world.call[0]->body, "compare"), 0);
	const char *key = json_string_value(json_object_get(put, "key"));
	char text[512];
	size_t len;

	assert_string_equal(world.call[0]->request.path, ETCD_TXN);
	assert_string_equal(json_string_value(json_object_get(compare, "key")), key);
	assert_string_equal(json_string_value(json_object_get(compare, "create_revision")), "0");
	assert_int_equal(sodium_base642bin((unsigned char *)text, sizeof(text) - 1, key,
				 strlen(key), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	text[len] = '\0';
	assert_string_equal(strrchr(text, '/') + 1, number);
}

/* Whether it has been carried out is not known: it is done again, which does nothing then. */
static void orders_that_are_not_heard_of_are_put_again(void **state)
{
	struct agent *a = *state;

	ask(a, &of_bob);
	there_are_hosts(2);
	a_lease_is_granted("60");
	is_marked("0");
	answer(ETCD_UNKNOWN, NULL);
	wait_until_asked(a);
	is_marked("0");
	answer(ETCD_UNREACHABLE, NULL);
	wait_until_asked(a);
	is_marked("0");
	/* it stood there already */
	answer(ETCD_DONE, json_loads("{\"header\":{\"revision\":\"6\"}}", 0, NULL));
	results(a, 0, 2, "[]", false);
	it_is_cleaned_up();
}

/* Of those who have the order it is told what they did, of the others that they have none. */
static void who_has_no_order_is_told(void **state)
{
	enum { HOSTS = 150, BATCH = 100 };
	struct agent *a = *state;
	unsigned i, failed = 0;

	ask(a, &of_bob);
	there_are_hosts(HOSTS);
	a_lease_is_granted("60");
	answer(ETCD_DONE, carried_out());
	is_marked("100");
	answer(ETCD_REFUSED, NULL);
	LIST_FIRST(&a->errands)->deadline = 0;
	results(a, 0, 10, "[]", false);
	assert_string_equal(world.call[0]->request.path, ETCD_DELETE);
	assert_int_equal(world.n_told, HOSTS - 10);
	for (i = 0; i < world.n_told; i++) {
		assert_true(world.told[i].pending == (world.told[i].failed[0] == '\0'));
		failed += !world.told[i].pending;
	}
	assert_int_equal(failed, HOSTS - BATCH);
	assert_string_equal(world.told[HOSTS - 11].failed, "it was not told: the test says so");
	answer(ETCD_DONE, page(20, false));
	assert_true(world.over && !world.failed);
}

static void orders_that_nobody_heard_of_are_not_done(void **state)
{
	struct agent *a = *state;

	ask(a, &of_bob);
	there_are_hosts(1);
	a_lease_is_granted("60");
	while (strcmp(world.call[0]->request.path, ETCD_TXN) == 0) {
		answer(ETCD_UNKNOWN, NULL);
		wait_until_asked(a);
	}
	LIST_FIRST(&a->errands)->deadline = 0;
	results(a, 0, 0, "[]", false);
	assert_int_equal(world.n_told, 1);
	assert_string_equal(
		world.told[0].failed, "whether it was told is not known: the test says so");
	answer(ETCD_DONE, page(20, false));
	assert_true(world.over);
}

static void orders_that_cannot_be_put_are_none(void **state)
{
	ask(*state, &of_bob);
	there_are_hosts(1);
	a_lease_is_granted("60");
	answer(ETCD_UNREACHABLE, NULL);
	assert_true(world.over && world.failed);
	assert_non_null(strstr(world.error.text, "the fleet cannot be told"));
}

/* The value that is being put at the lock's key; to be freed. */
static char *put_value(void)
{
	const char *text = json_string_value(json_object_get(
		json_object_get(json_array_get(json_object_get(world.call[0]->body, "success"), 0),
			"request_put"),
		"value"));
	char *out = calloc(1, 4096);
	size_t len;

	assert_non_null(out);
	assert_int_equal(sodium_base642bin((unsigned char *)out, 4095, text, strlen(text), NULL,
				 &len, NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	return out;
}

static void the_lock_is_read(const char *value)
{
	json_t *root = page(5, false);

	assert_string_equal(asked(), KEY_LOCK "user/bob");
	if (value != NULL)
		add(root, KEY_LOCK "user/bob", value);
	answer(ETCD_DONE, root);
}

/* The same of another host; to be freed. */
static char *by_far(const char *value)
{
	json_t *text = reply_json(value, strlen(value));
	char *far;

	json_object_set_new(text, "far", json_true());
	far = json_dumps(text, JSON_COMPACT);
	json_decref(text);
	return far;
}

/* A lock that is not heard of is read back: it is put again where it does not stand there. */
static void a_lock_that_is_not_heard_of_is_read_back(void **state)
{
	const struct wire_lock lock = {.kind = "user", .name = "bob", .fleet = true};
	struct agent *a = *state;
	char *value, *far;

	ask_for(a, WIRE_lock, &lock);
	the_lock_is_read(NULL);
	there_are_hosts(1);
	value = put_value();
	answer(ETCD_UNKNOWN, NULL);
	wait_until_asked(a);
	/* somebody else's of that version is not it */
	far = by_far(value);
	the_lock_is_read(far);
	free(far);
	free(value);
	value = put_value();
	answer(ETCD_UNKNOWN, NULL);
	wait_until_asked(a);
	the_lock_is_read(value);
	free(value);
	/* it stands: what the hosts do of it is awaited */
	assert_int_equal(strncmp(asked(), KEY_DONE, strlen(KEY_DONE)), 0);
	results(a, 0, 1, "[]", false);
	answer(ETCD_DONE, page(20, false));
	assert_true(world.over && !world.failed);
}

/* One that runs out has a lease, which is the lock's own: it does not go when all have answered. */
static void a_lock_keeps_its_lease(void **state)
{
	const struct wire_lock lock = {
		.kind = "user", .name = "bob", .lasts = 60000000000, .fleet = true};
	struct agent *a = *state;

	ask_for(a, WIRE_lock, &lock);
	the_lock_is_read(NULL);
	there_are_hosts(1);
	a_lease_is_granted("60");
	answer(ETCD_DONE, carried_out());
	results(a, 0, 1, "[]", false);
	assert_int_equal(world.n, 1);
	assert_string_equal(world.call[0]->request.path, ETCD_DELETE);
	answer(ETCD_DONE, page(20, false));
	assert_true(world.over && !world.failed);
}

/* That the lock is lifted is no sign that there was none, where it was lifted by this word. */
static void an_unlock_that_is_not_heard_of_is_read_back(void **state)
{
	const struct wire_unlock unlock = {.kind = "user", .name = "bob", .fleet = true};
	struct agent *a = *state;
	char *value;

	ask_for(a, WIRE_unlock, &unlock);
	the_lock_is_read("{\"version\":7}");
	a_lease_is_granted("2592000");
	value = put_value();
	answer(ETCD_UNKNOWN, NULL);
	wait_until_asked(a);
	the_lock_is_read(value);
	free(value);
	assert_true(world.over && !world.failed);
}

static void a_lock_that_is_never_heard_of_is_not_done(void **state)
{
	const struct wire_lock lock = {.kind = "user", .name = "bob", .fleet = true};
	struct agent *a = *state;

	ask_for(a, WIRE_lock, &lock);
	the_lock_is_read(NULL);
	there_are_hosts(1);
	answer(ETCD_UNKNOWN, NULL);
	wait_until_asked(a);
	answer(ETCD_UNREACHABLE, NULL);
	assert_true(world.over && world.failed);
	assert_non_null(strstr(world.error.text, "whether the fleet was told is not known"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_looked_for_page_by_page),
		TEST(a_prefix_of_two_is_none),
		TEST(a_prefix_of_none_is_none),
		TEST(a_session_whose_host_is_gone_is_pending),
		TEST(results_are_read_once),
		TEST(results_that_are_too_large_come_in_smaller_pages),
		TEST(what_cannot_be_read_is_no_result),
		TEST(those_who_are_pending_are_told_as_they_are_taken),
		TEST(orders_that_are_not_heard_of_are_put_again),
		TEST(who_has_no_order_is_told),
		TEST(orders_that_nobody_heard_of_are_not_done),
		TEST(orders_that_cannot_be_put_are_none),
		TEST(a_lock_that_is_not_heard_of_is_read_back),
		TEST(a_lock_keeps_its_lease),
		TEST(an_unlock_that_is_not_heard_of_is_read_back),
		TEST(a_lock_that_is_never_heard_of_is_not_done),
	};

	return cmocka_run_group_tests_name("fleet_errand", tests, NULL, NULL);
}
