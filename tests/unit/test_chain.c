/* The ledger's chain against a computation of its own, and each way to damage it. */
#include <sodium.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/chain.h"

#define N_LINES 5

static char lines[N_LINES][400];

static void hex_of(const char *line, char out[CHAIN_HEX + 1])
{
	unsigned char hash[32];

	assert_int_equal(crypto_generichash(hash, sizeof(hash), (const unsigned char *)line,
				 strlen(line), NULL, 0),
		0);
	sodium_bin2hex(out, CHAIN_HEX + 1, hash, sizeof(hash));
}

static int make_lines(void **state)
{
	char prev[CHAIN_HEX + 1];
	int i;

	(void)state;
	memset(prev, '0', CHAIN_HEX);
	prev[CHAIN_HEX] = '\0';
	for (i = 0; i < N_LINES; i++) {
		snprintf(lines[i], sizeof(lines[i]),
			"{\"seq\":%d,\"prev\":\"%s\",\"event\":\"e%d\"}", i + 1, prev, i);
		hex_of(lines[i], prev);
	}
	return 0;
}

/* What is wrong with the lines, or NULL; *ret_at: how many were right. */
static const char *check(int *ret_at)
{
	const char *why = NULL;
	struct chain chain;
	int i;

	chain_init(&chain);
	for (i = 0; i < N_LINES && why == NULL; i++) {
		why = chain_check(&chain, lines[i], strlen(lines[i]));
		assert_int_equal(chain.seq, why == NULL ? (uint64_t)i + 1 : (uint64_t)i);
	}
	*ret_at = (int)chain.seq;
	return why;
}

static void agrees(void **state)
{
	char want[CHAIN_HEX + 1], got[CHAIN_HEX + 1];
	struct chain chain;
	int i, at;

	(void)state;
	assert_null(check(&at));
	chain_init(&chain);
	for (i = 0; i < N_LINES; i++) {
		chain_append(&chain, lines[i], strlen(lines[i]));
		hex_of(lines[i], want);
		sodium_bin2hex(got, sizeof(got), chain.hash, CHAIN_HASH);
		assert_string_equal(got, want);
	}
	assert_int_equal(chain.seq, N_LINES);
}

/* RFC 7693: BLAKE2b of 256 bits, unkeyed; the hash of the empty string is well known. */
static void known_hash(void **state)
{
	char hex[CHAIN_HEX + 1];
	struct chain chain;

	(void)state;
	chain_init(&chain);
	chain_append(&chain, "", 0);
	sodium_bin2hex(hex, sizeof(hex), chain.hash, CHAIN_HASH);
	assert_string_equal(
		hex, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

/* Every bit of every byte of every line but the last, whose own hash nothing holds yet. */
static void each_bit(void **state)
{
	int i, at, bit;
	size_t k;

	(void)state;
	for (i = 0; i < N_LINES - 1; i++)
		for (k = 0; k < strlen(lines[i]); k++)
			for (bit = 0; bit < 8; bit++) {
				lines[i][k] = (char)(lines[i][k] ^ (1 << bit));
				assert_non_null(check(&at));
				assert_true(at == i || at == i + 1);
				lines[i][k] = (char)(lines[i][k] ^ (1 << bit));
			}
	assert_null(check(&at));
}

static void swapped(void **state)
{
	char kept[sizeof(lines[0])];
	int at;

	(void)state;
	memcpy(kept, lines[2], sizeof(kept));
	memcpy(lines[2], lines[3], sizeof(kept));
	memcpy(lines[3], kept, sizeof(kept));
	assert_string_equal(check(&at), "the sequence number is not the next one");
	assert_int_equal(at, 2);
}

static void removed(void **state)
{
	int at;

	(void)state;
	memmove(lines[1], lines[2], sizeof(lines[0]) * (N_LINES - 2));
	assert_string_equal(check(&at), "the sequence number is not the next one");
	assert_int_equal(at, 1);
}

static void rewritten(void **state)
{
	int at;

	(void)state;
	lines[1][strlen(lines[1]) - 3] = 'X';
	assert_string_equal(check(&at), "the hash of the line before does not agree");
	assert_int_equal(at, 2);
}

/* A line by itself: cut at each length, and what only looks like one. */
static void malformed(void **state)
{
	static const char *const bad[] = {"", "{", "}", "{}", "{\"seq\":1}",
		"{\"seq\":1,\"prev\":\"}", "{\"seq\": 1,\"prev\":\"\"}",
		"{\"seq\":01,\"prev\":\"\"}"};
	struct chain chain;
	char cut[sizeof(lines[0])];
	size_t i;

	(void)state;
	chain_init(&chain);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(chain_check(&chain, bad[i], strlen(bad[i])));
	for (i = 0; i < strlen(lines[0]); i++) {
		/* what lies behind the length must not count */
		memset(cut, '}', sizeof(cut));
		memcpy(cut, lines[0], i);
		assert_non_null(chain_check(&chain, cut, i));
	}
	assert_int_equal(chain.seq, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, make_lines)
	const struct CMUnitTest tests[] = {
		TEST(agrees),
		TEST(known_hash),
		TEST(each_bit),
		TEST(swapped),
		TEST(removed),
		TEST(rewritten),
		TEST(malformed),
	};

	return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
