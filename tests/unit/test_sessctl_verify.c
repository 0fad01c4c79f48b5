/* The chain of an exported ledger: what is intact passes, whatever the pieces it comes in, and
 * what was changed is found. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/sid.h"
#include "sessctl/verify.h"

#define LINES 20

/* A ledger of LINES events; line[i] is where the one with seq i + 1 begins. */
struct ledger {
	char text[LINES * 256];
	size_t len;
	size_t line[LINES + 1];
};

static void make(struct ledger *l)
{
	char hex[CHAIN_HEX + 1], *at;
	struct chain c;
	int i, n;

	chain_init(&c);
	l->len = 0;
	for (i = 0; i < LINES; i++) {
		at = l->text + l->len;
		l->line[i] = l->len;
		n = sprintf(at,
			"{\"seq\":%d,\"prev\":\"%s\",\"event\":\"session_opened\",\"n\":%d}", i + 1,
			hex_encode(c.hash, CHAIN_HASH, hex), i * 7);
		chain_append(&c, at, (size_t)n);
		at[n] = '\n';
		l->len += (size_t)n + 1;
	}
	l->line[LINES] = l->len;
}

/* Feeds it in pieces of `step` bytes; the caller calls verify_fini(). */
static bool feed(struct verify *v, const char *text, size_t len, size_t step)
{
	size_t at;

	assert_int_equal(verify_init(v), 0);
	for (at = 0; at < len; at += step)
		if (!verify_feed(v, text + at, len - at < step ? len - at : step))
			return false;
	return verify_end(v);
}

static bool is_intact(const char *text, size_t len)
{
	struct verify v;
	bool ok = feed(&v, text, len, 4096);

	assert_true(ok == (v.wrong == NULL));
	verify_fini(&v);
	return ok;
}

static void test_intact_in_any_pieces(void **state)
{
	static const size_t steps[] = {1, 2, 3, 7, 64, 100, 1000, 100000};
	struct ledger l;
	struct verify v;
	size_t i;

	(void)state;
	make(&l);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_true(feed(&v, l.text, l.len, steps[i]));
		assert_int_equal(v.events, LINES);
		assert_int_equal(v.first, 1);
		assert_int_equal(v.chain.seq, LINES);
		verify_fini(&v);
	}
}

static void test_changed_byte(void **state)
{
	struct ledger l;
	size_t i;
	int bit;

	(void)state;
	make(&l);
	/* the body of the last line is what no hash covers */
	for (i = 0; i < l.line[LINES - 1] + 80; i++)
		for (bit = 0; bit < 8; bit++) {
			l.text[i] = (char)(l.text[i] ^ (1 << bit));
			if (is_intact(l.text, l.len))
				fail_msg("byte %zu, bit %d: not found", i, bit);
			l.text[i] = (char)(l.text[i] ^ (1 << bit));
		}
	assert_true(is_intact(l.text, l.len));
}

/* Line i taken out, put in twice, and exchanged with the next one. */
static void test_lines_out_of_place(void **state)
{
	struct ledger l;
	char text[sizeof(l.text) + 512];
	size_t i, a, b, c;

	(void)state;
	make(&l);
	for (i = 1; i + 1 < LINES; i++) {
		a = l.line[i];
		b = l.line[i + 1];
		c = l.line[i + 2];
		memcpy(text, l.text, a);
		memcpy(text + a, l.text + b, l.len - b);
		assert_false(is_intact(text, l.len - (b - a)));

		memcpy(text, l.text, b);
		memcpy(text + b, l.text + a, l.len - a);
		assert_false(is_intact(text, l.len + (b - a)));

		memcpy(text, l.text, a);
		memcpy(text + a, l.text + b, c - b);
		memcpy(text + a + (c - b), l.text + a, b - a);
		memcpy(text + c, l.text + c, l.len - c);
		assert_false(is_intact(text, l.len));
	}
}

static void test_last_line_is_no_json(void **state)
{
	struct ledger l;
	struct verify v;

	(void)state;
	make(&l);
	l.text[l.len - 4] = '\001';
	assert_false(feed(&v, l.text, l.len, 4096));
	assert_int_equal(v.events, LINES - 1);
	assert_int_equal(v.chain.seq, LINES - 1);
	verify_fini(&v);
}

static void test_where_it_is_wrong(void **state)
{
	struct ledger l;
	struct verify v;

	(void)state;
	make(&l);
	l.text[l.line[4] + 90] ^= 1; /* the line with seq 5: seq 6 does not follow */
	assert_false(feed(&v, l.text, l.len, 10));
	assert_int_equal(v.events, 5);
	assert_int_equal(v.chain.seq, 5);
	assert_string_equal(v.wrong, "the hash of the line before does not agree");
	verify_fini(&v);
}

static void test_begins_later(void **state)
{
	struct ledger l;
	struct verify v;

	(void)state;
	make(&l);
	assert_true(feed(&v, l.text + l.line[7], l.len - l.line[7], 33));
	assert_int_equal(v.first, 8);
	assert_int_equal(v.events, LINES - 7);
	verify_fini(&v);
	l.text[l.line[9] + 90] ^= 1;
	assert_false(is_intact(l.text + l.line[7], l.len - l.line[7]));
}

static void test_cut_off(void **state)
{
	struct ledger l;
	size_t i;

	(void)state;
	make(&l);
	for (i = l.line[LINES - 1] + 1; i < l.len; i++)
		assert_false(is_intact(l.text, i));
	/* at the end of a line it cannot be seen */
	assert_true(is_intact(l.text, l.line[LINES - 1]));
}

static void test_no_ledger(void **state)
{
	static const char *const texts[] = {
		"\n",
		"{}\n",
		"rubbish\n",
		"{\"seq\":0,\"prev\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}\n",
		"{\"seq\":,\"prev\":\"",
		"{\"seq\":2,\"prev\":"
		"\"zz00000000000000000000000000000000000000000000000000000000000000\",}\n",
		"{\"seq\":02,\"prev\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\",}\n",
		"{\"seq\":99999999999999999999,\"prev\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\",}\n",
		"{\"seq\":1,\"prev\":"
		"\"1000000000000000000000000000000000000000000000000000000000000000\",}\n",
		"{\"seq\":2,\"prev\":\"00\"}\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (is_intact(texts[i], strlen(texts[i])))
			fail_msg("taken: %s", texts[i]);
}

static void test_line_too_long(void **state)
{
	static char piece[65536];
	struct verify v;
	size_t fed = 0;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	assert_int_equal(verify_init(&v), 0);
	while (fed <= VERIFY_LINE_MAX && verify_feed(&v, piece, sizeof(piece)))
		fed += sizeof(piece);
	assert_int_equal(fed, VERIFY_LINE_MAX);
	assert_string_equal(v.wrong, "the line is longer than 1 MiB");
	assert_false(verify_feed(&v, "\n", 1));
	verify_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intact_in_any_pieces),
		cmocka_unit_test(test_changed_byte),
		cmocka_unit_test(test_lines_out_of_place),
		cmocka_unit_test(test_last_line_is_no_json),
		cmocka_unit_test(test_where_it_is_wrong),
		cmocka_unit_test(test_begins_later),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_no_ledger),
		cmocka_unit_test(test_line_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
