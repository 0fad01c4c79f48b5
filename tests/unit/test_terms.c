#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/terms.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Codes and names as they are on the wire and on disk: these never change. */
static const char *const classes[] = {"none", "ignored", "background", "elevation", "login"};
static const char *const phases[] = {"none", "opening", "active", "ending", "ended"};

static void class_names(void **state)
{
	unsigned code;

	(void)state;
	for (code = 0; code < N(classes); code++)
		assert_string_equal(class_name((enum session_class)code), classes[code]);
	assert_null(class_name((enum session_class)N(classes)));
	assert_null(class_name((enum session_class)255));
	assert_int_equal(CLASS_LOGIN, N(classes) - 1);
}

static void phase_names(void **state)
{
	unsigned code;

	(void)state;
	for (code = 0; code < N(phases); code++)
		assert_string_equal(phase_name((enum phase)code), phases[code]);
	assert_null(phase_name((enum phase)N(phases)));
	assert_null(phase_name((enum phase)255));
	assert_int_equal(PHASE_ENDED, N(phases) - 1);
}

static void classes_by_name(void **state)
{
	static const char *const strangers[] = {
		"", "none", "Login", "login ", " login", "logi", "logins", "elevation,login"};
	unsigned code, i;

	(void)state;
	for (code = 1; code < N(classes); code++)
		assert_int_equal(class_by_name(classes[code]), code);
	for (i = 0; i < N(strangers); i++)
		assert_int_equal(class_by_name(strangers[i]), CLASS_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(class_names),
		cmocka_unit_test(phase_names),
		cmocka_unit_test(classes_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
