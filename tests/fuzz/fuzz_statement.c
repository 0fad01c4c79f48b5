/*
 * What others have signed, or say they have, and the file of those whose signatures count: no input
 * crashes it, nothing is genuine that was not signed, and what was signed is, as it was.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

#include "fleet/reply.h"
#include "fleet/statement.h"

#define AT "/sessd/v1/lock/user/bob"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct signer known = {.name = "web1", .may = RIGHT_LOCK};
static struct secret secret;

static void prepare(void)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {7};

	if (secret.key[0] != 0 || sodium_init() < 0)
		return;
	crypto_sign_seed_keypair(secret.public, secret.key, seed);
	memcpy(known.key, secret.public, sizeof(known.key));
}

/* As a value of etcd: nobody has signed it. Who is answered is told something that can be shown. */
static void check_value(const uint8_t *data, size_t size, const struct signers *signers)
{
	enum statement_verdict verdict;
	struct statement_claim claim;
	char words[TEXT_STR_MAX + 1];
	struct statement s;
	struct sid order;

	verdict = statement_open((const char *)data, size, AT, signers, &s);
	if (verdict > STATEMENT_BAD_SIGNATURE)
		abort();
	statement_claims((const char *)data, size, AT, &claim);
	if (claim.order[0] != '\0' && !sid_parse(claim.order, &order))
		abort();
	statement_say(verdict, &claim, words);
	if (words[0] == '\0' || !text_valid(words, strlen(words)))
		abort();
}

/* As a text that somebody signs, and that is then cut or changed. */
static void check_text(const uint8_t *data, size_t size, const struct signers *signers)
{
	json_t *text = reply_json((const char *)data, size);
	struct statement s;
	char *value = json_is_object(text) ? statement_seal(text, AT, "web1", &secret) : NULL;
	size_t len = value != NULL ? strlen(value) : 0;

	if (value != NULL && len <= STATEMENT_MAX) {
		if (statement_open(value, len, AT, signers, &s) != STATEMENT_GENUINE ||
			!json_equal(s.text, text))
			abort();
		statement_fini(&s);
		if (statement_open(value, len, AT "by", signers, &s) != STATEMENT_MISPLACED)
			abort();
		statement_fini(&s);
		/* the last digit of the signature stands before `"}` */
		value[len - 3] = value[len - 3] == '0' ? '1' : '0';
		if (statement_open(value, len, AT, signers, &s) != STATEMENT_BAD_SIGNATURE)
			abort();
	}
	free(value);
	json_decref(text);
}

/* As fleet.keys: what is read is written, and read again, the same. */
static void check_file(const uint8_t *data, size_t size)
{
	char path[64], line[SIGNER_LINE], error[SIGNER_ERROR];
	struct signers s;
	size_t i;
	int fd = memfd_create("keys", MFD_CLOEXEC);

	if (fd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fchmod(fd, 0600) == 0 && write(fd, data, size) == (ssize_t)size &&
		signers_load(path, &s, error) == 0) {
		for (i = 0; i < s.n; i++) {
			signer_line(&s.list[i], line);
			if (signers_find(&s, s.list[i].name) != &s.list[i] || s.list[i].may == 0 ||
				strlen(line) >= sizeof(line) - 1)
				abort();
		}
		signers_fini(&s);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct signers signers = {.list = &known, .n = 1};

	prepare();
	check_value(data, size, &signers);
	check_text(data, size, &signers);
	check_file(data, size);
	return 0;
}
