/* What is signed: it is taken from whom it is by, where it was meant for, once, and in its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fleet/authority.h"
#include "fleet/challenge.h"
#include "fleet/edition.h"
#include "fleet/statement.h"

#define AT "/sessd/v1/revoke/web2/00"

struct world {
	char dir[64], path[96], keys[96], error[SIGNER_ERROR];
	struct secret own, other;
	struct signers signers;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void know(struct world *w, const char *name, const struct secret *secret)
{
	char line[SIGNER_LINE], text[SIGNER_LINE + 64];
	struct signer signer = {.may = RIGHT_EVICT | RIGHT_LOCK};

	snprintf(signer.name, sizeof(signer.name), "%s", name);
	memcpy(signer.key, secret->public, sizeof(signer.key));
	signer_line(&signer, line);
	snprintf(text, sizeof(text), "# who may\n\n  %s\n", line);
	write_file(w->keys, text, 0644);
	signers_fini(&w->signers);
	assert_int_equal(signers_load(w->keys, &w->signers, w->error), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_true(sodium_init() >= 0);
	snprintf(w->dir, sizeof(w->dir), "/tmp/statement.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/key", w->dir);
	snprintf(w->keys, sizeof(w->keys), "%s/keys", w->dir);
	assert_int_equal(secret_make(w->path, (uid_t)-1, (gid_t)-1, &w->own, w->error), 0);
	crypto_sign_keypair(w->other.public, w->other.key);
	know(w, "web1", &w->own);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char path[128];

	signers_fini(&w->signers);
	unlink(w->path);
	unlink(w->keys);
	snprintf(path, sizeof(path), "%s/challenges", w->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/locks", w->dir);
	unlink(path);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

static char *seal(const char *at, const char *name, const struct secret *secret)
{
	json_t *text = json_pack("{s:s,s:i}", "user", "bob", "grace", 7);
	char *value = statement_seal(text, at, name, secret);

	assert_non_null(value);
	json_decref(text);
	return value;
}

static enum statement_verdict judge(struct world *w, const char *value, size_t len, const char *at)
{
	struct statement s = {.text = NULL};
	enum statement_verdict verdict = statement_open(value, len, at, &w->signers, &s);

	assert_true((s.text != NULL) ==
		    (verdict == STATEMENT_GENUINE || verdict == STATEMENT_MISPLACED));
	statement_fini(&s);
	return verdict;
}

static void what_is_signed_is_read(void **state)
{
	struct world *w = *state;
	struct statement s = {.text = NULL};
	char *value = seal(AT, "web1", &w->own);

	assert_int_equal(
		statement_open(value, strlen(value), AT, &w->signers, &s), STATEMENT_GENUINE);
	assert_string_equal(s.by->name, "web1");
	assert_int_equal(s.by->may, RIGHT_EVICT | RIGHT_LOCK);
	assert_string_equal(json_string_value(json_object_get(s.text, "user")), "bob");
	assert_string_equal(json_string_value(json_object_get(s.text, "at")), AT);
	statement_fini(&s);
	free(value);
}

static void whom_nobody_knows_is_refused(void **state)
{
	struct world *w = *state;
	char *value = seal(AT, "web3", &w->own), *forged = seal(AT, "web1", &w->other);

	assert_int_equal(judge(w, value, strlen(value), AT), STATEMENT_UNKNOWN_KEY);
	assert_int_equal(judge(w, forged, strlen(forged), AT), STATEMENT_BAD_SIGNATURE);
	/* the name has another key from now on */
	know(w, "web1", &w->other);
	assert_int_equal(judge(w, forged, strlen(forged), AT), STATEMENT_GENUINE);
	free(value);
	free(forged);
}

/* As a statement that nobody known has signed. */
static struct statement_claim claims(const char *key, const char *inner, const char *at)
{
	struct statement_claim claim;
	json_t *whole = json_pack("{s:s,s:s,s:s}", "signed", inner, "key", key, "signature", "");
	char *value = json_dumps(whole, JSON_COMPACT);

	assert_non_null(value);
	statement_claims(value, strlen(value), at, &claim);
	json_decref(whole);
	free(value);
	return claim;
}

