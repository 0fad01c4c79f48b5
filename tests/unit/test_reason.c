#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/reason.h"
#include "common/terms.h"
#include "common/text.h"

/* Codes are on the wire and in old ledgers: this list may only grow. */
static const struct {
	enum reason reason;
	unsigned code;
	const char *name;
} fixed[] = {
	{REASON_NONE, 0, "none"},
	{REASON_LOGOUT, 1, "logout"},
	{REASON_LEADER_GONE, 2, "leader_gone"},
	{REASON_LIFETIME, 3, "lifetime"},
	{REASON_IDLE, 4, "idle"},
	{REASON_REVOKED, 5, "revoked"},
	{REASON_EVICTED, 6, "evicted"},
	{REASON_LOCKED, 7, "locked"},
	{REASON_PASSWORD_CHANGED, 8, "password_changed"},
	{REASON_REBOOT, 9, "reboot"},
	{REASON_CAP, 10, "cap"},
	{REASON_REAUTH, 11, "reauth"},
	{REASON_TOKEN_MISMATCH, 12, "token_mismatch"},
	{REASON_UNAVAILABLE, 13, "unavailable"},
};

#define PAM_SUCCESS	0 /* as in <security/_pam_types.h>, which this test does without */
#define PAM_PERM_DENIED 6

static const struct {
	enum reason reason;
	unsigned use;
	int pam;
} rows[] = {
#define ROW(id, code, name, use, words, pam) {REASON_##id, (use), (pam)},
	REASONS(ROW)
#undef ROW
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void codes_hold(void **state)
{
	size_t i;

	(void)state;
	assert_true(sizeof(fixed) / sizeof(fixed[0]) <= N_ROWS + 1);
	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		assert_int_equal(fixed[i].reason, fixed[i].code);
		assert_string_equal(reason_name(fixed[i].reason), fixed[i].name);
		assert_true(reason_valid(fixed[i].code));
		assert_int_equal(reason_by_name(fixed[i].name), fixed[i].reason);
	}
}

static void rows_are_sound(void **state)
{
	const char *words, *name;
	size_t i, k;

	(void)state;
	for (i = 0; i < N_ROWS; i++) {
		name = reason_name(rows[i].reason);
		words = reason_words(rows[i].reason);
		assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
		assert_true(words[0] != '\0' && text_valid(words, strlen(words)));
		assert_true(rows[i].use != 0);
		assert_int_equal(reason_ends(rows[i].reason), (rows[i].use & REASON_ENDS) != 0);
		/* what refuses is never a success */
		assert_int_equal(
			rows[i].pam, rows[i].use & REASON_REFUSES ? PAM_PERM_DENIED : PAM_SUCCESS);
		for (k = 0; k < i; k++) {
			assert_int_not_equal(rows[i].reason, rows[k].reason);
			assert_string_not_equal(name, reason_name(rows[k].reason));
		}
	}
}

static void unknown(void **state)
{
	static const uint64_t codes[] = {
		99, 255, 256, 257, UINT32_MAX, UINT64_C(1) << 32 | 1, UINT64_MAX};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_false(reason_valid(codes[i]));
	assert_null(reason_name((enum reason)99));
	assert_null(reason_words((enum reason)99));
	assert_false(reason_ends((enum reason)99));
	assert_false(reason_ends(REASON_NONE));
	assert_int_equal(reason_by_name("nonsense"), REASON_NONE);
	assert_int_equal(reason_by_name(""), REASON_NONE);
}

static void terms(void **state)
{
	static const struct {
		enum session_class class;
		const char *name;
	} classes[] = {{CLASS_IGNORED, "ignored"}, {CLASS_BACKGROUND, "background"},
		{CLASS_ELEVATION, "elevation"}, {CLASS_LOGIN, "login"}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		assert_int_equal(classes[i].class, i + 1);
		assert_string_equal(class_name(classes[i].class), classes[i].name);
		assert_int_equal(class_by_name(classes[i].name), classes[i].class);
	}
	assert_string_equal(class_name(CLASS_NONE), "none");
	assert_null(class_name((enum session_class)99));
	assert_int_equal(class_by_name("nonsense"), CLASS_NONE);
	assert_string_equal(phase_name(PHASE_OPENING), "opening");
	assert_string_equal(phase_name(PHASE_ENDED), "ended");
	assert_string_equal(phase_name(PHASE_NONE), "none");
	assert_null(phase_name((enum phase)99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_hold),
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(unknown),
		cmocka_unit_test(terms),
	};

	return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
