#include "tests/unit/processes.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "sessd/pidset.h"

static void wait_here(struct shared *s)
{
	s->ready++;
	for (;;)
		pause();
}

static void odd_name(struct shared *s)
{
	prctl(PR_SET_NAME, "a) Z 1 (\n b)");
	wait_here(s);
}

static void test_stat_of_self(void **state)
{
	struct proc_stat a, b;

	(void)state;
	assert_int_equal(proc_stat(getpid(), &a), 0);
	assert_int_equal(a.ppid, getppid());
	assert_int_equal(a.state, 'R');
	assert_true(a.start > 0);
	assert_int_equal(proc_stat(getppid(), &b), 0);
	assert_true(b.start <= a.start);
}

static void test_stat_of_odd_name(void **state)
{
	struct shared *s = shared_new();
	pid_t pid = spawn(odd_name, s, NULL);
	struct proc_stat st;

	(void)state;
	await(s->ready == 1);
	await(proc_stat(pid, &st) == 0 && st.state == 'S');
	assert_string_equal(st.comm, "a) Z 1 (\n b)");
	assert_int_equal(st.ppid, getpid());
	finish(pid);
	shared_free(s);
}

static void test_gone(void **state)
{
	struct shared *s = shared_new();
	pid_t pid = spawn(wait_here, s, NULL);
	struct proc_stat st = {.ppid = 77};
	char path[PROC_CGROUP];
	uint32_t audit;

	(void)state;
	finish(pid);
	assert_int_equal(proc_stat(pid, &st), -ESRCH);
	assert_int_equal(st.ppid, 77);
	assert_int_equal(proc_audit_session(pid, &audit), -ESRCH);
	assert_int_equal(proc_cgroup(pid, path, sizeof(path)), -ESRCH);
	assert_int_equal(pidfd_open_pid(pid), -ESRCH);
	assert_int_equal(proc_stat(0, &st), -ESRCH);
	assert_int_equal(pidfd_open_pid(-1), -ESRCH);
	shared_free(s);
}

static void on_terminal(struct shared *s)
{
	int fd;

	setsid();
	fd = open("/proc/self/fd/0", O_RDWR | O_NOCTTY);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(1);
	wait_here(s);
}

static void test_terminal_number(void **state)
{
	struct shared *s = shared_new();
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, old;
	struct proc_stat st;
	struct stat node;
	pid_t pid;

	(void)state;
	need(master >= 0, "no pseudo terminals here");
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	old = dup(0);
	assert_int_equal(dup2(slave, 0), 0);
	pid = spawn(on_terminal, s, NULL);
	dup2(old, 0);
	close(old);
	await(s->ready == 1);
	assert_int_equal(fstat(slave, &node), 0);
	assert_int_equal(proc_stat(pid, &st), 0);
	assert_true(st.tty == node.st_rdev);
	finish(pid);
	close(slave);
	close(master);
	shared_free(s);
}

static void test_audit_session(void **state)
{
	struct shared *s = shared_new();
	uint32_t audit, read_back = 0;
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	pid = spawn(wait_here, s, &audit);
	assert_int_not_equal(audit, PROC_NO_AUDIT);
	assert_int_equal(proc_audit_session(pid, &read_back), 0);
	assert_int_equal(read_back, audit);
	read_back = 0;
	assert_int_equal(proc_audit_session_at(proc, pid, &read_back), 0);
	assert_int_equal(read_back, audit);
	finish(pid);
	assert_int_equal(proc_audit_session_at(proc, pid, &read_back), -ESRCH);
	close(proc);
	shared_free(s);
}

static void test_cgroup(void **state)
{
	char path[PROC_CGROUP] = "x";

	(void)state;
	NEED_CGROUP();
	assert_int_equal(proc_cgroup(getpid(), path, sizeof(path)), 0);
	assert_string_equal(path, "/");
	assert_int_equal(proc_cgroup(getpid(), path, 1), -ENAMETOOLONG);
}

