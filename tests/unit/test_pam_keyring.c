/*
 * The token in the session keyring, on the kernel's own keyrings. Each case runs in a child of its
 * own with a session keyring of its own, so nothing of the machine's is touched.
 */
#include <errno.h>
#include <grp.h>
#include <keyutils.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pam_module/keyring.h"

#define USER 65534 /* any uid but 0 */

/* In the child: says where it failed, and ends. */
#define CHECK(condition)                                                                          \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __func__, __LINE__, #condition, \
				errno);                                                           \
			_exit(1);                                                                 \
		}                                                                                 \
	} while (0)

static void in_child(void (*act)(void))
{
	pid_t pid;
	int status;

	if (geteuid() != 0 || keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, 1) < 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (keyctl_join_session_keyring(NULL) < 0)
			_exit(2);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static struct token token_of(uint8_t byte)
{
	struct token token;

	memset(token.b, byte, sizeof(token.b));
	return token;
}

static key_serial_t session_keyring(void)
{
	return keyctl_get_keyring_ID(KEY_SPEC_SESSION_KEYRING, 0);
}

static bool found(uint8_t byte)
{
	struct token want = token_of(byte), got;

	return keyring_find(&got) && memcmp(&want, &got, sizeof(got)) == 0;
}

/* The serial of the token, which its holder is not told: root finds it by name. */
static key_serial_t token_serial(void)
{
	key_serial_t *ids;
	void *list;
	char *text;
	int len, i;
	key_serial_t id = 0;

	len = keyctl_read_alloc(KEY_SPEC_SESSION_KEYRING, &list);
	CHECK(len >= 0);
	ids = list;
	for (i = 0; i < len / (int)sizeof(*ids); i++) {
		if (keyctl_describe_alloc(ids[i], &text) < 0)
			continue;
		if (strstr(text, ";sessd:token") != NULL)
			id = ids[i];
		free(text);
	}
	free(list);
	return id;
}

/* As pam_keyinit leaves it: a session keyring made by the user. */
static void keyinit(uid_t uid)
{
	CHECK(setresuid(uid, uid, 0) == 0);
	CHECK(keyctl_join_session_keyring(NULL) > 0);
	CHECK(setresuid(0, 0, 0) == 0);
}

static void become_user(void)
{
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresgid(USER, USER, USER) == 0);
	CHECK(setresuid(USER, USER, USER) == 0);
}

/* What the module does at a login that is let in. */
static int keep(const struct token *token, uid_t uid)
{
	int32_t key;
	int r;

	CHECK(keyring_make(token, &key) == 0);
	r = keyring_keep(key, uid, uid);
	keyring_drop(key);
	CHECK(keyctl_search(KEY_SPEC_THREAD_KEYRING, "user", "sessd:token", 0) < 0);
	return r;
}

static void case_keep_and_find(void)
{
	struct token token = token_of(1);
	key_serial_t before;
	char *text;

	keyinit(USER);
	before = session_keyring();
	CHECK(!found(1));
	CHECK(keep(&token, USER) == 0);
	CHECK(session_keyring() == before);
	CHECK(found(1));
	CHECK(keyctl_describe_alloc(token_serial(), &text) > 0);
	CHECK(strncmp(text, "user;0;", 7) == 0);
	CHECK(strstr(text, ";003f0000;sessd:token") != NULL);
	free(text);
	/* it is reachable through the session keyring alone */
	CHECK(keyctl_read(KEY_SPEC_THREAD_KEYRING, NULL, 0) == 0);
}

static void test_keep_and_find(void **state)
{
	(void)state;
	in_child(case_keep_and_find);
}

static void case_user_cannot_touch(void)
{
	struct token token = token_of(2);
	key_serial_t id;
	char buf[64];

	keyinit(USER);
	CHECK(keep(&token, USER) == 0);
	id = token_serial();
	CHECK(id > 0);
	become_user();
	CHECK(keyctl_read(id, buf, sizeof(buf)) < 0 && errno == EACCES);
	CHECK(keyctl_describe(id, buf, sizeof(buf)) < 0 && errno == EACCES);
	CHECK(keyctl_search(KEY_SPEC_SESSION_KEYRING, "user", "sessd:token", 0) < 0);
	CHECK(keyctl_link(id, KEY_SPEC_PROCESS_KEYRING) < 0 && errno == EACCES);
	CHECK(keyctl_update(id, "x", 1) < 0 && errno == EACCES);
	CHECK(keyctl_revoke(id) < 0 && errno == EACCES);
	CHECK(keyctl_set_timeout(id, 1) < 0 && errno == EACCES);
	CHECK(keyctl_setperm(id, 0x3f3f3f3f) < 0 && errno == EACCES);
	CHECK(!found(2));
}

static void test_user_cannot_touch(void **state)
{
	(void)state;
	in_child(case_user_cannot_touch);
}