#define ORDER "0123456789abcdef0123456789abcdef"

static void what_a_stranger_claims_is_only_what_an_answer_needs(void **state)
{
	char text[512], words[TEXT_STR_MAX + 1], name[SIGNER_NAME + 2];
	struct statement_claim claim;

	(void)state;
	claim = claims("web9", "{\"at\":\"" AT "\",\"order\":\"" ORDER "\"}", AT);
	assert_string_equal(claim.key, "web9");
	assert_string_equal(claim.order, ORDER);
	statement_say(STATEMENT_UNKNOWN_KEY, &claim, words);
	assert_string_equal(words, "its fleet.keys does not have the key web9");
	/* it was made for another place: nobody waits for it here */
	claim = claims("web9", "{\"at\":\"" AT "\",\"order\":\"" ORDER "\"}", AT "0");
	assert_string_equal(claim.order, "");
	/* the order is part of a key of etcd */
	claim = claims(
		"web9", "{\"at\":\"" AT "\",\"order\":\"../0123456789abcdef0123456789abc\"}", AT);
	assert_string_equal(claim.order, "");
	claim = claims("web9", "{\"at\":\"" AT "\",\"order\":\"" ORDER "0\"}", AT);
	assert_string_equal(claim.order, "");
	claim = claims("\033[31m", "not JSON", AT);
	assert_string_equal(claim.key, "");
	assert_string_equal(claim.order, "");
	statement_say(STATEMENT_UNKNOWN_KEY, &claim, words);
	assert_string_equal(words, "its fleet.keys does not have the key that signed it");
	/* a name as long as one can be is said in full, and a longer one is none */
	memset(name, 'n', sizeof(name));
	name[SIGNER_NAME] = '\0';
	claim = claims(name, "{}", AT);
	statement_say(STATEMENT_UNKNOWN_KEY, &claim, words);
	snprintf(text, sizeof(text), "its fleet.keys does not have the key %s", name);
	assert_string_equal(words, text);
	name[SIGNER_NAME] = 'n';
	name[SIGNER_NAME + 1] = '\0';
	assert_string_equal(claims(name, "{}", AT).key, "");
	/* no object at all */
	statement_claims("[]", 2, AT, &claim);
	assert_string_equal(claim.key, "");
	statement_claims("", 0, AT, &claim);
	assert_string_equal(claim.order, "");
}

static void elsewhere_it_is_nothing(void **state)
{
	static const char *const others[] = {"/sessd/v1/revoke/web3/00", "/sessd/v1/revoke/web2/01",
		"/sessd/v1/lock/web2/00", "/sessd/v1/revoke/web2/0", ""};
	struct world *w = *state;
	char *value = seal(AT, "web1", &w->own);
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(judge(w, value, strlen(value), others[i]), STATEMENT_MISPLACED);
	free(value);
}

/* Each byte in turn, with each of its bits; and each length. */
static void whatever_is_changed_is_noticed(void **state)
{
	struct world *w = *state;
	char *value = seal(AT, "web1", &w->own);
	size_t len = strlen(value), i;
	unsigned bit;

	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			value[i] ^= (char)(1 << bit);
			/* hex digits may be written large */
			if (!(bit == 5 && value[i] >= 'A' && value[i] <= 'F'))
				assert_int_not_equal(judge(w, value, len, AT), STATEMENT_GENUINE);
			value[i] ^= (char)(1 << bit);
		}
		assert_int_equal(judge(w, value, i, AT), STATEMENT_MALFORMED);
	}
	assert_int_equal(judge(w, value, len, AT), STATEMENT_GENUINE);
	free(value);
}

