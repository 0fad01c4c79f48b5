#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/duration.h"
#include "sessd/entry.h"
#include "sessd/ledger.h"
#include "sessd/store.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct field fields[] = {ENTRY_FIELDS(FIELD_ROW, entry)};

static const struct {
	enum entry_kind kind;
	const char *name;
} kinds[] = {
#define ROW(id, name, help) {ENTRY_##id, (name)},
	ENTRY_KINDS(ROW)
#undef ROW
};

/* What a string is filled with, and into how many bytes of JSON each byte of it turns. */
static const struct {
	char byte;
	unsigned growth;
} fills[] = {{'a', 1}, {'"', 2}, {'\\', 2}, {'\n', 6}, {1, 6}, {0x7f, 6}, {(char)0xff, 6}};

/* Every member of its longest value but the name of the event. */
static void fill(struct entry *e, char byte)
{
	char *p;
	size_t i;

	for (i = 0; i < N(fields); i++) {
		p = (char *)e + fields[i].offset;
		switch (fields[i].kind) {
		case FIELD_U64:
		case FIELD_TIME:
		case FIELD_DUR:
			memset(p, 0xff, sizeof(uint64_t));
			break;
		case FIELD_UID:
			*(struct opt_uid *)(void *)p =
				(struct opt_uid){.set = true, .uid = UINT32_MAX};
			break;
		case FIELD_SID:
			memset(p, 0xff, sizeof(struct sid));
			break;
		case FIELD_STR:
			if (strcmp(fields[i].name, "event") != 0)
				memset(p, byte, TEXT_STR_MAX);
			break;
		case FIELD_TEXT:
			memset(p, byte, TEXT_LONG_MAX);
			break;
		case FIELD_HEX:
			memset(p, 'f', FIELD_HEX_MAX);
			break;
		case FIELD_CLASS:
			e->class = CLASS_BACKGROUND;
			break;
		case FIELD_REASON:
			e->reason = REASON_PASSWORD_CHANGED;
			break;
		case FIELD_BOOL:
			*(bool *)(void *)p = true;
			break;
		case FIELD_PHASE:
		case FIELD_TOKEN:
		case FIELD_GIDS:
		case FIELD_BLOB:
			fail_msg("no longest value for %s", fields[i].name);
		}
	}
}

static json_t *parse(const char *line, size_t len)
{
	json_error_t error;
	json_t *j;
	size_t i;

	assert_int_equal(strlen(line), len);
	/* one line, whatever was in it */
	for (i = 0; i < len; i++)
		assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
	/* numbers up to 2^64 - 1 are more than jansson's integers hold */
	j = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
	if (j == NULL)
		fail_msg("no JSON: %s at %d of %.200s", error.text, error.position, line);
	assert_true(json_is_object(j));
	return j;
}

static void longest(void **state)
{
	char line[ENTRY_MAX];
	size_t k, i, len, most = 0;
	struct entry e;
	json_t *j;

	(void)state;
	for (k = 0; k < N(kinds); k++) {
		for (i = 0; i < N(fills); i++) {
			entry_init(&e, kinds[k].kind, 0);
			fill(&e, fills[i].byte);
			assert_int_equal(entry_format(&e, line, sizeof(line), &len), 0);
			assert_true(len < ENTRY_MAX);
			/* all of it is there: nothing was cut to make it fit */
			assert_true(len > fills[i].growth * (8 * TEXT_STR_MAX + 2 * TEXT_LONG_MAX));
			most = len > most ? len : most;
			j = parse(line, len);
			assert_int_equal(json_object_size(j), N(fields));
			assert_string_equal(
				json_string_value(json_object_get(j, "event")), kinds[k].name);
			json_decref(j);
		}
	}
	print_message("the longest entry has %zu bytes, ENTRY_MAX is %d\n", most, ENTRY_MAX);
	/* and completed to a line it still fits a page that a reader is sent */
	assert_true(STORE_LINE_MAX + 1 <= LEDGER_PAGE);
}

