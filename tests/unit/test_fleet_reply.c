/* etcd's answers: what it really says is read, and whatever else comes is an error and no crash. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/reply.h"

static json_t *json(const char *text)
{
	json_t *root = reply_json(text, strlen(text));

	if (root == NULL)
		fail_msg("no JSON: %s", text);
	return root;
}

static void a_range_is_read(void **state)
{
	json_t *root = json("{\"header\":{\"cluster_id\":\"1\",\"revision\":\"9\"},\"kvs\":["
			    "{\"key\":\"YQ==\",\"create_revision\":\"3\",\"mod_revision\":\"7\","
			    "\"version\":\"1\",\"value\":\"eyJ4IjoxfQ==\",\"lease\":\"77\"},"
			    "{\"key\":\"Yg==\",\"create_revision\":\"4\",\"mod_revision\":\"4\"}],"
			    "\"more\":true,\"count\":\"12\"}");
	struct reply_kvs kvs = {0};

	(void)state;
	assert_int_equal(reply_range(root, &kvs), 0);
	assert_int_equal(kvs.revision, 9);
	assert_int_equal(kvs.count, 12);
	assert_true(kvs.more);
	assert_int_equal(kvs.n, 2);
	assert_string_equal(kvs.kv[0].key, "a");
	assert_string_equal(kvs.kv[0].value, "{\"x\":1}");
	assert_int_equal(kvs.kv[0].create_revision, 3);
	assert_int_equal(kvs.kv[0].mod_revision, 7);
	assert_int_equal(kvs.kv[0].lease, 77);
	assert_int_equal(kvs.kv[1].value_len, 0);
	reply_kvs_fini(&kvs);
	json_decref(root);
	/* what is zero or false is left out */
	root = json("{\"header\":{\"revision\":\"1\"}}");
	assert_int_equal(reply_range(root, &kvs), 0);
	assert_int_equal(kvs.n, 0);
	assert_false(kvs.more);
	json_decref(root);
}

static void ranges_are_read(void **state)
{
	struct reply_kvs kvs[2];
	json_t *root = json("{\"header\":{\"revision\":\"9\"},\"succeeded\":true,\"responses\":["
			    "{\"response_range\":{\"kvs\":[{\"key\":\"YQ==\"}],\"count\":\"3\"}},"
			    "{\"response_range\":{}}]}");

	(void)state;
	assert_int_equal(reply_ranges(root, kvs, 2), 0);
	assert_true(kvs[0].n == 1 && kvs[0].count == 3 && kvs[0].revision == 9);
	assert_true(kvs[1].n == 0 && kvs[1].count == 0 && kvs[1].revision == 9);
	reply_kvs_fini(&kvs[0]);
	/* fewer or more than were asked for */
	assert_int_equal(reply_ranges(root, kvs, 1), -EPROTO);
	json_decref(root);
	root = json("{\"header\":{\"revision\":\"9\"},\"responses\":["
		    "{\"response_range\":{\"kvs\":[{\"key\":\"YQ==\"}]}},{\"response_put\":{}}]}");
	assert_int_equal(reply_ranges(root, kvs, 2), -EPROTO);
	json_decref(root);
}

/* Behind the last revision that a number can be there is none to ask for. */
static void the_last_number_is_none(void **state)
{
	struct reply_kvs kvs;
	json_t *root = json("{\"header\":{\"revision\":\"9223372036854775807\"}}");

	(void)state;
	assert_int_equal(reply_range(root, &kvs), -EPROTO);
	json_decref(root);
	root = json("{\"version\":9223372036854775807,\"at\":9223372036854775806}");
	assert_int_equal(reply_number(root, "version"), 0);
	assert_int_equal(reply_number(root, "at"), INT64_MAX - 1);
	json_decref(root);
}

/* What is small on the wire and large in memory. */
static void many_objects_are_no_answer(void **state)
{
	enum { LEN = 8 << 20 };
	char *text = malloc(LEN);
	size_t i;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', LEN);
	text[0] = '[';
	text[LEN - 1] = ']';
	for (i = 1; i + 4 < LEN; i += 3)
		memcpy(text + i, "{},", 3);
	memcpy(text + i, "{}", 2);
	assert_null(reply_json(text, LEN));
	free(text);
}

static void a_txn_is_read(void **state)
{
	struct reply_txn txn;
	json_t *root = json("{\"header\":{\"revision\":\"9\"}}");

	(void)state;
	/* a comparison that does not hold */
	assert_int_equal(reply_txn(root, &txn), 0);
	assert_false(txn.succeeded);
	json_decref(root);
	root = json("{\"header\":{\"revision\":\"10\"},\"succeeded\":true,\"responses\":["
		    "{\"response_put\":{}},{\"response_range\":{\"kvs\":[{\"key\":\"YQ==\"}]}}]}");
	assert_int_equal(reply_txn(root, &txn), 0);
	assert_true(txn.succeeded);
	assert_int_equal(txn.got.n, 1);
	reply_kvs_fini(&txn.got);
	json_decref(root);
}

