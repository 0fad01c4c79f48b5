#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/json.h"
#include "sessd/entry.h"

#define SIZE 512

static const struct {
	const char *in, *out; /* between the quotes */
} strings[] = {
	{"", ""},
	{"anna", "anna"},
	{"a \"b\" \\ /", "a \\\"b\\\" \\\\ /"},
	{"\n\t\b\033", "\\u000a\\u0009\\u0008\\u001b"},
	{"\177", "\\u007f"},
	{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
	{"\xc2\x9b", "\\u00c2\\u009b"},
	{"\xe2\x80\xae", "\\u00e2\\u0080\\u00ae"},
	{"\xff", "\\u00ff"},
	{"\xe2\x82", "\\u00e2\\u0082"},
	{"\xc0\x80", "\\u00c0\\u0080"},
	/* a stray byte behind a character must neither vanish nor take it along */
	{"\"\x80\"", "\\\"\\u0080\\\""},
	{"\\\x80", "\\\\\\u0080"},
	{"a\x80"
	 "b",
		"\\u0061\\u0080b"},
	{"\x80\x80\x80\x80\x80", "\\u0080\\u0080\\u0080\\u0080\\u0080"},
	{"\xc3\xbc\x80", "\\u00c3\\u00bc\\u0080"},
};

static void quotes(void **state)
{
	char buf[SIZE], want[SIZE];
	struct json j;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		json_begin(&j, buf, sizeof(buf));
		json_str(&j, "k", strings[i].in);
		assert_int_equal(json_end(&j, &len), 0);
		snprintf(want, sizeof(want), "{\"k\":\"%s\"}", strings[i].out);
		assert_string_equal(buf, want);
		assert_int_equal(len, strlen(want));
	}
}

static size_t write_all(char *buf, size_t size, int *ret)
{
	struct json j;
	size_t len = 0;

	json_begin(&j, buf, size);
	json_str(&j, "s", "x");
	json_u64(&j, "u", UINT64_MAX);
	json_bool(&j, "t", true);
	json_bool(&j, "f", false);
	json_time(&j, "at", UINT64_C(1795421730000001999));
	json_dur(&j, "d", UINT64_C(1002003999));
	*ret = json_end(&j, &len);
	return len;
}

static const char all[] = "{\"s\":\"x\",\"u\":18446744073709551615,\"t\":true,\"f\":false,"
			  "\"at\":\"2026-11-23T08:15:30.000001Z\",\"d\":1.002003}";

/* Every size: whole where it fits, refused where not, and never a byte beyond. */
static void sizes(void **state)
{
	char buf[SIZE];
	size_t size, len;
	int r;

	(void)state;
	for (size = 1; size < sizeof(all) + 3; size++) {
		memset(buf, '#', sizeof(buf));
		len = write_all(buf, size, &r);
		assert_int_equal(buf[size], '#');
		assert_int_equal(r, size >= sizeof(all) ? 0 : -EMSGSIZE);
		if (r == 0) {
			assert_string_equal(buf, all);
			assert_int_equal(len, sizeof(all) - 1);
		}
	}
}

static void empty(void **state)
{
	char buf[3];
	struct json j;
	size_t len;

	(void)state;
	json_begin(&j, buf, sizeof(buf));
	assert_int_equal(json_end(&j, &len), 0);
	assert_string_equal(buf, "{}");
}

/* One record with every kind, and what of it is left out. */
#define SAMPLE_FIELDS(F, R)               \
	F(R, U64, number, 1, REQUIRED)    \
	F(R, U64, zero, 2, OPTIONAL)      \
	F(R, BOOL, flag, 3, OPTIONAL)     \
	F(R, UID, uid, 4, OPTIONAL)       \
	F(R, UID, nobody, 5, OPTIONAL)    \
	F(R, TIME, time, 6, OPTIONAL)     \
	F(R, DUR, dur, 7, OPTIONAL)       \
	F(R, REASON, reason, 8, OPTIONAL) \
	F(R, CLASS, class_, 9, OPTIONAL)  \
	F(R, PHASE, phase, 10, OPTIONAL)  \
	F(R, SID, sid, 11, OPTIONAL)      \
	F(R, TOKEN, token, 12, OPTIONAL)  \
	F(R, STR, str, 13, OPTIONAL)      \
	F(R, TEXT, text, 14, OPTIONAL)    \
	F(R, GIDS, gids, 15, OPTIONAL)    \
	F(R, BLOB, blob, 16, OPTIONAL)

struct sample {
	SAMPLE_FIELDS(FIELD_DECL, sample)
};

static const struct field fields[] = {SAMPLE_FIELDS(FIELD_ROW, sample)};

static void records(void **state)
{
	static const char want[] =
		"{\"number\":0,\"flag\":true,\"uid\":0,\"time\":\"1970-01-01T00:00:01.000000Z\","
		"\"dur\":0.000001,\"reason\":\"revoked\",\"class_\":\"login\",\"phase\":\"active\","
		"\"sid\":\"0a000000000000000000000000000000\",\"str\":\"a\\\"b\",\"text\":\"t\","
		"\"gids\":[0,4294967295]}";
	static struct sample s = {
		.flag = true,
		.uid = {.set = true},
		.time = 1000000000,
		.dur = 1000,
		.reason = REASON_REVOKED,
		.class_ = CLASS_LOGIN,
		.phase = PHASE_ACTIVE,
		.sid = {{10}},
		.token = {{1, 2, 3}},
		.str = "a\"b",
		.text = "t",
		.gids = {.n = 2, .gid = {0, UINT32_MAX}},
		.blob = {.data = "secret", .len = 6},
	};
	static const struct sample nothing;
	char buf[SIZE];
	struct json j;
	size_t len;

	(void)state;
	json_begin(&j, buf, sizeof(buf));
	json_fields(&j, fields, sizeof(fields) / sizeof(fields[0]), &s);
	assert_int_equal(json_end(&j, &len), 0);
	assert_string_equal(buf, want);
	json_begin(&j, buf, sizeof(buf));
	json_fields(&j, fields, sizeof(fields) / sizeof(fields[0]), &nothing);
	assert_int_equal(json_end(&j, &len), 0);
	assert_string_equal(buf, "{\"number\":0}");
}

/* The largest entry that the wire lets in fits ENTRY_MAX: texts full of what is escaped. */
static void largest_entry(void **state)
{
	static const struct field rows[] = {ENTRY_FIELDS(FIELD_ROW, entry)};
	static struct entry e;
	char buf[ENTRY_MAX];
	size_t i, len;
	void *p;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = (char *)&e + rows[i].offset;
		if (rows[i].kind == FIELD_STR)
			memset(p, '"', TEXT_STR_MAX);
		else if (rows[i].kind == FIELD_TEXT)
			memset(p, '\\', TEXT_LONG_MAX);
		else if (rows[i].kind == FIELD_U64 || rows[i].kind == FIELD_TIME ||
			 rows[i].kind == FIELD_DUR)
			*(uint64_t *)p = UINT64_MAX;
		else if (rows[i].kind == FIELD_SID)
			memset(p, 0xff, SID_BYTES);
	}
	e.uid = (struct opt_uid){.set = true, .uid = UINT32_MAX};
	e.class = CLASS_BACKGROUND;
	e.reason = REASON_PASSWORD_CHANGED;
	assert_int_equal(entry_format(&e, buf, sizeof(buf), &len), 0);
	assert_true(len < ENTRY_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes),
		cmocka_unit_test(sizes),
		cmocka_unit_test(empty),
		cmocka_unit_test(records),
		cmocka_unit_test(largest_entry),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