static void test_boot_id(void **state)
{
	char a[PROC_BOOT_ID], b[PROC_BOOT_ID];

	(void)state;
	assert_int_equal(proc_boot_id(a), 0);
	assert_int_equal(proc_boot_id(b), 0);
	assert_int_equal(strlen(a), 36);
	assert_string_equal(a, b);
}

static void *second_thread(void *arg)
{
	wait_here(arg);
	return NULL;
}

static void lose_first_thread(struct shared *s)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, second_thread, s) == 0)
		pthread_exit(NULL);
}

/* Its state is Z, and yet it runs. */
static void test_first_thread_gone_is_not_dead(void **state)
{
	struct shared *s = shared_new();
	pid_t pid = spawn(lose_first_thread, s, NULL);
	int fd = pidfd_open_pid(pid);
	struct proc_stat st;

	(void)state;
	assert_true(fd >= 0);
	await(s->ready == 1 && proc_stat(pid, &st) == 0 && st.state == 'Z');
	assert_false(pidfd_is_dead(fd));
	assert_int_equal(pidfd_signal(fd, SIGKILL), 0);
	await(pidfd_is_dead(fd));
	/* not collected yet, and so still there for a signal */
	assert_int_equal(pidfd_signal(fd, 0), 0);
	finish(pid);
	assert_int_equal(pidfd_signal(fd, 0), -ESRCH);
	assert_true(pidfd_is_dead(fd));
	close(fd);
	shared_free(s);
}

static void test_list_has_everybody_once(void **state)
{
	struct shared *s = shared_new();
	pid_t child[40], pids[PROCDIR_SLICE];
	int fd = procdir_open(), times[40] = {0}, round, n, i, k;

	(void)state;
	assert_true(fd >= 0);
	for (i = 0; i < 40; i++)
		child[i] = spawn(wait_here, s, NULL);
	for (round = 1; round <= 2; round++) {
		assert_int_equal(procdir_rewind(fd), 0);
		while ((n = procdir_next(fd, pids)) > 0) {
			assert_true(n <= PROCDIR_SLICE);
			for (i = 0; i < n; i++)
				for (k = 0; k < 40; k++)
					times[k] += pids[i] == child[k];
		}
		assert_int_equal(n, 0);
		for (k = 0; k < 40; k++)
			assert_int_equal(times[k], round);
	}
	for (i = 0; i < 40; i++)
		finish(child[i]);
	close(fd);
	shared_free(s);
}

static void test_pidset(void **state)
{
	struct pidset set = {0};
	const struct pidset_item *item;
	uint32_t at = 0, n = 0;
	pid_t pid;

	(void)state;
	assert_null(pidset_find(&set, 5));
	for (pid = 1; pid <= PIDSET_MAX; pid++)
		assert_int_equal(pidset_add(&set, 3 * pid, (uint64_t)pid), 1);
	assert_int_equal(pidset_add(&set, 1, 1), -ENOSPC);
	assert_int_equal(pidset_add(&set, 3, 1), 0);
	assert_int_equal(pidset_add(&set, 3, 2), 1);
	assert_int_equal(pidset_find(&set, 3)->start, 2);
	assert_null(pidset_find(&set, 4));
	while ((item = pidset_next(&set, &at)) != NULL) {
		assert_int_equal(item->pid % 3, 0);
		n++;
	}
	assert_int_equal(n, PIDSET_MAX);
	pidset_fini(&set);
	assert_null(pidset_find(&set, 3));
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_stat_of_self),
		cmocka_unit_test(test_stat_of_odd_name),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_terminal_number),
		cmocka_unit_test(test_audit_session),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_boot_id),
		cmocka_unit_test(test_first_thread_gone_is_not_dead),
		cmocka_unit_test(test_list_has_everybody_once),
		cmocka_unit_test(test_pidset),
	};

	return cmocka_run_group_tests_name("proc", all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
