#include "tests/unit/processes.h"

static void wait_here(struct shared *s)
{
	s->ready++;
	for (;;)
		pause();
}

static struct sid some_sid(uint8_t n)
{
	struct sid sid;

	memset(sid.b, n, sizeof(sid.b));
	return sid;
}

/* Makes `name` (no `/` in front) in the tests' root, for what logind would make. */
static void make_by_hand(const char *name)
{
	if (mkdirat(own_root_fd, name, 0755) < 0)
		assert_int_equal(errno, EEXIST);
}

static void move(const char *path, pid_t pid)
{
	char file[256], text[16];

	snprintf(file, sizeof(file), "%s/cgroup.procs", path + 1);
	snprintf(text, sizeof(text), "%d", (int)pid);
	assert_int_equal(write_text(own_root_fd, file, text), 0);
}

static void test_init_finds_the_mount(void **state)
{
	struct cgroups cg;
	struct stat st;

	(void)state;
	cgroups_init(&cg);
	assert_int_equal(cg.make, access("/run/systemd/system", F_OK) < 0);
	if (cg.root_fd >= 0)
		assert_int_equal(fstatat(cg.root_fd, "cgroup.procs", &st, 0), 0);
	cgroups_fini(&cg);
	assert_int_equal(cg.root_fd, -1);
	cgroups_fini(&cg);
}

static void test_without_cgroup2(void **state)
{
	struct cgroups cg = {.root_fd = -1, .make = true};
	struct sid sid = some_sid(1);
	char path[PROC_CGROUP];

	(void)state;
	assert_int_equal(cgroup_make(&cg, &sid, NULL, getpid(), path), -EOPNOTSUPP);
	assert_int_equal(cgroup_find(&cg, getpid(), 0, 7, path), -ENOENT);
	assert_int_equal(cgroup_kill(&cg, "/sessd/x"), 0);
	assert_true(cgroup_is_empty(&cg, "/sessd/x"));
	assert_int_equal(cgroup_count(&cg, "/sessd/x"), 0);
	assert_int_equal(cgroup_each_made(&cg, NULL, NULL), 0);
}

static void count_made(void *ctx, const char *path)
{
	int *n = ctx;

	assert_memory_equal(path, "/sessd/", 7);
	++*n;
}

static void count_pid(void *ctx, pid_t pid)
{
	int *n = ctx;

	assert_true(pid > 1 && pid != getpid());
	++*n;
}

