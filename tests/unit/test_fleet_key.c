/* Names of keys: whatever a user or host is called, his key is his alone, and reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fleet/key.h"

static void make(struct key *ret, const char *a, const char *b, const char *c)
{
	const char *parts[KEY_PARTS] = {a, b, c};

	assert_true(key_make(ret, KEY_SESSION, parts, false));
}

static void names_read_back(void **state)
{
	static const char *const names[] = {"bob", "a/b", "..", "%", "%2F", "ö", "DOMAIN\\bob",
		"a b", "x@example.org", "/", "日本"};
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct key key, other;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		make(&key, names[i], "web1", "00");
		assert_true(key_parse(key.s, strlen(key.s), KEY_SESSION, 3, parts));
		assert_string_equal(parts[0], names[i]);
		assert_string_equal(parts[1], "web1");
		assert_string_equal(parts[2], "00");
		for (k = 0; k < i; k++) {
			make(&other, names[k], "web1", "00");
			assert_string_not_equal(key.s, other.s);
		}
	}
	make(&key, "a/b", "c", "d");
	assert_string_equal(key.s, "/sessd/v1/session/a%2Fb/c/d");
}

static void the_longest_fits(void **state)
{
	char name[TEXT_STR_MAX + 2], parts[KEY_PARTS][TEXT_STR_MAX + 1];
	const char *const all[KEY_PARTS] = {name, name, name};
	struct key key;

	(void)state;
	memset(name, '/', sizeof(name));
	name[TEXT_STR_MAX] = '\0';
	assert_true(key_make(&key, KEY_SESSION, all, true));
	assert_int_equal(strlen(key.s), strlen(KEY_SESSION) + 3 * (3 * TEXT_STR_MAX + 1));
	assert_true(key_parse(key.s, strlen(key.s) - 1, KEY_SESSION, 3, parts));
	assert_string_equal(parts[2], name);
	name[TEXT_STR_MAX] = 'x';
	name[TEXT_STR_MAX + 1] = '\0';
	assert_false(key_make(&key, KEY_SESSION, all, false));
	name[0] = '\0';
	assert_false(key_make(&key, KEY_SESSION, all, false));
}

static void strangers_are_none(void **state)
{
	static const char *const keys[] = {"", "/sessd/v1/session/", "/sessd/v1/session/bob",
		"/sessd/v1/session/bob/web1", "/sessd/v1/session/bob/web1/",
		"/sessd/v1/session/bob/web1/00/", "/sessd/v1/session/bob/web1/00/x",
		"/sessd/v1/session//web1/00", "/sessd/v1/session/b%/web1/00",
		"/sessd/v1/session/b%2/web1/00", "/sessd/v1/session/b%zz/web1/00",
		"/sessd/v1/session/b%00/web1/00", "/sessd/v1/session/b%1B/web1/00",
		"/sessd/v1/session/b c/web1/00", "/sessd/v1/session/b%FF/web1/00",
		"/sessd/v1/lock/bob/web1/00", "/sessd/v1/session/%2f/web1/00"};
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (key_parse(keys[i], strlen(keys[i]), KEY_SESSION, 3, parts))
			fail_msg("%s is a key", keys[i]);
}

static void a_range_holds_what_is_below(void **state)
{
	const char *bob[KEY_PARTS] = {"bob"};
	struct key under, end, key;

	(void)state;
	assert_true(key_make(&under, KEY_SESSION, bob, true));
	key_range_end(&under, &end);
	make(&key, "bob", "~", "z");
	assert_true(strcmp(key.s, under.s) > 0 && strcmp(key.s, end.s) < 0);
	make(&key, "bobby", "web1", "0");
	assert_false(strcmp(key.s, under.s) > 0 && strcmp(key.s, end.s) < 0);
	make(&key, "bo", "web1", "0");
	assert_false(strcmp(key.s, under.s) > 0 && strcmp(key.s, end.s) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_read_back),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(strangers_are_none),
		cmocka_unit_test(a_range_holds_what_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
