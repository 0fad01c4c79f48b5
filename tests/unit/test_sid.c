#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/sid.h"

static void parses(void **state)
{
	static const char *const bad[] = {
		"",
		"0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdef0",
		"0123456789ABCDEF0123456789abcdef",
		"0123456789abcdef0123456789abcdeg",
		"0123456789abcdef 123456789abcdef",
	};
	static const char good[] = "00ff10203040506070809aabbccddeef";
	struct sid sid, kept;
	char hex[SID_HEX + 1];
	size_t i;

	(void)state;
	assert_true(sid_parse(good, &sid));
	assert_int_equal(sid.b[0], 0);
	assert_int_equal(sid.b[1], 0xff);
	assert_int_equal(sid.b[15], 0xef);
	assert_string_equal(sid_hex(&sid, hex), good);
	kept = sid;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(sid_parse(bad[i], &sid));
		assert_true(sid_equal(&sid, &kept));
	}
}

static const struct {
	const char *prefix;
	bool valid, fits; /* 0123abcd… */
} prefixes[] = {
	{"", false, false},
	{"012", false, false},
	{"0123", true, true},
	{"0123abcd", true, true},
	{"0123abce", true, false},
	{"1123", true, false},
	{"0123ABCD", false, false},
	{"0123/", false, false},
	{"0123:", false, false},
	{"0123`", false, false},
	{"0123g", false, false},
	{"0123abcd0123abcd0123abcd0123abcd", true, true},
	{"0123abcd0123abcd0123abcd0123abcc", true, false},
	{"0123abcd0123abcd0123abcd0123abcd0", false, false},
};

static void prefix(void **state)
{
	struct sid sid;
	size_t i;

	(void)state;
	assert_true(sid_parse("0123abcd0123abcd0123abcd0123abcd", &sid));
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		assert_int_equal(sid_prefix_valid(prefixes[i].prefix), prefixes[i].valid);
		if (prefixes[i].valid)
			assert_int_equal(
				sid_has_prefix(&sid, prefixes[i].prefix), prefixes[i].fits);
	}
}

static void random_ones(void **state)
{
	struct sid a, b, zero = {0};
	struct token s, t, none = {0};

	(void)state;
	assert_int_equal(sid_random(&a), 0);
	assert_int_equal(sid_random(&b), 0);
	assert_false(sid_equal(&a, &b));
	assert_false(sid_is_zero(&a));
	assert_true(sid_is_zero(&zero));
	zero.b[SID_BYTES - 1] = 1;
	assert_false(sid_is_zero(&zero));
	assert_int_equal(token_random(&s), 0);
	assert_int_equal(token_random(&t), 0);
	assert_memory_not_equal(&s, &t, sizeof(s));
	assert_false(token_is_zero(&s));
	assert_true(token_is_zero(&none));
	none.b[TOKEN_BYTES - 1] = 1;
	assert_false(token_is_zero(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(prefix),
		cmocka_unit_test(random_ones),
	};

	return cmocka_run_group_tests_name("sid", tests, NULL, NULL);
}
