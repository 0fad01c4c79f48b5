/* What a process that has confined itself can do, and what not: each in a child, as it cannot be
 * taken back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sessd/confine.h"

static char top[] = "/tmp/sessd-confine.XXXXXX";

static const char *const folders[] = {"run", "state", "logs", "mirror", "cgroup", "other"};

static int version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static int setup(void **state)
{
	size_t i;

	(void)state;
	if (mkdtemp(top) == NULL || chdir(top) < 0)
		return -1;
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (mkdir(folders[i], 0700) < 0)
			return -1;
	return close(open("other/file", O_WRONLY | O_CREAT, 0600)) |
	       close(open("cgroup/cgroup.kill", O_WRONLY | O_CREAT, 0600));
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command) | chdir("/");
}

/* errno of what it does when it is confined; 0: it can. */
static int errno_of(int (*fn)(void))
{
	const struct confine_options o = {.runtime_dir = "run",
		.state_dir = "state",
		.logs_dir = "logs",
		.mirror = "mirror/events.jsonl",
		.cgroup_fd = open("cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (confine(&o) != version())
			_exit(255);
		errno = 0;
		_exit(fn() < 0 ? errno : 0);
	}
	close(o.cgroup_fd);
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 || ftruncate(fd, 1) < 0 || close(fd) < 0 ? -1 : 0;
}

/* As the spool, the locks and the ledger do. */
static int make_rename_remove(const char *dir)
{
	char a[64], b[64];

	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	return make(a) < 0 || rename(a, b) < 0 || unlink(b) < 0 ? -1 : 0;
}

static int in_run(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "run/socket"};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (mkdir("run/pending", 0700) < 0 || make_rename_remove("run/pending") < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || unlink("run/socket") < 0)
		return -1;
	return make_rename_remove("run");
}

static int in_state(void)
{
	return make_rename_remove("state");
}

static int in_logs(void)
{
	return make("logs/events.jsonl");
}

static int in_mirror(void)
{
	return make("mirror/events.jsonl");
}

static int in_cgroup(void)
{
	int fd = open("cgroup/cgroup.kill", O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, "1", 1) != 1 || mkdir("cgroup/sub", 0755) < 0 ||
			       rmdir("cgroup/sub") < 0
		       ? -1
		       : 0;
}

static int to_terminal(void)
{
	return open("/dev/null", O_WRONLY | O_NOCTTY | O_CLOEXEC);
}

static int reading(void)
{
	char c;
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &c, 1) != 1)
		return -1;
	return open("other", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_it_can_do_its_work(void **state)
{
	(void)state;
	assert_int_equal(0, errno_of(in_run));
	assert_int_equal(0, errno_of(in_state));
	assert_int_equal(0, errno_of(in_logs));
	assert_int_equal(0, errno_of(in_mirror));
	assert_int_equal(0, errno_of(in_cgroup));
	assert_int_equal(0, errno_of(to_terminal));
	assert_int_equal(0, errno_of(reading));
}

static int write_elsewhere(void)
{
	return open("other/file", O_WRONLY | O_CLOEXEC);
}

static int truncate_elsewhere(void)
{
	return truncate("other/file", 0);
}

static int make_elsewhere(void)
{
	return open("other/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int remove_elsewhere(void)
{
	return unlink("other/file");
}

static int move_elsewhere(void)
{
	return make("state/a") < 0 ? 0 : rename("state/a", "other/a");
}

static int folder_in_state(void)
{
	return mkdir("state/sub", 0700);
}

static int node_in_dev(void)
{
	return open("/dev/sessd-confine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int remove_from_logs(void)
{
	return make("logs/old") < 0 ? 0 : unlink("logs/old");
}

static int run_something(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static void *write_in_thread(void *ret)
{
	*(int *)ret = write_elsewhere() < 0 ? errno : 0;
	return NULL;
}

static int write_from_thread(void)
{
	int r = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, write_in_thread, &r) != 0)
		return 0;
	pthread_join(thread, NULL);
	errno = r;
	return r != 0 ? -1 : 0;
}

static void test_it_can_do_nothing_else(void **state)
{
	(void)state;
	if (version() <= 0)
		skip();
	assert_int_equal(EACCES, errno_of(write_elsewhere));
	assert_int_equal(EACCES, errno_of(write_from_thread));
	assert_int_equal(EACCES, errno_of(make_elsewhere));
	assert_int_equal(EACCES, errno_of(remove_elsewhere));
	assert_int_equal(EACCES, errno_of(move_elsewhere));
	assert_int_equal(EACCES, errno_of(folder_in_state));
	assert_int_equal(EACCES, errno_of(node_in_dev));
	assert_int_equal(EACCES, errno_of(remove_from_logs));
	assert_int_equal(EACCES, errno_of(run_something));
	if (version() >= 3)
		assert_int_equal(EACCES, errno_of(truncate_elsewhere));
}

static int connect_tcp(void)
{
	const struct sockaddr_in addr = {.sin_family = AF_INET,
		.sin_port = htons(1),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return connect(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		(const struct sockaddr *)&addr, sizeof(addr));
}

static int bind_tcp(void)
{
	const struct sockaddr_in addr = {.sin_family = AF_INET,
		.sin_port = htons(40001),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return bind(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (const struct sockaddr *)&addr,
		sizeof(addr));
}

static void test_it_speaks_no_tcp(void **state)
{
	(void)state;
	if (version() < 4)
		skip();
	assert_int_equal(EACCES, errno_of(connect_tcp));
	assert_int_equal(EACCES, errno_of(bind_tcp));
}

static int is_dumpable(void)
{
	errno = EBUSY;
	return prctl(PR_GET_DUMPABLE) != 0 ? -1 : 0;
}

static int has_new_privileges(void)
{
	errno = EBUSY;
	return version() > 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ? -1 : 0;
}

static void test_nobody_looks_into_it(void **state)
{
	(void)state;
	assert_int_equal(0, errno_of(is_dumpable));
	assert_int_equal(0, errno_of(has_new_privileges));
}

/* A folder that is not there when it starts, or is none, is no reason not to be confined. */
static void test_what_is_missing_is_passed_over(void **state)
{
	const struct confine_options o = {.runtime_dir = "run",
		.state_dir = "missing",
		.logs_dir = "other/file",
		.mirror = "other/file/events.jsonl",
		.cgroup_fd = -1};
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(confine(&o) == version() && make_rename_remove("run") == 0 &&
					(version() <= 0 || make("other/new") < 0)
				? 0
				: 1);
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_int_equal(0, status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_can_do_its_work),
		cmocka_unit_test(test_it_can_do_nothing_else),
		cmocka_unit_test(test_it_speaks_no_tcp),
		cmocka_unit_test(test_nobody_looks_into_it),
		cmocka_unit_test(test_what_is_missing_is_passed_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
