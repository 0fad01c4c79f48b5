/* The lines, words and rules of a PAM file. tests/unit/test_walk.c has what libpam makes of them.
 */
#include <errno.h>
#include <security/_pam_types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sessctl/pam_rule.h"

static void test_lines(void **state)
{
	static const char text[] = "# first\n\n  auth \\\n\n # x\n required\\  \npam_a.so # y \\\n"
				   "account required pam_b.so";
	struct pam_text t = {.at = text, .end = text + sizeof(text) - 1};
	char line[PAM_LINE_MAX];
	unsigned number = 0;

	(void)state;
	assert_int_equal(pam_text_next(&t, line, &number), 1);
	assert_string_equal(line, "auth  required pam_a.so ");
	assert_int_equal(number, 3);
	assert_int_equal(pam_text_next(&t, line, &number), 1);
	assert_string_equal(line, "account required pam_b.so ");
	assert_int_equal(number, 8);
	assert_int_equal(pam_text_next(&t, line, &number), 0);
}

static void test_lines_that_are_none(void **state)
{
	char line[PAM_LINE_MAX], text[PAM_LINE_MAX + 8];
	struct pam_text t = {.at = "auth \\\n", .end = t.at + 7};
	unsigned number = 0;

	(void)state;
	assert_int_equal(pam_text_next(&t, line, &number), -EBADMSG);
	memset(text, 'x', sizeof(text));
	t = (struct pam_text){.at = text, .end = text + PAM_LINE_MAX - 2};
	assert_int_equal(pam_text_next(&t, line, &number), 1);
	t = (struct pam_text){.at = text, .end = text + PAM_LINE_MAX - 1};
	assert_int_equal(pam_text_next(&t, line, &number), -E2BIG);
}

static void test_words(void **state)
{
	char text[] = " [a b\\] c]  d=[e  ]x [";
	char *rest = text;

	(void)state;
	assert_string_equal(pam_word(&rest), "a b] c");
	assert_string_equal(pam_word(&rest), "d=[e");
	assert_string_equal(pam_word(&rest), "]x");
	assert_string_equal(pam_word(&rest), "");
	assert_null(pam_word(&rest));
	assert_null(pam_word(&rest));
}

static struct pam_rule parse(char *text, const char *line)
{
	struct pam_rule rule;

	strcpy(text, line);
	pam_rule_parse(text, &rule);
	return rule;
}

static void test_rules(void **state)
{
	char text[128];
	struct pam_rule r;

	(void)state;
	r = parse(text, "-Session [success=2 default=die] pam_x.so a [b c]");
	assert_int_equal(r.kind, PAM_RULE_MODULE);
	assert_int_equal(r.type, PAM_SESSION);
	assert_int_equal(r.action[PAM_SUCCESS], 2);
	assert_int_equal(r.action[PAM_IGNORE], PAM_DO_DIE);
	assert_string_equal(r.target, "pam_x.so");
	assert_string_equal(r.args, "a [b c]");
	assert_null(r.wrong);
	r = parse(text, "@include common-auth");
	assert_int_equal(r.kind, PAM_RULE_INCLUDE);
	assert_int_equal(r.type, PAM_TYPES);
	r = parse(text, "auth SUBSTACK x");
	assert_int_equal(r.kind, PAM_RULE_SUBSTACK);
	assert_int_equal(r.type, PAM_AUTH);
	assert_string_equal(r.target, "x");
}

static void test_rules_that_are_wrong(void **state)
{
	static const struct {
		const char *line;
		enum pam_rule_kind kind;
	} cases[] = {
		{"auth", PAM_RULE_BROKEN},
		{"auth required", PAM_RULE_BROKEN},
		{"auth include", PAM_RULE_BROKEN},
		{"@include", PAM_RULE_BROKEN},
		{"login auth required pam_x.so", PAM_RULE_BROKEN},
		/* the module is asked, and whatever it says is bad */
		{"auth [success=0] pam_x.so", PAM_RULE_MODULE},
		{"auth [success=okay maybe] pam_x.so", PAM_RULE_MODULE},
		{"auth [nosuch=ok] pam_x.so", PAM_RULE_MODULE},
		{"auth [success] pam_x.so", PAM_RULE_MODULE},
		{"auth needed pam_x.so", PAM_RULE_MODULE},
	};
	char text[128];
	struct pam_rule r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = parse(text, cases[i].line);
		if (r.wrong == NULL || r.kind != cases[i].kind)
			fail_msg("taken: %s", cases[i].line);
		if (r.kind == PAM_RULE_MODULE)
			assert_int_equal(r.action[PAM_SUCCESS], PAM_DO_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lines_that_are_none),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_rules_that_are_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