static void junk_is_malformed(void **state)
{
	static const char *const junk[] = {"", "0", "[]", "{}", "{\"signed\":1}",
		"{\"signed\":\"{}\",\"key\":\"web1\",\"signature\":\"\"}",
		"{\"signed\":\"{}\",\"key\":\"web1\",\"signature\":\"zz\"}",
		"{\"signed\":\"{}\",\"key\":7,\"signature\":\"00\"}",
		"{\"signed\":\"{}\",\"key\":\"web1\",\"signature\":null}", "{\"prefix\":\"00\"}"};
	struct world *w = *state;
	char *huge = malloc(STATEMENT_MAX + 2), *value = seal(AT, "web1", &w->own);
	size_t i, len = strlen(value);

	for (i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		assert_int_equal(judge(w, junk[i], strlen(junk[i]), AT), STATEMENT_MALFORMED);
	/* blanks behind it are JSON still, as far as it is believed to be one at all */
	assert_non_null(huge);
	memset(huge, ' ', STATEMENT_MAX + 1);
	memcpy(huge, value, len);
	assert_int_equal(judge(w, huge, STATEMENT_MAX, AT), STATEMENT_GENUINE);
	assert_int_equal(judge(w, huge, STATEMENT_MAX + 1, AT), STATEMENT_MALFORMED);
	free(huge);
	free(value);
}

/* --- The files of keys --- */

static void a_key_is_kept_safe(void **state)
{
	struct world *w = *state;
	struct secret again = {.key = {0}};
	struct stat st;

	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(secret_load(w->path, &again, w->error), 0);
	assert_memory_equal(again.key, w->own.key, sizeof(again.key));
	assert_int_equal(secret_make(w->path, (uid_t)-1, (gid_t)-1, &again, w->error), -EEXIST);
	assert_int_equal(chmod(w->path, 0640), 0);
	assert_int_equal(secret_load(w->path, &again, w->error), -EPERM);
	assert_non_null(strstr(w->error, "chmod 0600"));
	write_file(w->path, "sessd-fleet-key ed25519 short\n", 0600);
	assert_int_equal(secret_load(w->path, &again, w->error), -EINVAL);
	unlink(w->path);
	assert_int_equal(secret_load(w->path, &again, w->error), -ENOENT);
	assert_non_null(strstr(w->error, "--make-key"));
}

static void lines_of_fleet_keys(void **state)
{
	static const char key[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	static const struct {
		const char *before, *after, *wrong;
	} bad[] = {
		{"a may=evict ed25519", " more", ":2: expected NAME may=RIGHTS ed25519 KEY, and"},
		{"a ed25519", "", ":2: expected NAME"},
		{"a may= ed25519", "", ":2: may= takes"},
		{"a may=evict,all ed25519", "", ":2: may= takes"},
		{"a can=evict ed25519", "", ":2: behind the name"},
		{"a may=evict rsa", "", ":2: expected ed25519"},
		{"a may=evict ed25519", "A", ":2: expected a key"},
		{"a\033 may=evict ed25519", "", ":2: a name has"},
	};
	struct world *w = *state;
	struct signers s = {.n = 0};
	char text[512];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "#\n%s %s%s\n", bad[i].before, key, bad[i].after);
		write_file(w->keys, text, 0644);
		assert_int_equal(signers_load(w->keys, &s, w->error), -EINVAL);
		assert_non_null(strstr(w->error, bad[i].wrong));
		assert_non_null(strstr(w->error, w->keys));
	}
	snprintf(text, sizeof(text), "b may=lock ed25519 %s\na may=evict,revoke ed25519 %s", key,
		key);
	write_file(w->keys, text, 0644);
	assert_int_equal(signers_load(w->keys, &s, w->error), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(signers_find(&s, "a")->may, RIGHT_EVICT | RIGHT_REVOKE);
	assert_int_equal(signers_find(&s, "b")->may, RIGHT_LOCK);
	assert_null(signers_find(&s, "c"));
	signers_fini(&s);
	snprintf(text, sizeof(text), "a may=lock ed25519 %s\na may=lock ed25519 %s\n", key, key);
	write_file(w->keys, text, 0644);
	assert_int_equal(signers_load(w->keys, &s, w->error), -EINVAL);
	assert_int_equal(chmod(w->keys, 0666), 0);
	assert_int_equal(signers_load(w->keys, &s, w->error), -EPERM);
}

static void a_host_knows_its_own_name(void **state)
{
	struct world *w = *state;
	struct authority a;

	assert_int_equal(authority_load(&a, w->path, w->keys, "elsewhere", w->error), 0);
	assert_string_equal(a.name, "web1");
	assert_int_equal(a.may, RIGHT_EVICT | RIGHT_LOCK);
	/* a file with a mistake leaves all as it was */
	write_file(w->keys, "web1 may=all\n", 0644);
	assert_int_equal(authority_reload(&a, w->error), -EINVAL);
	assert_int_equal(a.signers.n, 1);
	know(w, "web1", &w->other);
	assert_int_equal(authority_reload(&a, w->error), -ENOKEY);
	assert_non_null(strstr(w->error, "elsewhere may=evict ed25519 "));
	assert_int_equal(a.signers.n, 1);
	authority_fini(&a);
}

/* --- Fresh orders --- */

#define LIFETIME 800

static void an_order_counts_once_and_in_its_time(void **state)
{
	struct world *w = *state;
	struct challenges c;
	struct sid first, second, id = {{1}}, other = {{2}}, strange = {{3}};
	uint64_t until;

	assert_int_equal(challenges_init(&c, w->dir, LIFETIME, 1000), 0);
	assert_int_equal(challenges_current(&c, 1000, &first, &until), 0);
	assert_int_equal(until, 1100);
	assert_int_equal(challenges_judge(&c, &first, &id, 1000), CHALLENGE_FRESH);
	assert_int_equal(challenges_judge(&c, &strange, &id, 1000), CHALLENGE_OVER);
	assert_int_equal(challenges_spend(&c, &first, &id), 0);
	assert_int_equal(challenges_judge(&c, &first, &id, 1000), CHALLENGE_SPENT);
	assert_int_equal(challenges_judge(&c, &first, &other, 1000), CHALLENGE_FRESH);
	challenges_fini(&c);
	assert_int_equal(challenges_init(&c, w->dir, LIFETIME, 1050), 0);
	assert_int_equal(challenges_judge(&c, &first, &id, 1050), CHALLENGE_SPENT);
	assert_int_equal(challenges_judge(&c, &first, &other, 1050), CHALLENGE_FRESH);
	assert_int_equal(challenges_current(&c, 1099, &second, &until), 0);
	assert_true(sid_equal(&first, &second));
	assert_int_equal(challenges_current(&c, 1100, &second, &until), 0);
	assert_false(sid_equal(&first, &second));
	challenges_fini(&c);
	/* an agent that is started again knows all of it */
	assert_int_equal(challenges_init(&c, w->dir, LIFETIME, 1200), 0);
	assert_int_equal(challenges_judge(&c, &first, &id, 1200), CHALLENGE_SPENT);
	assert_int_equal(challenges_judge(&c, &second, &id, 1200), CHALLENGE_SPENT);
	assert_int_equal(challenges_judge(&c, &first, &other, 1799), CHALLENGE_FRESH);
	assert_int_equal(challenges_judge(&c, &first, &other, 1800), CHALLENGE_OVER);
	assert_int_equal(challenges_judge(&c, &second, &other, 1800), CHALLENGE_FRESH);
	challenges_fini(&c);
	/* what was issued in the future was issued in another boot */
	assert_int_equal(challenges_init(&c, w->dir, LIFETIME, 5), 0);
	assert_int_equal(challenges_judge(&c, &second, &other, 5), CHALLENGE_OVER);
	challenges_fini(&c);
}

/* With too many orders the oldest challenge is given up, and none of them counts again. */
static void too_many_orders_are_bounded(void **state)
{
	struct world *w = *state;
	struct challenges c;
	struct sid first, second, id = {{0}};
	uint64_t until;
	uint32_t i;

	assert_int_equal(challenges_init(&c, w->dir, LIFETIME, 1000), 0);
	assert_int_equal(challenges_current(&c, 1000, &first, &until), 0);
	assert_int_equal(challenges_current(&c, 1100, &second, &until), 0);
	for (i = 0; i < CHALLENGE_SPENT_MAX; i++) {
		memcpy(id.b, &i, sizeof(i));
		assert_int_equal(challenges_spend(&c, i % 2 ? &first : &second, &id), 0);
	}
	memcpy(id.b, &i, sizeof(i));
	assert_int_equal(challenges_spend(&c, &second, &id), 0);
	assert_int_equal(challenges_judge(&c, &second, &id, 1100), CHALLENGE_SPENT);
	i = 0;
	memcpy(id.b, &i, sizeof(i));
	assert_int_equal(challenges_judge(&c, &second, &id, 1100), CHALLENGE_SPENT);
	i = 1;
	memcpy(id.b, &i, sizeof(i));
	assert_int_equal(challenges_judge(&c, &first, &id, 1100), CHALLENGE_OVER);
	challenges_fini(&c);
}

/* --- Editions of locks --- */

static void the_newest_lock_is_remembered(void **state)
{
	struct world *w = *state;
	struct edition d = {.kind = "user", .name = "bob the builder", .version = 70};
	struct editions e;

	assert_int_equal(editions_init(&e, w->dir), 0);
	assert_null(editions_find(&e, "user", "bob the builder"));
	assert_int_equal(editions_next(&e, "user", "bob the builder", 0, 50), 50);
	assert_int_equal(editions_next(&e, "user", "bob the builder", 60, 50), 61);
	assert_int_equal(editions_take(&e, &d), 0);
	assert_int_equal(editions_next(&e, "user", "bob the builder", 60, 50), 71);
	assert_true(edition_stands(&d, 1));
	d = (struct edition){
		.kind = "group", .name = "bob the builder", .version = 9, .expires = 5};
	assert_int_equal(editions_take(&e, &d), 0);
	assert_true(edition_stands(&d, 4));
	assert_false(edition_stands(&d, 5));
	d = (struct edition){.kind = "user", .name = "eve", .version = 8, .lifted = true};
	assert_int_equal(editions_take(&e, &d), 0);
	assert_int_equal(editions_keep(&e), 0);
	editions_fini(&e);
	assert_int_equal(editions_init(&e, w->dir), 0);
	assert_int_equal(e.n, 3);
	assert_int_equal(editions_find(&e, "user", "bob the builder")->version, 70);
	assert_int_equal(editions_find(&e, "group", "bob the builder")->expires, 5);
	assert_false(edition_stands(editions_find(&e, "user", "eve"), 1));
	editions_fini(&e);
}

/* Whoever says the highest number there is has not said the last word. */
static void no_version_is_the_last(void **state)
{
	struct world *w = *state;
	const uint64_t now = UINT64_C(1800000000000000000);
	struct edition d = {.kind = "user", .name = "bob", .version = INT64_MAX};
	struct editions e;

	assert_false(edition_plausible(INT64_MAX, now));
	assert_true(edition_plausible(now + EDITION_AHEAD, now));
	/* a clock that was never set judges nobody */
	assert_true(edition_plausible(now, 1));
	assert_int_equal(editions_init(&e, w->dir), 0);
	assert_int_equal(editions_next(&e, "user", "bob", INT64_MAX, now), now);
	/* one that was believed before */
	assert_int_equal(editions_take(&e, &d), 0);
	assert_null(editions_newest(&e, "user", "bob", now));
	assert_int_equal(editions_next(&e, "user", "bob", 0, now), now);
	d.version = now + EDITION_AHEAD;
	assert_int_equal(editions_take(&e, &d), 0);
	assert_non_null(editions_newest(&e, "user", "bob", now));
	assert_true(edition_plausible(editions_next(&e, "user", "bob", 0, now + 1), now + 1));
	editions_fini(&e);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_signed_is_read),
		TEST(whom_nobody_knows_is_refused),
		TEST(what_a_stranger_claims_is_only_what_an_answer_needs),
		TEST(elsewhere_it_is_nothing),
		TEST(whatever_is_changed_is_noticed),
		TEST(junk_is_malformed),
		TEST(a_key_is_kept_safe),
		TEST(lines_of_fleet_keys),
		TEST(a_host_knows_its_own_name),
		TEST(an_order_counts_once_and_in_its_time),
		TEST(too_many_orders_are_bounded),
		TEST(the_newest_lock_is_remembered),
		TEST(no_version_is_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
