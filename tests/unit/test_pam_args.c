/* The arguments of pam_sess.so: what each does, and that no mistake in one locks anybody out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/duration.h"
#include "pam_module/args.h"

static void assert_default(const struct module_args *args)
{
	assert_string_equal(args->dir, "/run/sessd");
	assert_int_equal(args->timeout, NS_PER_SEC);
	assert_false(args->deny);
	assert_int_equal(args->reauth, 0);
	assert_false(args->revoke_others);
	assert_false(args->quiet);
	assert_false(args->debug);
}

static void test_every_argument(void **state)
{
	struct module_args args;

	(void)state;
	module_args_init(&args);
	assert_default(&args);
	assert_true(module_args_set(&args, "dir=/tmp/elsewhere"));
	assert_true(module_args_set(&args, "timeout=250ms"));
	assert_true(module_args_set(&args, "unavailable=deny"));
	assert_true(module_args_set(&args, "reauth=15m"));
	assert_true(module_args_set(&args, "revoke_others"));
	assert_true(module_args_set(&args, "quiet"));
	assert_true(module_args_set(&args, "debug"));
	assert_string_equal(args.dir, "/tmp/elsewhere");
	assert_int_equal(args.timeout, 250 * NS_PER_MS);
	assert_true(args.deny);
	assert_int_equal(args.reauth, 900 * NS_PER_SEC);
	assert_true(args.revoke_others && args.quiet && args.debug);
	assert_true(module_args_set(&args, "unavailable=allow"));
	assert_false(args.deny);
}

static void test_mistakes_leave_the_default(void **state)
{
	static const char *const wrong[] = {"", "=", "dir", "dir=", "dir=run/sessd", "timeout",
		"timeout=", "timeout=0", "timeout=soon", "timeout=-1s", "timeout=61s",
		"timeout=1s ", "unavailable", "unavailable=", "unavailable=Deny",
		"unavailable=denyall", "reauth=", "reauth=0", "reauth=x", "quiet=yes", "debugging",
		"debug=1", "revoke_others=1", "nosuch", "DIR=/tmp"};
	struct module_args args;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		module_args_init(&args);
		if (module_args_set(&args, wrong[i]))
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_default(&args);
	}
}

static void test_a_later_mistake_restores_the_default(void **state)
{
	struct module_args args;

	(void)state;
	module_args_init(&args);
	assert_true(module_args_set(&args, "unavailable=deny"));
	assert_true(module_args_set(&args, "timeout=5s"));
	assert_true(module_args_set(&args, "dir=/tmp/x"));
	assert_true(module_args_set(&args, "reauth=1m"));
	assert_false(module_args_set(&args, "unavailable=perhaps"));
	assert_false(module_args_set(&args, "timeout=never"));
	assert_false(module_args_set(&args, "dir=x"));
	assert_false(module_args_set(&args, "reauth=never"));
	assert_default(&args);
}

static void test_dir_fits_a_socket_address(void **state)
{
	char arg[256] = "dir=/";
	struct module_args args;
	/* sun_path holds 108 bytes: the folder, "/pam.sock" and a NUL */
	const size_t longest = 108 - sizeof("/pam.sock");

	(void)state;
	memset(arg + 5, 'd', longest - 1);
	arg[4 + longest] = '\0';
	module_args_init(&args);
	assert_true(module_args_set(&args, arg));
	assert_int_equal(strlen(args.dir), longest);
	arg[4 + longest] = 'd';
	arg[5 + longest] = '\0';
	assert_false(module_args_set(&args, arg));
	assert_default(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_argument),
		cmocka_unit_test(test_mistakes_leave_the_default),
		cmocka_unit_test(test_a_later_mistake_restores_the_default),
		cmocka_unit_test(test_dir_fits_a_socket_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
