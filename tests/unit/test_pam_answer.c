/* What each reply means to a login: nothing that is not exactly a grant lets anybody in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <security/_pam_types.h>

#include "pam_module/answer.h"

static const enum wire_type requests[] = {WIRE_acct, WIRE_open, WIRE_close};

static void read_answer(
	enum wire_type request, struct wire_frame *frame, enum wire_type type, struct answer *ret)
{
	frame->type = type;
	memset(ret, 0xff, sizeof(*ret));
	answer_of_frame(request, frame, ret);
}

static void test_zero_refuses(void **state)
{
	struct answer answer = {0};

	(void)state;
	assert_int_equal(answer.verdict, VERDICT_HOSTILE);
	assert_int_equal(answer_pam(answer.reason), PAM_PERM_DENIED);
}

static void test_granted(void **state)
{
	struct wire_frame frame = {
		.u.granted = {.keep_token = true, .runtime_max = 7, .notice = "one; two"}};
	struct answer answer;

	(void)state;
	read_answer(WIRE_open, &frame, WIRE_granted, &answer);
	assert_int_equal(answer.verdict, VERDICT_UNTRACKED);
	assert_false(answer.keep_token);
	assert_int_equal(answer.runtime_max, 0);
	assert_string_equal(answer.notice, "");
	frame.u.granted.tracked = true;
	read_answer(WIRE_open, &frame, WIRE_granted, &answer);
	assert_int_equal(answer.verdict, VERDICT_GRANTED);
	assert_true(answer.keep_token);
	assert_int_equal(answer.runtime_max, 7);
	assert_string_equal(answer.notice, "one; two");
	frame.u.granted.keep_token = false;
	read_answer(WIRE_acct, &frame, WIRE_granted, &answer);
	assert_int_equal(answer.verdict, VERDICT_GRANTED);
	assert_false(answer.keep_token);
}

/* A refusal stays one whatever reason comes with it, also one that only ends sessions. */
static void test_refused_is_never_success(void **state)
{
	struct wire_frame frame = {0};
	struct answer answer;
	unsigned code;

	(void)state;
	for (code = 0; code < 64; code++) {
		frame.u.refused.reason = (enum reason)code;
		strcpy(frame.u.refused.text, "two is company");
		read_answer(WIRE_open, &frame, WIRE_refused, &answer);
		assert_int_equal(answer.verdict, VERDICT_REFUSED);
		assert_string_equal(answer.text, "two is company");
		assert_int_equal(answer_pam(answer.reason), PAM_PERM_DENIED);
	}
}

static void test_error_is_an_outage(void **state)
{
	struct wire_frame frame = {.u.error = {.code = WIRE_E_LIMIT, .text = "too busy"}};
	struct answer answer;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		read_answer(requests[i], &frame, WIRE_error, &answer);
		assert_int_equal(answer.verdict, VERDICT_UNAVAILABLE);
		assert_string_equal(answer.text, "too busy");
	}
	frame.u.error.code = WIRE_E_NO_SESSION;
	read_answer(WIRE_close, &frame, WIRE_error, &answer);
	assert_int_equal(answer.verdict, VERDICT_UNKNOWN);
	/* only a close may find no session */
	read_answer(WIRE_open, &frame, WIRE_error, &answer);
	assert_int_equal(answer.verdict, VERDICT_UNAVAILABLE);
	frame.u.error.text[0] = '\0';
	read_answer(WIRE_open, &frame, WIRE_error, &answer);
	assert_string_equal(answer.text, wire_error_words(WIRE_E_NO_SESSION));
}

static bool expected(enum wire_type request, enum wire_type reply)
{
	if (reply == WIRE_error)
		return true;
	if (request == WIRE_close)
		return reply == WIRE_done;
	if (reply == WIRE_outdated)
		return request == WIRE_acct;
	return reply == WIRE_granted || reply == WIRE_refused;
}

/* Every other message, and every type that there is not, is an attack. */
static void test_other_messages_are_hostile(void **state)
{
	struct wire_frame frame;
	struct answer answer;
	unsigned type;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		for (type = 0; type < 256; type++) {
			memset(&frame, 0, sizeof(frame));
			frame.u.granted.tracked = true;
			read_answer(requests[i], &frame, (enum wire_type)type, &answer);
			if (expected(requests[i], (enum wire_type)type))
				assert_int_not_equal(answer.verdict, VERDICT_HOSTILE);
			else
				assert_int_equal(answer.verdict, VERDICT_HOSTILE);
		}
	}
}

static void test_failed_exchanges(void **state)
{
	static const enum client_status outages[] = {
		CLIENT_DOWN, CLIENT_TIMEOUT, CLIENT_FORBIDDEN, CLIENT_VERSION, CLIENT_INVALID};
	struct answer answer;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(outages) / sizeof(outages[0]); i++) {
		answer_of_status(outages[i], "", &answer);
		assert_int_equal(answer.verdict, VERDICT_UNAVAILABLE);
		assert_string_equal(answer.text, client_status_words(outages[i]));
	}
	answer_of_status(CLIENT_VERSION, "the module is too old", &answer);
	assert_string_equal(answer.text, "no common protocol version: the module is too old");
	answer_of_status(CLIENT_HOSTILE, "", &answer);
	assert_int_equal(answer.verdict, VERDICT_HOSTILE);
	/* no failure is no grant either */
	answer_of_status(CLIENT_OK, "", &answer);
	assert_int_equal(answer.verdict, VERDICT_HOSTILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero_refuses),
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_refused_is_never_success),
		cmocka_unit_test(test_error_is_an_outage),
		cmocka_unit_test(test_other_messages_are_hostile),
		cmocka_unit_test(test_failed_exchanges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