static void a_watch_is_read(void **state)
{
	struct reply_watch w;
	json_t *root = json("{\"result\":{\"header\":{\"revision\":\"9\"},\"events\":["
			    "{\"kv\":{\"key\":\"YQ==\",\"mod_revision\":\"9\",\"value\":\"YQ==\"}},"
			    "{\"type\":\"DELETE\",\"kv\":{\"key\":\"Yg==\"}}]}}");

	(void)state;
	assert_int_equal(reply_watch(root, &w), 0);
	assert_int_equal(w.n, 2);
	assert_false(w.event[0].deleted);
	assert_int_equal(w.event[0].kv.mod_revision, 9);
	assert_true(w.event[1].deleted);
	reply_watch_fini(&w);
	json_decref(root);
	root = json("{\"result\":{\"header\":{},\"canceled\":true,\"compact_revision\":\"5\"}}");
	assert_int_equal(reply_watch(root, &w), 0);
	assert_true(w.canceled);
	assert_int_equal(w.compact_revision, 5);
	json_decref(root);
}

static void a_lease_is_read(void **state)
{
	struct reply_lease lease;
	json_t *root = json("{\"result\":{\"header\":{},\"ID\":\"7587\",\"TTL\":\"30\"}}");

	(void)state;
	assert_int_equal(reply_lease(root, &lease), 0);
	assert_int_equal(lease.id, 7587);
	assert_int_equal(lease.ttl, 30);
	json_decref(root);
	/* one that is over */
	root = json("{\"result\":{\"header\":{},\"ID\":\"7587\"}}");
	assert_int_equal(reply_lease(root, &lease), 0);
	assert_int_equal(lease.ttl, 0);
	json_decref(root);
	root = json("{\"TTL\":\"30\"}");
	assert_int_equal(reply_lease(root, &lease), -EPROTO);
	json_decref(root);
}

static void nonsense_is_an_error(void **state)
{
	static const char *const ranges[] = {"{}", "[]", "3", "{\"header\":3}",
		"{\"header\":{\"revision\":\"0\"}}", "{\"header\":{\"revision\":\"-1\"}}",
		"{\"header\":{\"revision\":-1}}", "{\"header\":{\"revision\":\"1x\"}}",
		"{\"header\":{\"revision\":\"99999999999999999999\"}}",
		"{\"header\":{\"revision\":\"9\"},\"kvs\":{}}",
		"{\"header\":{\"revision\":\"9\"},\"kvs\":[3]}",
		"{\"header\":{\"revision\":\"9\"},\"kvs\":[{}]}",
		"{\"header\":{\"revision\":\"9\"},\"kvs\":[{\"key\":3}]}",
		"{\"header\":{\"revision\":\"9\"},\"kvs\":[{\"key\":\"*\"}]}",
		"{\"header\":{\"revision\":\"9\"},\"kvs\":[{\"key\":\"YQ==\"},{\"key\":\"Y\"}]}",
		"{\"header\":{\"revision\":\"9\"},\"more\":\"yes\"}",
		"{\"header\":{\"revision\":\"9\"},\"count\":[]}"};
	static const char *const watches[] = {"{}", "{\"result\":3}",
		"{\"error\":{\"message\":\"x\"}}", "{\"result\":{\"events\":3}}",
		"{\"result\":{\"events\":[3]}}",
		"{\"result\":{\"events\":[{\"type\":\"MOVE\",\"kv\":{\"key\":\"YQ==\"}}]}}",
		"{\"result\":{\"events\":[{\"type\":3,\"kv\":{\"key\":\"YQ==\"}}]}}",
		"{\"result\":{\"created\":1}}"};
	struct reply_kvs kvs;
	struct reply_watch w;
	json_t *root;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		root = json_loads(ranges[i], JSON_DECODE_ANY, NULL);
		if (reply_range(root, &kvs) != -EPROTO)
			fail_msg("taken: %s", ranges[i]);
		json_decref(root);
	}
	for (i = 0; i < sizeof(watches) / sizeof(watches[0]); i++) {
		root = json(watches[i]);
		if (reply_watch(root, &w) != -EPROTO)
			fail_msg("taken: %s", watches[i]);
		json_decref(root);
	}
}

static void texts_are_ours_to_print(void **state)
{
	json_t *root = json("{\"good\":\"bob\",\"long\":\"12345678\",\"escape\":\"\\u001b[31m\","
			    "\"number\":3,\"n\":\"12\",\"token\":\"a\\r\\nX: y\"}");
	char text[8];

	(void)state;
	reply_text(root, "good", text, sizeof(text));
	assert_string_equal(text, "bob");
	reply_text(root, "long", text, sizeof(text));
	assert_string_equal(text, "");
	reply_text(root, "escape", text, sizeof(text));
	assert_string_equal(text, "");
	reply_text(root, "number", text, sizeof(text));
	assert_string_equal(text, "");
	reply_text(root, "absent", text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(reply_number(root, "number"), 3);
	assert_int_equal(reply_number(root, "n"), 12);
	assert_int_equal(reply_number(root, "good"), 0);
	/* it would be a header */
	assert_null(reply_token(root));
	json_decref(root);
	root = json("{\"error\":\"no\",\"token\":\"abc.1\"}");
	assert_string_equal(reply_error(root), "no");
	assert_string_equal(reply_token(root), "abc.1");
	json_decref(root);
	root = json("{\"error\":{\"message\":\"lost\"}}");
	assert_string_equal(reply_error(root), "lost");
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_is_read),
		cmocka_unit_test(a_txn_is_read),
		cmocka_unit_test(ranges_are_read),
		cmocka_unit_test(many_objects_are_no_answer),
		cmocka_unit_test(the_last_number_is_none),
		cmocka_unit_test(a_watch_is_read),
		cmocka_unit_test(a_lease_is_read),
		cmocka_unit_test(nonsense_is_an_error),
		cmocka_unit_test(texts_are_ours_to_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
