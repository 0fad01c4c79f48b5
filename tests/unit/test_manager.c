/* Orders to stop service managers: which names are orders, and what sessd leaves. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/core_fixture.h"

#include "common/manager.h"
#include "sessd/core_state.h"

static void names(void **state)
{
	static const char *const wrong[] = {"", "0", "-1", "+1", " 1", "1 ", "01", "0x1", "1.",
		"bob", "4294967295", "4294967296", "99999999999999999999", ".", ".."};
	char name[MANAGER_ORDER], unit[MANAGER_UNIT];
	uint32_t uid = 7;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (manager_order_parse(wrong[i], &uid))
			fail_msg("'%s' is taken for an order", wrong[i]);
	assert_int_equal(uid, 7);
	assert_true(manager_order_parse("1", &uid));
	assert_int_equal(uid, 1);
	assert_true(manager_order_parse(manager_order(UINT32_MAX - 1, name), &uid));
	assert_int_equal(uid, UINT32_MAX - 1);
	assert_string_equal(manager_unit(UINT32_MAX - 1, unit), "user@4294967294.service");
	assert_true(manager_is("systemd-user"));
	assert_false(manager_is("systemd-users"));
}

/* The mode of what stands there, 0 where nothing does. */
static mode_t mode_of(const struct world *w, const char *name)
{
	struct stat st;
	char path[200];

	snprintf(path, sizeof(path), "%s/" MANAGER_FOLDER "%s", w->f->dir, name);
	if (lstat(path, &st) < 0)
		return 0;
	assert_int_equal(st.st_size == 0 || S_ISDIR(st.st_mode), 1);
	return st.st_mode;
}

static int remove_orders(void **state)
{
	struct world *w = *state;
	char path[200];

	snprintf(path, sizeof(path), "%s/" MANAGER_FOLDER "/3000001000", w->f->dir);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	return teardown(state);
}

static void orders(void **state)
{
	struct world *w = *state;

	manager_stop(w->core, ANNA); /* it has no runtime directory: nothing to see, and no harm */
	start_again(w, "test", w->f->dir);
	manager_stop(w->core, 0);
	assert_int_equal(mode_of(w, ""), 0);
	w->cgroups.make = true;
	manager_stop(w->core, ANNA);
	assert_int_equal(mode_of(w, ""), 0);
	w->cgroups.make = false;
	manager_stop(w->core, ANNA);
	assert_int_equal(mode_of(w, ""), S_IFDIR | 0700);
	assert_int_equal(mode_of(w, "/3000001000"), S_IFREG | 0600);
	/* one that was not taken yet is one */
	manager_stop(w->core, ANNA);
	assert_int_equal(mode_of(w, "/3000001000"), S_IFREG | 0600);
}

static void somebody_elses_folder(void **state)
{
	struct world *w = *state;
	char path[200];

	start_again(w, "test", w->f->dir);
	snprintf(path, sizeof(path), "%s/" MANAGER_FOLDER, w->f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0777), 0);
	manager_stop(w->core, ANNA);
	assert_int_equal(mode_of(w, "/3000001000"), 0);
}

static void manager_acct(struct world *w, const char *user_name, uid_t uid, struct login *l)
{
	struct wire_acct acct = {.uid = uid};
	const struct event event = {
		.type = EVENT_ACCT, .caller = &l->caller, .answer = &l->answer, .u.acct = &acct};

	snprintf(acct.user, sizeof(acct.user), "%s", user_name);
	snprintf(acct.service, sizeof(acct.service), "%s", l->open.service);
	l->answers = 0;
	l->type = 0;
	core_handle(w->core, &event);
	assert_int_equal(l->answers, 1);
}

static void lock_user(struct world *w, const char *user_name, uid_t uid, bool even_breakglass)
{
	struct wire_locked what = {.kind = "user",
		.id = {.set = true, .uid = uid},
		.even_breakglass = even_breakglass,
		.set_at = 1};

	snprintf(what.name, sizeof(what.name), "%s", user_name);
	assert_non_null(locks_put(w->core, &what, 0));
}

/* Of the services that are not tracked, this one alone is refused, and by locks alone. */
static void accounts(void **state)
{
	static char other[] = "quiet", of_managers[] = MANAGER_SERVICE;
	static struct service untracked[] = {{.name = other, .class = CLASS_IGNORED},
		{.name = of_managers, .class = CLASS_IGNORED}};
	struct world *w = *state;
	struct login *manager, *quiet;

	w->config.policies.services = untracked;
	w->config.policies.n_services = 2;
	manager = arrive(w, ANNA, MANAGER_SERVICE);
	quiet = arrive(w, ANNA, "quiet");
	lock_user(w, "anna", ANNA, false);
	lock_user(w, "root", 0, false);
	manager_acct(w, "anna", ANNA, manager);
	assert_int_equal(manager->type, WIRE_refused);
	assert_int_equal(manager->reason, REASON_LOCKED);
	manager_acct(w, "anna", ANNA, quiet);
	assert_int_equal(quiet->type, WIRE_granted);
	manager_acct(w, "ben", BEN, manager);
	assert_int_equal(manager->type, WIRE_granted);
	manager_acct(w, "root", 0, manager);
	assert_int_equal(manager->type, WIRE_granted);
	lock_user(w, "root", 0, true);
	manager_acct(w, "root", 0, manager);
	assert_int_equal(manager->type, WIRE_refused);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, remove_orders)

static int all(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		TEST(orders),
		TEST(somebody_elses_folder),
		TEST(accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return processes_main(all);
}
