/* What came of an order, as a host writes it and another reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fleet/result.h"

#define ONE_BY_ONE 200

static struct wire_outcome an_outcome(unsigned n, uint64_t survivors)
{
	struct wire_outcome o = {.sid = {{(uint8_t)(n >> 8), (uint8_t)n, 7}},
		.user = "bob",
		.service = "sshd",
		.reason = REASON_LOCKED,
		.signalled = 3,
		.elapsed = 1000 + n,
		.survivors = survivors};

	if (survivors > 0)
		strcpy(o.survivor_list, "5 dd D");
	return o;
}

static void what_is_written_is_read(void **state)
{
	struct wire_outcome o = an_outcome(300, 1), back;
	json_t *list = json_array();

	(void)state;
	assert_int_equal(result_add(list, &o), 0);
	assert_int_equal(result_add_refusal(list, "no"), 0);
	assert_int_equal(result_add_failure(list, "not all"), 0);
	result_read(json_array_get(list, 0), &back);
	assert_memory_equal(&back, &o, sizeof(o));
	result_read(json_array_get(list, 1), &back);
	assert_string_equal(back.refused, "no");
	assert_string_equal(back.failed, "");
	result_read(json_array_get(list, 2), &back);
	assert_string_equal(back.failed, "not all");
	json_decref(list);
}

/* However long the words are, or of what kind: they are a reason. */
static void words_that_do_not_fit_are_a_reason_yet(void **state)
{
	char words[1001];
	struct wire_outcome back;
	json_t *list = json_array();

	(void)state;
	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	assert_int_equal(result_add_failure(list, words), 0);
	assert_int_equal(result_add_refusal(list, words), 0);
	result_read(json_array_get(list, 0), &back);
	assert_int_equal(strncmp(back.failed, "xxx", 3), 0);
	result_read(json_array_get(list, 1), &back);
	assert_int_equal(strncmp(back.refused, "xxx", 3), 0);
	json_array_append_new(list, json_pack("{s:s}", "failed", words));
	json_array_append_new(list, json_pack("{s:b}", "refused", 1));
	result_read(json_array_get(list, 2), &back);
	assert_string_not_equal(back.failed, "");
	result_read(json_array_get(list, 3), &back);
	assert_string_not_equal(back.refused, "");
	json_decref(list);
}

/* However many there are: no session of which processes are left is passed over in silence. */
static void of_many_those_that_are_left_are_told(void **state)
{
	enum { N = 350 };
	struct wire_outcome o, back;
	json_t *list = json_array();
	unsigned i, survivors = 0, told = 0;
	uint64_t more = 0;

	(void)state;
	for (i = 0; i < N; i++) {
		o = an_outcome(i, i >= N - 2 ? 2 : 0);
		assert_int_equal(result_add(list, &o), 0);
	}
	assert_int_equal(json_array_size(list), ONE_BY_ONE + 1);
	for (i = 0; i < json_array_size(list); i++) {
		result_read(json_array_get(list, i), &back);
		told += back.more == 0;
		survivors += back.more == 0 && back.survivors == 2;
		if (back.more == 0)
			continue;
		more = back.more;
		assert_int_equal(back.signalled, 3 * more);
		assert_int_equal(back.survivors, 0);
		assert_int_equal(back.reason, REASON_LOCKED);
		assert_true(back.elapsed > 1000);
	}
	assert_int_equal(told, ONE_BY_ONE);
	assert_int_equal(survivors, 2);
	assert_int_equal(more, N - ONE_BY_ONE);
	json_decref(list);
}

static void more_than_can_be_told_are_left(void **state)
{
	enum { N = 230 };
	struct wire_outcome o, back;
	json_t *list = json_array();
	unsigned i;

	(void)state;
	for (i = 0; i < N; i++) {
		o = an_outcome(i, 1);
		assert_int_equal(result_add(list, &o), 0);
	}
	assert_int_equal(json_array_size(list), ONE_BY_ONE + 1);
	result_read(json_array_get(list, ONE_BY_ONE), &back);
	assert_int_equal(back.more, N - ONE_BY_ONE);
	assert_int_equal(back.survivors, N - ONE_BY_ONE);
	json_decref(list);
}

/* What is over stays told, and what is not is told by the next try. */
static void an_order_is_carried_out_once_more(void **state)
{
	struct wire_outcome o = an_outcome(1, 0), back;
	json_t *list = json_array();
	uint64_t survivors = 0;
	unsigned i;

	(void)state;
	result_add(list, &o);
	for (i = 2; i < 5; i++) {
		o = an_outcome(i, 1);
		result_add(list, &o);
	}
	result_again(list);
	assert_int_equal(json_array_size(list), 1);
	result_read(json_array_get(list, 0), &back);
	assert_int_equal(back.sid.b[1], 1);
	/* and with a sum in its midst */
	for (i = 5; i < 5 + 2 * ONE_BY_ONE; i++) {
		o = an_outcome(i, i % 2);
		result_add(list, &o);
	}
	result_again(list);
	for (i = 0; i < 3 * ONE_BY_ONE; i++) {
		o = an_outcome(i, 1);
		result_add(list, &o);
	}
	assert_true(json_array_size(list) <= ONE_BY_ONE + 1);
	for (i = 0; i < json_array_size(list); i++) {
		result_read(json_array_get(list, i), &back);
		survivors += back.survivors;
	}
	assert_int_equal(survivors, 3 * ONE_BY_ONE);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(words_that_do_not_fit_are_a_reason_yet),
		cmocka_unit_test(of_many_those_that_are_left_are_told),
		cmocka_unit_test(more_than_can_be_told_are_left),
		cmocka_unit_test(an_order_is_carried_out_once_more),
	};

	return cmocka_run_group_tests_name("fleet_result", tests, NULL, NULL);
}