static void test_make_kill_remove(void **state)
{
	struct cgroups cg = own_cgroups();
	struct shared *s = shared_new();
	struct sid sid = some_sid(0xab), inner_sid = some_sid(0xcd);
	char path[PROC_CGROUP], inner[PROC_CGROUP], now[PROC_CGROUP];
	pid_t a, b;
	int n = 0;

	(void)state;
	NEED_CGROUP();
	a = spawn(wait_here, s, NULL);
	b = spawn(wait_here, s, NULL);
	assert_int_equal(cgroup_make(&cg, &sid, NULL, a, path), 0);
	assert_string_equal(path, "/sessd/abababababababababababababababab");
	assert_int_equal(cgroup_make(&cg, &inner_sid, path, b, inner), 0);
	assert_int_equal(proc_cgroup(b, now, sizeof(now)), 0);
	assert_string_equal(now, inner);

	assert_int_equal(cgroup_find(&cg, b, 1000, 5, now), 0);
	assert_string_equal(now, inner);
	assert_int_equal(cgroup_count(&cg, path), 2);
	assert_int_equal(cgroup_count(&cg, inner), 1);
	assert_int_equal(cgroup_each(&cg, path, count_pid, &n), 0);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(cgroup_each_made(&cg, count_made, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(cgroup_remove(&cg, path), -EBUSY);
	assert_false(cgroup_is_empty(&cg, path));

	/* the inner one alone, then all */
	assert_int_equal(cgroup_kill(&cg, inner), 0);
	await(is_dead(b));
	assert_false(is_dead(a));
	assert_int_equal(cgroup_kill(&cg, path), 0);
	await(cgroup_is_empty(&cg, path));
	/* the kernel takes it out of its cgroup a moment before it is a zombie */
	await(is_dead(a));
	/* both are zombies, which hold no cgroup */
	assert_int_equal(cgroup_remove(&cg, path), 0);
	assert_int_equal(cgroup_remove(&cg, path), 0);
	assert_int_equal(cgroup_kill(&cg, path), 0);
	assert_int_equal(cgroup_count(&cg, path), 0);
	assert_true(cgroup_is_empty(&cg, path));
	finish(a);
	finish(b);
	shared_free(s);
}

static void test_make_refuses(void **state)
{
	struct cgroups cg = own_cgroups();
	struct shared *s = shared_new();
	struct sid sid = some_sid(2);
	char path[PROC_CGROUP] = "untouched";
	pid_t pid;

	(void)state;
	NEED_CGROUP();
	pid = spawn(wait_here, s, NULL);
	assert_int_equal(cgroup_make(&cg, &sid, "/user.slice", pid, path), -EINVAL);
	assert_int_equal(cgroup_make(&cg, &sid, "/sessd/../x", pid, path), -EINVAL);
	finish(pid);
	/* a leader that died leaves nothing behind */
	assert_int_equal(cgroup_make(&cg, &sid, NULL, pid, path), -ESRCH);
	assert_int_equal(
		faccessat(own_root_fd, "sessd/02020202020202020202020202020202", F_OK, 0), -1);
	assert_string_equal(path, "untouched");
	cg.make = false;
	assert_int_equal(cgroup_make(&cg, &sid, NULL, getpid(), path), -EOPNOTSUPP);
	shared_free(s);
}

/* No more than the paths that sessd gives may ever be opened or removed. */
static void test_hostile_paths(void **state)
{
	static const char *const bad[] = {"", "/", "x", "/..", "/../x", "/a/../b", "/a/..", "//a",
		"/a//b", "/a/", "/./a", "/a/."};
	struct cgroups cg = own_cgroups();
	size_t i;

	(void)state;
	NEED_CGROUP();
	make_by_hand("a");
	make_by_hand("a/b");
	make_by_hand("sessd");
	make_by_hand("sessd/other");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(cgroup_kill(&cg, bad[i]), -EINVAL);
		assert_int_equal(cgroup_count(&cg, bad[i]), -EINVAL);
		assert_int_equal(cgroup_remove(&cg, bad[i]), -EINVAL);
		assert_false(cgroup_is_empty(&cg, bad[i]));
	}
	assert_int_equal(cgroup_remove(&cg, "/a/b"), -EINVAL);
	assert_int_equal(cgroup_remove(&cg, "/sessd"), -EINVAL);
	assert_int_equal(cgroup_remove(&cg, "/sessd/other"), -EINVAL);
	assert_int_equal(faccessat(own_root_fd, "sessd/other", F_OK, 0), 0);
}

static void test_find_scope(void **state)
{
	struct cgroups cg = own_cgroups();
	struct shared *s = shared_new();
	char path[PROC_CGROUP];
	pid_t pid;

	(void)state;
	NEED_CGROUP();
	pid = spawn(wait_here, s, NULL);
	make_by_hand("user.slice");
	make_by_hand("user.slice/user-1000.slice");
	make_by_hand("user.slice/user-1000.slice/session-42.scope");
	make_by_hand("user.slice/user-1000.slice/session-c1.scope");
	make_by_hand("user.slice/user-1000.slice/session-c1.scope/session-c2.scope");
	make_by_hand("ssh.service");

	/* by the leader */
	move("/user.slice/user-1000.slice/session-42.scope", pid);
	assert_int_equal(cgroup_find(&cg, pid, 1000, 42, path), 0);
	assert_string_equal(path, "/user.slice/user-1000.slice/session-42.scope");
	/* not where it is another user's, or another session's */
	assert_int_equal(cgroup_find(&cg, pid, 1001, 42, path), -ENOENT);
	assert_int_equal(cgroup_find(&cg, pid, 1000, 43, path), -ENOENT);
	/* logind names it so where there is no audit session */
	move("/user.slice/user-1000.slice/session-c1.scope", pid);
	assert_int_equal(cgroup_find(&cg, pid, 1000, PROC_NO_AUDIT, path), 0);
	assert_string_equal(path, "/user.slice/user-1000.slice/session-c1.scope");
	move("/user.slice/user-1000.slice/session-c1.scope/session-c2.scope", pid);
	assert_int_equal(cgroup_find(&cg, pid, 1000, PROC_NO_AUDIT, path), -ENOENT);
	/* one that others share */
	move("/ssh.service", pid);
	assert_int_equal(cgroup_find(&cg, pid, 1000, PROC_NO_AUDIT, path), -ENOENT);

	/* by its name */
	assert_int_equal(cgroup_find(&cg, pid, 1000, 42, path), 0);
	finish(pid);
	assert_int_equal(cgroup_find(&cg, pid, 1000, 42, path), 0);
	assert_string_equal(path, "/user.slice/user-1000.slice/session-42.scope");
	assert_int_equal(cgroup_find(&cg, 0, 1000, 41, path), -ENOENT);
	shared_free(s);
}

static void kill_own(struct shared *s)
{
	struct cgroups cg = own_cgroups();

	s->ready++;
	while (s->go == 0)
		poll(NULL, 0, 1);
	if (cgroup_kill(&cg, "/own") == 0)
		s->go = 2;
	while (!cgroup_is_empty(&cg, "/own") || cgroup_count(&cg, "/own") != 0)
		poll(NULL, 0, 1);
	s->go = 3;
	pause();
}

/* The one by one way, which old kernels need: it spares who kills. */
static void test_kill_spares_ourselves(void **state)
{
	struct shared *s = shared_new();
	pid_t killer, other[20];
	int i;

	(void)state;
	NEED_CGROUP();
	make_by_hand("own");
	make_by_hand("own/below");
	killer = spawn(kill_own, s, NULL);
	move("/own", killer);
	for (i = 0; i < 20; i++) {
		other[i] = spawn(wait_here, s, NULL);
		move(i % 2 ? "/own" : "/own/below", other[i]);
	}
	s->go = 1;
	await(s->go == 3);
	for (i = 0; i < 20; i++)
		await(is_dead(other[i]));
	assert_false(is_dead(killer));
	for (i = 0; i < 20; i++)
		finish(other[i]);
	finish(killer);
	shared_free(s);
}

static void test_many(void **state)
{
	struct cgroups cg = own_cgroups();
	struct shared *s = shared_new();
	pid_t pid[1000];
	int i, n = 0;

	(void)state;
	NEED_CGROUP();
	make_by_hand("many");
	for (i = 0; i < 1000; i++) {
		pid[i] = spawn(wait_here, s, NULL);
		move("/many", pid[i]);
	}
	/* more than one read of cgroup.procs: a pid cut in two is one pid */
	assert_int_equal(cgroup_count(&cg, "/many"), 1000);
	assert_int_equal(cgroup_each(&cg, "/many", count_pid, &n), 0);
	assert_int_equal(n, 1000);
	assert_int_equal(cgroup_kill(&cg, "/many"), 0);
	await(cgroup_is_empty(&cg, "/many"));
	for (i = 0; i < 1000; i++)
		finish(pid[i]);
	shared_free(s);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_init_finds_the_mount),
		cmocka_unit_test(test_without_cgroup2),
		cmocka_unit_test(test_make_kill_remove),
		cmocka_unit_test(test_make_refuses),
		cmocka_unit_test(test_hostile_paths),
		cmocka_unit_test(test_find_scope),
		cmocka_unit_test(test_kill_spares_ourselves),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("cgroup", all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