/* The parent's keyring, which other logins share, gets nothing. */
static void case_keyring_of_the_parent(void)
{
	struct token token = token_of(3);
	key_serial_t parent = session_keyring();
	char *text;

	CHECK(keep(&token, USER) == 0);
	CHECK(session_keyring() != parent);
	CHECK(keyctl_read(parent, NULL, 0) == 0);
	CHECK(found(3));
	CHECK(keyctl_describe_alloc(KEY_SPEC_SESSION_KEYRING, &text) > 0);
	CHECK(strncmp(text, "keyring;65534;65534;", 20) == 0);
	free(text);
}

static void test_keyring_of_the_parent(void **state)
{
	(void)state;
	in_child(case_keyring_of_the_parent);
}

/* Root's second login in one keyring gets a keyring of its own. */
static void case_root_twice(void)
{
	struct token first = token_of(4), second = token_of(5);
	key_serial_t own = session_keyring();

	CHECK(keep(&first, 0) == 0);
	CHECK(session_keyring() == own);
	CHECK(keep(&second, 0) == 0);
	CHECK(session_keyring() != own);
	CHECK(found(5));
	CHECK(keyctl_read(own, NULL, 0) == sizeof(key_serial_t));
}

static void test_root_twice(void **state)
{
	(void)state;
	in_child(case_root_twice);
}

/* What the user has put under the token's name is displaced, not updated. */
static void case_planted_key(void)
{
	struct token token = token_of(6);
	key_serial_t planted;
	char buf[64];

	keyinit(USER);
	CHECK(setresuid(USER, USER, 0) == 0);
	planted = add_key("user", "sessd:token", "mine", 4, KEY_SPEC_SESSION_KEYRING);
	CHECK(planted > 0);
	CHECK(keyctl_link(planted, KEY_SPEC_PROCESS_KEYRING) == 0);
	CHECK(setresuid(0, 0, 0) == 0);
	CHECK(!found(6));
	CHECK(keep(&token, USER) == 0);
	CHECK(found(6));
	become_user();
	CHECK(keyctl_read(planted, buf, sizeof(buf)) == 4);
	CHECK(memcmp(buf, "mine", 4) == 0);
}

static void test_planted_key(void **state)
{
	(void)state;
	in_child(case_planted_key);
}

/* A user's forgery of the right length, and keys of root's that are no token. */
static void case_not_believed(void)
{
	struct token token = token_of(7), got;
	key_serial_t ring;

	keyinit(USER);
	CHECK(setresuid(USER, USER, 0) == 0);
	CHECK(add_key("user", "sessd:token", token.b, TOKEN_BYTES, KEY_SPEC_SESSION_KEYRING) > 0);
	CHECK(setresuid(0, 0, 0) == 0);
	CHECK(!keyring_find(&got));
	CHECK(keyctl_join_session_keyring(NULL) > 0);
	CHECK(add_key("user", "sessd:tokens", token.b, TOKEN_BYTES, KEY_SPEC_SESSION_KEYRING) > 0);
	CHECK(add_key("user", "a;b;sessd:token", token.b, TOKEN_BYTES, KEY_SPEC_SESSION_KEYRING) >
		0);
	CHECK(add_key("logon", "sessd:token", token.b, TOKEN_BYTES, KEY_SPEC_SESSION_KEYRING) > 0);
	CHECK(!keyring_find(&got));
	/* one byte short or long */
	CHECK(add_key("user", "sessd:token", token.b, TOKEN_BYTES - 1, KEY_SPEC_SESSION_KEYRING) >
		0);
	CHECK(!keyring_find(&got));
	CHECK(add_key("user", "sessd:token", "0123456789abcdef0123456789abcdefX", TOKEN_BYTES + 1,
		      KEY_SPEC_SESSION_KEYRING) > 0);
	CHECK(!keyring_find(&got));
	/* a genuine one, but not a direct child */
	CHECK(keyctl_join_session_keyring(NULL) > 0);
	ring = add_key("keyring", "below", NULL, 0, KEY_SPEC_SESSION_KEYRING);
	CHECK(ring > 0);
	CHECK(add_key("user", "sessd:token", token.b, TOKEN_BYTES, ring) > 0);
	CHECK(!keyring_find(&got));
}

static void test_not_believed(void **state)
{
	(void)state;
	in_child(case_not_believed);
}

/* After pam_keyinit has revoked the session keyring. */
static void case_revoked_keyring(void)
{
	struct token token = token_of(8);

	CHECK(keyctl_revoke(KEY_SPEC_SESSION_KEYRING) == 0);
	CHECK(!found(8));
	CHECK(keep(&token, USER) == 0);
	CHECK(found(8));
}

static void test_revoked_keyring(void **state)
{
	(void)state;
	in_child(case_revoked_keyring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep_and_find),
		cmocka_unit_test(test_user_cannot_touch),
		cmocka_unit_test(test_keyring_of_the_parent),
		cmocka_unit_test(test_root_twice),
		cmocka_unit_test(test_planted_key),
		cmocka_unit_test(test_not_believed),
		cmocka_unit_test(test_revoked_keyring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
