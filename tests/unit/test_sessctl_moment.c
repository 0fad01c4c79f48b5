/* Points in time as people type them: forms, time zones, and clocks that are set back and forth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessctl/moment.h"

/* 2026-11-22T13:30:05Z */
#define NOW (UINT64_C(1795354205) * NS_PER_SEC)

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

/* Both as RFC 3339 in UTC. */
static void expect(const char *tz, const char *text, const char *utc)
{
	char found[TIMESTAMP_TEXT];
	uint64_t ns;

	zone(tz);
	if (!moment_parse(text, NOW, &ns))
		fail_msg("TZ=%s `%s` is not taken", tz, text);
	timestamp_format(ns, found);
	if (strcmp(found, utc) != 0)
		fail_msg("TZ=%s `%s` is %s, not %s", tz, text, found, utc);
}

static void test_forms(void **state)
{
	(void)state;
	expect("UTC", "2026-11-22", "2026-11-22T00:00:00.000000Z");
	expect("UTC", "2026-11-22 14:30", "2026-11-22T14:30:00.000000Z");
	expect("UTC", "2026-11-22T14:30", "2026-11-22T14:30:00.000000Z");
	expect("UTC", "2026-11-22 14:30:05", "2026-11-22T14:30:05.000000Z");
	expect("UTC", "2026-11-22 14:30:05.25", "2026-11-22T14:30:05.250000Z");
	expect("UTC", "2026-11-22T14:30:05.1234567891234Z", "2026-11-22T14:30:05.123456Z");
	expect("UTC", "1970-01-01", "1970-01-01T00:00:00.000000Z");
	expect("UTC", "2024-02-29", "2024-02-29T00:00:00.000000Z");
	expect("UTC", "2000-02-29", "2000-02-29T00:00:00.000000Z");
	expect("UTC", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z");
	expect("UTC", "now", "2026-11-22T13:30:05.000000Z");
	expect("UTC", "today", "2026-11-22T00:00:00.000000Z");
	expect("UTC", "yesterday", "2026-11-21T00:00:00.000000Z");
	expect("UTC", "-24h", "2026-11-21T13:30:05.000000Z");
	expect("UTC", "-1h30m", "2026-11-22T12:00:05.000000Z");
	expect("UTC", "-0", "2026-11-22T13:30:05.000000Z");
}

/* An offset that is given holds wherever one is. */
static void test_offsets(void **state)
{
	static const char *const zones[] = {"UTC", "Asia/Kathmandu", "America/New_York"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		expect(zones[i], "2026-11-22T14:30:00Z", "2026-11-22T14:30:00.000000Z");
		expect(zones[i], "2026-11-22t14:30:00z", "2026-11-22T14:30:00.000000Z");
		expect(zones[i], "2026-11-22T14:30:00+01:00", "2026-11-22T13:30:00.000000Z");
		expect(zones[i], "2026-11-22T00:30:00+05:45", "2026-11-21T18:45:00.000000Z");
		expect(zones[i], "2026-12-31T23:30:00-08:00", "2027-01-01T07:30:00.000000Z");
		expect(zones[i], "2026-11-22 14:30-00:00", "2026-11-22T14:30:00.000000Z");
	}
}

static void test_local(void **state)
{
	(void)state;
	expect("Europe/Berlin", "2026-11-22", "2026-11-21T23:00:00.000000Z");
	expect("Europe/Berlin", "2026-07-01", "2026-06-30T22:00:00.000000Z");
	expect("Europe/Berlin", "2026-11-22 14:30", "2026-11-22T13:30:00.000000Z");
	expect("America/New_York", "2026-11-22 09:00", "2026-11-22T14:00:00.000000Z");
	expect("Asia/Kathmandu", "2026-11-22 14:30", "2026-11-22T08:45:00.000000Z");
	/* there it is the 23rd already, and still the 22nd in Honolulu */
	expect("Pacific/Auckland", "today", "2026-11-22T11:00:00.000000Z");
	expect("Pacific/Auckland", "yesterday", "2026-11-21T11:00:00.000000Z");
	expect("Pacific/Honolulu", "today", "2026-11-22T10:00:00.000000Z");
	expect("Pacific/Kiritimati", "today", "2026-11-22T10:00:00.000000Z");
}

/* 2026-03-29: in Berlin 02:00 is 03:00. 2026-10-25: 03:00 is 02:00 again. */
static void test_clock_changes(void **state)
{
	(void)state;
	expect("Europe/Berlin", "2026-03-29 01:59", "2026-03-29T00:59:00.000000Z");
	expect("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30:00.000000Z");
	expect("Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00:00.000000Z");
	expect("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00.000000Z");
	expect("Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00.000000Z");
	expect("Europe/Berlin", "2026-10-25 01:59", "2026-10-24T23:59:00.000000Z");
	expect("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00.000000Z");
	expect("Europe/Berlin", "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00.000000Z");
	expect("Europe/Berlin", "2026-10-25 03:00", "2026-10-25T02:00:00.000000Z");
	expect("America/New_York", "2026-11-01 01:30", "2026-11-01T05:30:00.000000Z");
	expect("America/New_York", "2026-03-08 02:30", "2026-03-08T07:30:00.000000Z");
	/* half an hour only */
	expect("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04T14:45:00.000000Z");
	/* days that begin at 01:00, and one that never was */
	expect("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000000Z");
	expect("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00.000000Z");
	expect("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00.000000Z");
}

/* Yesterday is the day before, not 24 hours ago. */
static void test_yesterday_over_a_change(void **state)
{
	static const struct {
		const char *now, *today, *yesterday;
	} days[] = {
		{"2026-10-26T00:30:00Z", "2026-10-25T23:00:00.000000Z",
			"2026-10-24T22:00:00.000000Z"},
		{"2026-03-29T23:30:00Z", "2026-03-29T22:00:00.000000Z",
			"2026-03-28T23:00:00.000000Z"},
		{"2026-03-01T12:00:00Z", "2026-02-28T23:00:00.000000Z",
			"2026-02-27T23:00:00.000000Z"},
		{"2026-01-01T12:00:00Z", "2025-12-31T23:00:00.000000Z",
			"2025-12-30T23:00:00.000000Z"},
	};
	char found[TIMESTAMP_TEXT];
	uint64_t now, ns;
	size_t i;

	(void)state;
	zone("Europe/Berlin");
	for (i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		assert_true(moment_parse_exact(days[i].now, &now));
		assert_true(moment_parse("today", now, &ns));
		assert_string_equal(timestamp_format(ns, found), days[i].today);
		assert_true(moment_parse("yesterday", now, &ns));
		assert_string_equal(timestamp_format(ns, found), days[i].yesterday);
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", " ", "2026", "2026-11", "2026-1-2", "26-11-22",
		"2026/11/22", "2026-11-22 ", " 2026-11-22", "2026-13-01", "2026-00-01",
		"2026-11-00", "2026-11-31", "2026-02-29", "1900-02-29", "2026-11-22 14",
		"2026-11-22 1430", "2026-11-22 24:00", "2026-11-22 14:60", "2026-11-22 14:30:61",
		"2026-11-22 14:30:", "2026-11-22 14:30:05.", "2026-11-22 14:30.5", "2026-11-22Z",
		"2026-11-22T", "2026-11-22  14:30", "2026-11-22T14:30:00 Z",
		"2026-11-22T14:30:00ZZ", "2026-11-22T14:30:00+1:00", "2026-11-22T14:30:00+0100",
		"2026-11-22T14:30:00+24:00", "2026-11-22T14:30:00+01:60", "2026-11-22x14:30",
		"1969-12-31T23:59:59Z", "0000-01-01", "9999-12-31", "-", "-24", "--24h", "-24 h",
		"24h", "+24h", "-99999w", "tomorrow", "Today", "noww", "-1h\n",
		"2026-11-2\xd9\xa3"};
	uint64_t ns = 42;
	size_t i;

	(void)state;
	zone("UTC");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (moment_parse(bad[i], NOW, &ns) || ns != 42)
			fail_msg("taken: `%s`", bad[i]);
	/* longer ago than there is time */
	assert_false(moment_parse("-2h", 3600 * NS_PER_SEC, &ns));
}

static void test_exact(void **state)
{
	static const char *const bad[] = {
		"2026-11-22", "2026-11-22 14:30", "2026-11-22T14:30:00", "now", "-1h", "today", ""};
	uint64_t ns = 42;
	char text[TIMESTAMP_TEXT];
	size_t i;

	(void)state;
	zone("America/New_York");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(moment_parse_exact(bad[i], &ns));
	assert_int_equal(ns, 42);
	/* what the ledger writes is read to the microsecond */
	assert_true(moment_parse_exact(timestamp_format(NOW + 123456789, text), &ns));
	assert_int_equal(ns, NOW + 123456000);
}

/* Every hour of some years, written as the clock shows it, is found again, or is the first of two.
 */
static void test_every_hour(void **state)
{
	static const char *const zones[] = {"Europe/Berlin", "America/St_Johns",
		"Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Antarctica/Troll"};
	char text[64], again[64];
	struct tm tm;
	uint64_t ns;
	time_t t, found;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		zone(zones[i]);
		for (t = 1293840000; t < 1451606400; t += 1800) {
			localtime_r(&t, &tm);
			strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
			assert_true(moment_parse(text, NOW, &ns));
			found = (time_t)(ns / NS_PER_SEC);
			localtime_r(&found, &tm);
			strftime(again, sizeof(again), "%Y-%m-%d %H:%M", &tm);
			assert_string_equal(again, text);
			if (found > t || t - found > 2 * 3600)
				fail_msg("TZ=%s %s: %ld, not %ld", zones[i], text, (long)found,
					(long)t);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_clock_changes),
		cmocka_unit_test(test_yesterday_over_a_change),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_every_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