/* What is not in the buffer's room is an error, never half a line. */
static void too_small(void **state)
{
	char line[ENTRY_MAX], part[ENTRY_MAX];
	struct entry e;
	size_t len, n = 1;

	(void)state;
	entry_init(&e, ENTRY_SESSION_REFUSED, 1);
	fill(&e, '"');
	assert_int_equal(entry_format(&e, line, sizeof(line), &len), 0);
	assert_int_equal(entry_format(&e, part, len + 1, &n), 0);
	assert_string_equal(part, line);
	assert_int_equal(n, len);
	for (n = 7; len > 0; len -= len > 100 ? 100 : len) {
		assert_true(entry_format(&e, part, len, &n) < 0);
		assert_int_equal(n, 7);
	}
}

/* The members stand in the order of the rows, and what is empty is left out. */
static void order_and_absence(void **state)
{
	char line[ENTRY_MAX], name[80];
	const char *at, *found;
	struct entry e;
	size_t len, i;

	(void)state;
	for (i = 0; i < N(kinds); i++) {
		entry_init(&e, kinds[i].kind, 1732350000 * NS_PER_SEC + 123456789);
		assert_int_equal(entry_format(&e, line, sizeof(line), &len), 0);
		snprintf(name, sizeof(name),
			"{\"time\":\"2024-11-23T08:20:00.123456Z\",\"event\":\"%s\"}",
			kinds[i].name);
		assert_string_equal(line, name);
	}
	fill(&e, 'a');
	assert_int_equal(entry_format(&e, line, sizeof(line), &len), 0);
	for (at = line, i = 0; i < N(fields); i++, at = found + 1) {
		snprintf(name, sizeof(name), "%c\"%s\":", i == 0 ? '{' : ',', fields[i].name);
		found = strstr(at, name);
		if (found == NULL)
			fail_msg("%s is missing or out of order", fields[i].name);
	}
	/* root has a number too */
	entry_init(&e, ENTRY_SESSION_OPENED, 1);
	e.uid.set = true;
	assert_int_equal(entry_format(&e, line, sizeof(line), &len), 0);
	assert_non_null(strstr(line, ",\"uid\":0}"));
}

/* Valid text comes back as it went in. */
static void texts(void **state)
{
	static const char *const rows[] = {"a", "sshd: anna [priv]", "\"quoted\" \\ back", "Grüße",
		"\xf0\x9f\x90\xa7", "</script>", "{\"sid\":\"x\"}", "\xe2\x82\xac 5"};
	char line[ENTRY_MAX];
	struct entry e;
	size_t len, i;
	json_t *j;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		entry_init(&e, ENTRY_SESSION_ENDING, 1);
		snprintf(e.text, sizeof(e.text), "%s", rows[i]);
		snprintf(e.user, sizeof(e.user), "%s", rows[i]);
		assert_int_equal(entry_format(&e, line, sizeof(line), &len), 0);
		j = parse(line, len);
		assert_string_equal(json_string_value(json_object_get(j, "text")), rows[i]);
		assert_string_equal(json_string_value(json_object_get(j, "user")), rows[i]);
		json_decref(j);
	}
}

static void names(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < N(kinds); i++) {
		assert_string_equal(entry_name(kinds[i].kind), kinds[i].name);
		assert_int_equal(strspn(kinds[i].name, "abcdefghijklmnopqrstuvwxyz_"),
			strlen(kinds[i].name));
		for (j = 0; j < i; j++)
			assert_string_not_equal(kinds[i].name, kinds[j].name);
	}
	for (i = 0; i < N(fields); i++)
		for (j = 0; j < i; j++)
			assert_true(fields[i].tag > fields[j].tag &&
				    strcmp(fields[i].name, fields[j].name) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest),
		cmocka_unit_test(too_small),
		cmocka_unit_test(order_and_absence),
		cmocka_unit_test(texts),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
