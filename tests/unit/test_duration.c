#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/duration.h"
#include "common/timestamp.h"

static const struct {
	const char *text;
	uint64_t ns;
} good[] = {
	{"0", 0},
	{"0s", 0},
	{"90s", 90 * NS_PER_SEC},
	{"15m", 900 * NS_PER_SEC},
	{"1h30m", 5400 * NS_PER_SEC},
	{"30m1h", 5400 * NS_PER_SEC},
	{"12h", 43200 * NS_PER_SEC},
	{"7d", 604800 * NS_PER_SEC},
	{"2w", 1209600 * NS_PER_SEC},
	{"250ms", 250 * NS_PER_MS},
	{"5us", 5000},
	{"1s500ms", 1500 * NS_PER_MS},
	{"3650d", DURATION_MAX},
	{"00012h", 43200 * NS_PER_SEC},
};

static const char *const bad[] = {"", " ", "1", "00", "h", "-1s", "+1s", "1.5h", "1 h", "1h ",
	" 1h", "1x", "1hs", "1mm", "1sm", "1H", "1h30", "3651d", "3650d1us",
	"99999999999999999999s", "18446744073709551616us", "18446744073709551615w", "1h\n", "0x1s"};

static void parses(void **state)
{
	uint64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ns = 77;
		assert_true(duration_parse(good[i].text, &ns));
		assert_int_equal(ns, good[i].ns);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ns = 77;
		if (duration_parse(bad[i], &ns))
			fail_msg("`%s` was taken", bad[i]);
		assert_int_equal(ns, 77);
	}
}

static const struct {
	uint64_t ns;
	const char *text;
} shown[] = {
	{0, "0s"},
	{999, "0s"},
	{1000, "1us"},
	{12 * NS_PER_MS, "12ms"},
	{12 * NS_PER_MS + 999, "12ms"},
	{45 * NS_PER_SEC, "45s"},
	{1500 * NS_PER_MS, "1s"},
	{90 * NS_PER_SEC, "1m30s"},
	{5400 * NS_PER_SEC, "1h30m"},
	{5401 * NS_PER_SEC, "1h30m"},
	{3605 * NS_PER_SEC, "1h5s"},
	{86400 * NS_PER_SEC, "1d"},
	{8 * 86400 * NS_PER_SEC, "1w1d"},
	{DURATION_MAX, "521w3d"},
	{UINT64_MAX, "30500w3d"},
};

static void formats(void **state)
{
	char out[DURATION_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		assert_string_equal(duration_format(shown[i].ns, out), shown[i].text);
}

static void timestamps(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000000Z"},
		{UINT64_C(951782400123456789), "2000-02-29T00:00:00.123456Z"},
		{UINT64_C(1795421730000001000), "2026-11-23T08:15:30.000001Z"},
		{UINT64_MAX, "2554-07-21T23:34:33.709551Z"},
	};
	char out[TIMESTAMP_TEXT];
	uint64_t before;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(timestamp_format(rows[i].ns, out), rows[i].text);
	before = clock_boot();
	assert_true(before > 0 && clock_boot() >= before);
	assert_true(clock_wall() > UINT64_C(1600000000) * NS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(formats),
		cmocka_unit_test(timestamps),
	};

	return cmocka_run_group_tests_name("duration", tests, NULL, NULL);
}
