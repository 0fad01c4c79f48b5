/* The start time of a process whose name tries to hide it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "pam_module/leader.h"

#define FIELDS_3_TO_21 "S 1 7 7 34816 7 4194304 129 0 0 0 0 0 0 0 20 0 1 0"

static void test_names_that_confuse(void **state)
{
	static const char *const names[] = {
		"sshd", "a b c", "(sd-pam)", ") S 1 2 3 4 5 6 (", "", "((((", ")))) "};
	char text[256];
	uint64_t start;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text), "42 (%s) " FIELDS_3_TO_21 " 987654321 22 23\n",
			names[i]);
		start = 0;
		assert_true(leader_start_parse(text, &start));
		assert_int_equal(start, 987654321);
	}
}

static void test_what_is_no_stat(void **state)
{
	static const char *const wrong[] = {"", "42", "42 (x", "42 (x) S 1 2", "42 (x)",
		"42 (x) " FIELDS_3_TO_21, "42 (x) " FIELDS_3_TO_21 " ",
		"42 (x) " FIELDS_3_TO_21 " -1 2", "42 (x) " FIELDS_3_TO_21 " 12x 2",
		"42 (x) " FIELDS_3_TO_21 " 12", "42 (x) " FIELDS_3_TO_21 " 99999999999999999999 1"};
	uint64_t start = 7;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (leader_start_parse(wrong[i], &start))
			fail_msg("\"%s\" was taken", wrong[i]);
		assert_int_equal(start, 7);
	}
}

static void test_this_process(void **state)
{
	struct wire_spooled plain = {0}, odd = {0};
	char name[17];

	(void)state;
	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	assert_int_equal(leader_fill(&plain), 0);
	assert_int_equal(plain.leader_pid, getpid());
	assert_true(plain.leader_start > 0);
	assert_int_equal(strlen(plain.boot_id), 36);
	assert_int_equal(prctl(PR_SET_NAME, ") 1 2 ("), 0);
	assert_int_equal(leader_fill(&odd), 0);
	assert_int_equal(prctl(PR_SET_NAME, name), 0);
	assert_int_equal(odd.leader_start, plain.leader_start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_confuse),
		cmocka_unit_test(test_what_is_no_stat),
		cmocka_unit_test(test_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
