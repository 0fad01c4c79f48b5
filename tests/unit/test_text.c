#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/text.h"

#define T(s) s, sizeof(s) - 1

static const struct {
	const char *in;
	size_t len;
	bool valid;
	const char *escaped;
} rows[] = {
	{T(""), true, ""},
	{T("anna"), true, "anna"},
	{T("a b~"), true, "a b~"},
	{T("back\\slash \"quote\""), true, "back\\slash \"quote\""},
	{T("gr\xc3\xbc\xc3\x9f"), true, "gr\xc3\xbc\xc3\x9f"},
	{T("\xe2\x82\xac \xf0\x9f\x98\x80"), true, "\xe2\x82\xac \xf0\x9f\x98\x80"},
	{T("\xf4\x8f\xbf\xbf"), true, "\xf4\x8f\xbf\xbf"},
	/* C0, DEL */
	{T("a\0b"), false, "a\\x00b"},
	{T("\n\r\t"), false, "\\x0a\\x0d\\x09"},
	{T("\033[2J"), false, "\\x1b[2J"},
	{T("\177"), false, "\\x7f"},
	/* C1: U+0080, U+009B (CSI), U+009F; the first printable one is U+00A0 */
	{T("\xc2\x80"), false, "\\xc2\\x80"},
	{T("\xc2\x9b"
	   "31m"),
		false, "\\xc2\\x9b31m"},
	{T("\xc2\x9f"), false, "\\xc2\\x9f"},
	{T("\xc2\xa0"), true, "\xc2\xa0"},
	/* line separators and what reorders a line, with their neighbours */
	{T("\xe2\x80\xa7"), true, "\xe2\x80\xa7"},
	{T("\xe2\x80\xa8"), false, "\\xe2\\x80\\xa8"},
	{T("\xe2\x80\xa9"), false, "\\xe2\\x80\\xa9"},
	{T("\xe2\x80\xaa"), false, "\\xe2\\x80\\xaa"},
	{T("user\xe2\x80\xaetxt"), false, "user\\xe2\\x80\\xaetxt"},
	{T("\xe2\x80\xaf"), true, "\xe2\x80\xaf"},
	{T("\xe2\x81\xa5"), true, "\xe2\x81\xa5"},
	{T("\xe2\x81\xa6"), false, "\\xe2\\x81\\xa6"},
	{T("\xe2\x81\xa9"), false, "\\xe2\\x81\\xa9"},
	{T("\xe2\x81\xaa"), true, "\xe2\x81\xaa"},
	/* not UTF-8: bare, overlong, surrogates, beyond U+10FFFF, cut off */
	{T("\x80"), false, "\\x80"},
	{T("\xff"), false, "\\xff"},
	{T("\xc0\x80"), false, "\\xc0\\x80"},
	{T("\xc1\xbf"), false, "\\xc1\\xbf"},
	{T("\xe0\x80\xaf"), false, "\\xe0\\x80\\xaf"},
	{T("\xe0\x9f\xbf"), false, "\\xe0\\x9f\\xbf"},
	{T("\xf0\x8f\xbf\xbf"), false, "\\xf0\\x8f\\xbf\\xbf"},
	{T("\xed\xa0\x80"), false, "\\xed\\xa0\\x80"},
	{T("\xed\xbf\xbf"), false, "\\xed\\xbf\\xbf"},
	{T("\xf4\x90\x80\x80"), false, "\\xf4\\x90\\x80\\x80"},
	{T("\xf5\x80\x80\x80"), false, "\\xf5\\x80\\x80\\x80"},
	{T("\xe2\x82"), false, "\\xe2\\x82"},
	{T("\xe2\x82z"), false, "\\xe2\\x82z"},
	{T("\xf0\x9f\x98"), false, "\\xf0\\x9f\\x98"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void validity(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS; i++)
		if (text_valid(rows[i].in, rows[i].len) != rows[i].valid)
			fail_msg("row %zu: %s", i, rows[i].escaped);
}

static void escapes(void **state)
{
	char out[64], again[64];
	size_t i, n;

	(void)state;
	for (i = 0; i < N_ROWS; i++) {
		n = text_escape(rows[i].in, rows[i].len, out, sizeof(out));
		assert_string_equal(out, rows[i].escaped);
		assert_int_equal(n, strlen(out));
		assert_true(text_valid(out, n));
		/* once more changes nothing */
		text_escape(out, n, again, sizeof(again));
		assert_string_equal(again, out);
	}
}

/* Every byte alone: valid exactly where it is printable ASCII. */
static void bytes(void **state)
{
	int c;
	char s;

	(void)state;
	for (c = 0; c < 256; c++) {
		s = (char)c;
		assert_int_equal(text_valid(&s, 1), c >= 0x20 && c < 0x7f);
	}
}

static const struct {
	const char *in;
	size_t size;
	const char *out;
} cuts[] = {
	{"abcdefgh", 1, ""},
	{"abcdefgh", 2, "a"},
	{"abcdefgh", 3, "ab"},
	{"abcdefgh", 4, "..."},
	{"abcdefgh", 5, "a..."},
	{"abcdefgh", 8, "abcd..."},
	{"abcdefgh", 9, "abcdefgh"},
	{"abc", 4, "abc"},
	{"abc", 3, "ab"},
	/* whole characters and whole escapes only */
	{"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 9, "\xe2\x82\xac..."},
	{"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 10, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"},
	{"\xe2\x82\xac", 3, ""},
	{"\n\n\n", 8, "\\x0a..."},
	{"\n\n\n", 7, "..."},
	{"\n", 5, "\\x0a"},
	{"\n", 4, "..."},
	{"", 1, ""},
};

static void cut_off(void **state)
{
	size_t i, n;
	char out[16];

	(void)state;
	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		memset(out, '#', sizeof(out));
		n = text_escape(cuts[i].in, strlen(cuts[i].in), out, cuts[i].size);
		assert_string_equal(out, cuts[i].out);
		assert_int_equal(n, strlen(out));
		assert_int_equal(out[cuts[i].size], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(validity),
		cmocka_unit_test(escapes),
		cmocka_unit_test(bytes),
		cmocka_unit_test(cut_off),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
