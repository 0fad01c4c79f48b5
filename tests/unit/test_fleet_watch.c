/* A watch against a store that does what a test says: it breaks off, is restored or begun anew, or
 * a member of it is behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "fleet/watch.h"

struct etcd_call {
	struct etcd_request request;
	char start[24]; /* of a stream: from which revision on */
	int limit;	/* of a list */
};

static struct {
	struct etcd_call *call; /* under way */
	unsigned n_begun, n_put, n_gone, n_listed, n_anew;
	struct timers timers;
	struct epoch epoch;
	struct watch watch;
} world;

/* --- In the place of etcd.c --- */

struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request)
{
	struct etcd_call *call = calloc(1, sizeof(*call));
	const char *start;

	(void)etcd;
	assert_non_null(call);
	assert_null(world.call);
	assert_non_null(request->body);
	start = json_string_value(json_object_get(
		json_object_get(request->body, "create_request"), "start_revision"));
	snprintf(call->start, sizeof(call->start), "%s", start != NULL ? start : "");
	call->limit = (int)json_integer_value(json_object_get(request->body, "limit"));
	call->request = *request;
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

void etcd_distrust(struct etcd_call *call)
{
	etcd_cancel(call);
}

struct epoch *etcd_epoch(struct etcd *etcd)
{
	(void)etcd;
	return &world.epoch;
}

void etcd_doubt_token(struct etcd *etcd)
{
	(void)etcd;
}

/* --- The owner --- */

static void begin(void *ctx)
{
	(void)ctx;
	world.n_begun++;
}

static void put(void *ctx, const struct reply_kv *kv)
{
	(void)ctx;
	assert_true(kv->key_len > 0);
	world.n_put++;
}

static void gone(void *ctx, const struct reply_kv *kv)
{
	(void)ctx;
	assert_true(kv->key_len > 0);
	world.n_gone++;
}

static void listed(void *ctx)
{
	(void)ctx;
	world.n_listed++;
}

static void anew(void *ctx)
{
	(void)ctx;
	world.n_anew++;
}

/* --- The store --- */

/* Its header, of the cluster's second term. */
static const char *header_of(const char *cluster, unsigned term, unsigned revision)
{
	static char out[160];

	snprintf(out, sizeof(out),
		"\"header\":{\"cluster_id\":\"%s\",\"raft_term\":\"%u\",\"revision\":\"%u\"}",
		cluster, term, revision);
	return out;
}

static const char *header(unsigned revision)
{
	return header_of("14841639068965178418", 2, revision);
}

static void end_call(enum etcd_outcome outcome, const char *text)
{
	struct etcd_request request;
	json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;
	struct etcd_answer a = {.outcome = outcome, .root = root, .words = "the test says so"};

	assert_non_null(world.call);
	request = world.call->request;
	free(world.call);
	world.call = NULL;
	if (root != NULL)
		epoch_see(&world.epoch, root);
	request.done(request.ctx, &a);
	json_decref(root);
}

/* Nothing but time passes. */
static void run_until_asked(const char *path)
{
	while (world.call == NULL)
		timers_run(&world.timers);
	assert_string_equal(world.call->request.path, path);
}

/* One key is there. */
static void lists(const char *head)
{
	char text[512];

	run_until_asked(ETCD_RANGE);
	snprintf(text, sizeof(text),
		"{%s,\"kvs\":[{\"key\":\"YQ==\",\"mod_revision\":\"3\"}],\"count\":\"1\"}", head);
	end_call(ETCD_DONE, text);
}

/* More than is taken. */
static void lists_too_much(void)
{
	struct etcd_request request = world.call->request;

	assert_string_equal(request.path, ETCD_RANGE);
	free(world.call);
	world.call = NULL;
	request.done(request.ctx, &(struct etcd_answer){.too_large = true, .words = "large"});
}

/* A line of the stream. False: the stream was broken off. */
static bool says(const char *head, const char *more)
{
	char text[512];
	json_t *root;
	bool good;

	snprintf(text, sizeof(text), "{\"result\":{%s,%s}}", head, more);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	good = world.call->request.line(world.call->request.ctx, root);
	json_decref(root);
	if (!good)
		end_call(ETCD_UNREACHABLE, NULL);
	return good;
}

static void follows(const char *start)
{
	run_until_asked(ETCD_WATCH);
	assert_string_equal(world.call->start, start);
}

#define CREATED "\"created\":true"
#define EVENT(revision) \
	"\"events\":[{\"kv\":{\"key\":\"Yg==\",\"mod_revision\":\"" #revision "\"}}]"

static int set_up(void **state)
{
	struct watch_options options = {.under = {"/sessd/v1/revoke/web1/"},
		.begin = begin,
		.put = put,
		.gone = gone,
		.listed = listed,
		.anew = anew};

	memset(&world, 0, sizeof(world));
	log_set_level(LOG_ERR);
	watch_start(&world.watch, NULL, &world.timers, &options);
	lists(header(100));
	follows("101");
	assert_true(says(header(100), CREATED));
	*state = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	watch_stop(&world.watch);
	return 0;
}

static void goes_on_where_it_was(void **state)
{
	(void)state;
	assert_true(says(header(120), EVENT(120)));
	end_call(ETCD_UNREACHABLE, NULL);
	follows("121");
	assert_true(says(header(150), CREATED));
	assert_int_equal(world.n_begun, 1);
	assert_int_equal(world.n_put, 2);
	assert_int_equal(world.n_anew, 0);
}

/* Its revisions are lower than those that were seen. */
static void a_store_that_was_restored_is_listed(void **state)
{
	(void)state;
	assert_true(says(header(120), EVENT(120)));
	end_call(ETCD_UNREACHABLE, NULL);
	follows("121");
	assert_false(says(header(110), CREATED));
	lists(header(111));
	assert_int_equal(world.n_begun, 2);
	assert_int_equal(world.n_listed, 2);
	assert_int_equal(world.n_anew, 1);
	follows("112");
	assert_true(says(header(111), CREATED));
	assert_true(says(header(115), EVENT(115)));
	assert_int_equal(world.n_put, 4);
	assert_int_equal(world.n_anew, 1);
}

/* Though its revisions are higher already. */
static void another_cluster_is_listed(void **state)
{
	(void)state;
	end_call(ETCD_UNREACHABLE, NULL);
	follows("101");
	assert_false(says(header_of("7", 2, 5000), CREATED));
	lists(header_of("7", 2, 5001));
	assert_int_equal(world.n_anew, 1);
	follows("5002");
	assert_true(says(header_of("7", 2, 5001), CREATED));
}

static void one_that_was_begun_anew_is_listed(void **state)
{
	(void)state;
	end_call(ETCD_UNREACHABLE, NULL);
	follows("101");
	assert_false(says(header_of("14841639068965178418", 1, 200), CREATED));
	lists(header_of("14841639068965178418", 1, 201));
	assert_int_equal(world.n_anew, 1);
}

/* The list is the word of all of them: nothing was lost. */
static void a_member_that_is_behind_is_no_other_store(void **state)
{
	(void)state;
	assert_true(says(header(120), EVENT(120)));
	end_call(ETCD_UNREACHABLE, NULL);
	follows("121");
	assert_false(says(header(119), CREATED));
	lists(header(121));
	assert_int_equal(world.n_anew, 0);
	follows("122");
	assert_true(says(header(121), CREATED));
}

/* Another watch has found it out, or a write was answered that the store does not have any more. */
static void what_others_have_seen_counts(void **state)
{
	struct epoch asked;
	json_t *root;

	(void)state;
	root = json_loads(
		"{\"header\":{\"cluster_id\":\"14841639068965178418\",\"raft_term\":\"2\","
		"\"revision\":\"200\"}}",
		0, NULL);
	epoch_see(&world.epoch, root);
	end_call(ETCD_UNREACHABLE, NULL);
	follows("101");
	assert_false(says(header(150), CREATED));
	lists(header(151));
	assert_int_equal(world.n_anew, 1);
	follows("152");
	asked = world.epoch;
	/* an answer that another one has overtaken begins no epoch */
	epoch_see(&world.epoch, root);
	assert_true(says(header(151), CREATED));
	assert_int_equal(world.epoch.n, 1);
	epoch_judge(&world.epoch, &asked, root);
	assert_int_equal(world.epoch.n, 1);
	json_decref(root);
	world.epoch.n++;
	end_call(ETCD_UNREACHABLE, NULL);
	follows("152");
	assert_false(says(header(300), CREATED));
	lists(header(300));
	assert_int_equal(world.n_anew, 2);
}

static void a_page_that_is_too_large_is_asked_for_in_pieces(void **state)
{
	int limit;

	(void)state;
	end_call(ETCD_UNREACHABLE, NULL);
	follows("101");
	assert_false(says(header(99), CREATED));
	run_until_asked(ETCD_RANGE);
	limit = world.call->limit;
	lists_too_much();
	assert_int_equal(world.call->limit, limit / 2);
	while (world.call->limit > 1)
		lists_too_much();
	/* one alone */
	lists_too_much();
	assert_null(world.call);
	run_until_asked(ETCD_RANGE);
	assert_int_equal(world.call->limit, limit);
	lists(header(100));
	follows("101");
}

/* The revision is seen when all of it is there. */
static void a_revision_comes_in_several_lines(void **state)
{
	(void)state;
	assert_true(says(header(120), "\"fragment\":true," EVENT(120)));
	assert_true(says(header(120), "\"fragment\":true," EVENT(120)));
	end_call(ETCD_UNREACHABLE, NULL);
	follows("101");
	assert_true(says(header(120), CREATED));
	assert_true(says(header(120), "\"fragment\":true," EVENT(120)));
	assert_true(says(header(120), EVENT(120)));
	assert_int_equal(world.n_put, 5);
	end_call(ETCD_UNREACHABLE, NULL);
	follows("121");
}

/* Whatever named it was no etcd, though it calls itself the same: nothing follows that. */
static void a_revision_that_there_is_not_yet_is_not_waited_for(void **state)
{
	(void)state;
	assert_true(says(header(100), EVENT(4611686018427387904)));
	end_call(ETCD_UNREACHABLE, NULL);
	follows("4611686018427387905");
	assert_false(says(header(102), CREATED));
	lists(header(102));
	follows("103");
	assert_true(says(header(102), CREATED));
	assert_int_equal(world.n_begun, 2);
}

static void what_says_no_revision_is_not_followed(void **state)
{
	(void)state;
	end_call(ETCD_UNREACHABLE, NULL);
	follows("101");
	assert_false(says("\"header\":{}", CREATED));
	lists(header(100));
	follows("101");
}

int main(void)
{
#define WITH_WATCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_WATCH(goes_on_where_it_was),
		WITH_WATCH(a_store_that_was_restored_is_listed),
		WITH_WATCH(another_cluster_is_listed),
		WITH_WATCH(one_that_was_begun_anew_is_listed),
		WITH_WATCH(a_member_that_is_behind_is_no_other_store),
		WITH_WATCH(what_others_have_seen_counts),
		WITH_WATCH(a_page_that_is_too_large_is_asked_for_in_pieces),
		WITH_WATCH(a_revision_comes_in_several_lines),
		WITH_WATCH(a_revision_that_there_is_not_yet_is_not_waited_for),
		WITH_WATCH(what_says_no_revision_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
