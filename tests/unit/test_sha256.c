/* SHA-256 against the vectors of FIPS 180-4 and of NIST's CAVP, and against libsodium's. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/sha256.h"

static void assert_hash(const void *data, size_t len, const char *hex)
{
	char got[2 * SHA256_BYTES + 1];
	uint8_t hash[SHA256_BYTES];

	sha256(data, len, hash);
	sodium_bin2hex(got, sizeof(got), hash, sizeof(hash));
	assert_string_equal(got, hex);
}

static void vectors(void **state)
{
	static const struct {
		const char *text, *hex;
	} rows[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnop"
		 "qklmnopqrlmnopqrsmnopqrstnopqrstu",
			"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_hash(rows[i].text, strlen(rows[i].text), rows[i].hex);
}

static void a_million(void **state)
{
	char *text = malloc(1000000);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 1000000);
	assert_hash(
		text, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(text);
}

/* Every length around one and two blocks. */
static void lengths(void **state)
{
	uint8_t text[300], mine[SHA256_BYTES], theirs[SHA256_BYTES];
	size_t len;

	(void)state;
	randombytes_buf(text, sizeof(text));
	for (len = 0; len <= sizeof(text); len++) {
		sha256(text, len, mine);
		crypto_hash_sha256(theirs, text, len);
		assert_memory_equal(mine, theirs, sizeof(mine));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(a_million),
		cmocka_unit_test(lengths),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
