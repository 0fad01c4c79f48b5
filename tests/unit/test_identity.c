/* Over real sockets, with real processes at the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sessd/config.h"
#include "sessd/identity.h"

#define STRANGER 54321
#define GROUP	 54322

/* With SO_PEERPIDFD where the kernel has it, and as on one that has not. */
struct way {
	bool peerpidfd;
};
static struct way old_way = {false}, new_way = {true};

/* A peer: a child that is connected to us. */
struct peer {
	pid_t pid;
	int fd;	  /* our end */
	int hold; /* closing it lets the child go */
};

static struct sockaddr_un address;
static int listener = -1;

/* The kernel picks an abstract name: there is nothing to remove. */
static int listen_anywhere(void **state)
{
	socklen_t len = sizeof(address);

	(void)state;
	address.sun_family = AF_UNIX;
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(listener, 10), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	/* zeros at the end would be part of an abstract name */
	assert_true(len < sizeof(address));
	address.sun_path[sizeof(address.sun_path) - 1] = (char)len;
	return 0;
}

static int close_listener(void **state)
{
	(void)state;
	return close(listener);
}

static int connect_there(void)
{
	struct sockaddr_un to = address;
	socklen_t len = (socklen_t)to.sun_path[sizeof(to.sun_path) - 1];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, len) < 0)
		_exit(2);
	return fd;
}

/* A child connects, after it has become another user where uid is not 0, and waits. */
static struct peer peer_start(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups)
{
	struct peer p;
	int fds[2];
	char byte;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (p.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[1]);
		if (uid != 0 && (setgroups(n_groups, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
					setresuid(uid, uid, uid) < 0))
			_exit(1);
		connect_there();
		_exit(read(fds[0], &byte, 1) != 0);
	}
	close(fds[0]);
	p.hold = fds[1];
	p.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p.fd >= 0);
	return p;
}

static void peer_stop(struct peer *p)
{
	int status;

	close(p->hold);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
}

/* Which way the test is run; it is skipped where the kernel has not got it. */
static bool peerpidfd(void **state)
{
	const struct way *way = *state;

	if (way->peerpidfd && pidfd_try_peer() < 0)
		skip();
	return way->peerpidfd;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void child(void **state)
{
	bool way = peerpidfd(state);
	struct peer p = peer_start(0, 0, NULL, 0);
	struct pollfd poll_fd = {.events = POLLIN};
	struct proc_stat st;
	struct caller c;

	assert_int_equal(identity_of_peer(p.fd, way, CONFIG_NO_GID, &c), 0);
	assert_int_equal(c.pid, p.pid);
	assert_int_equal(c.uid, geteuid());
	assert_int_equal(c.admin, geteuid() == 0);
	assert_int_equal(proc_stat(p.pid, &st), 0);
	assert_int_equal(c.start, st.start);
	/* the pidfd is the process's, is not handed on to programs, and tells of its end */
	assert_true(fcntl(c.pidfd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(pidfd_signal(c.pidfd, 0), 0);
	poll_fd.fd = c.pidfd;
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	peer_stop(&p);
	assert_int_equal(poll(&poll_fd, 1, 0), 1);
	assert_int_equal(pidfd_signal(c.pidfd, 0), -ESRCH);
	close(c.pidfd);
	close(p.fd);
}

static void own_process(void **state)
{
	bool way = peerpidfd(state);
	uint32_t audit;
	struct caller c;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(identity_of_peer(pair[0], way, CONFIG_NO_GID, &c), 0);
	assert_int_equal(c.pid, getpid());
	assert_int_equal(proc_audit_session(getpid(), &audit), 0);
	assert_int_equal(c.audit_session, audit);
	close(c.pidfd);
	close(pair[0]);
	close(pair[1]);
}

/* What is gone is no caller, and nothing is left open or half filled in. */
static void exited(void **state)
{
	bool way = peerpidfd(state);
	struct peer p = peer_start(0, 0, NULL, 0);
	struct caller c, untouched;
	int before, after;

	peer_stop(&p);
	memset(&c, 0x5a, sizeof(c));
	untouched = c;
	before = dup(0);
	close(before);
	assert_int_equal(identity_of_peer(p.fd, way, CONFIG_NO_GID, &c), -ESRCH);
	assert_memory_equal(&c, &untouched, sizeof(c));
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	close(p.fd);
}

/* Another process has the number of the one that connected: only SO_PEERPIDFD can tell. */
static void number_reused(void **state)
{
	struct peer p;
	struct clone_args args = {.exit_signal = SIGCHLD, .set_tid_size = 1};
	struct caller c;
	pid_t pid, set;
	int r;

	(void)peerpidfd(state);
	need_root();
	p = peer_start(0, 0, NULL, 0);
	peer_stop(&p);
	set = p.pid;
	args.set_tid = (uintptr_t)&set;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	if (pid < 0) {
		print_message("a number cannot be given to a process here: %s\n", strerror(errno));
		close(p.fd);
		skip();
	}
	assert_int_equal(pid, p.pid);
	r = identity_of_peer(p.fd, true, CONFIG_NO_GID, &c);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(r, -ESRCH);
	close(p.fd);
}

/* One that another process names: by its real user, and never an administrator. */
static void by_number(void **state)
{
	struct peer p;
	struct proc_stat st;
	uint32_t audit;
	struct caller c, untouched;

	(void)state;
	need_root();
	p = peer_start(STRANGER, GROUP, NULL, 0);
	assert_int_equal(identity_of_pid(p.pid, &c), 0);
	assert_int_equal(proc_stat(p.pid, &st), 0);
	assert_int_equal(proc_audit_session(p.pid, &audit), 0);
	assert_int_equal(c.pid, p.pid);
	assert_int_equal(c.uid, STRANGER);
	assert_int_equal(c.start, st.start);
	assert_int_equal(c.audit_session, audit);
	assert_false(c.admin);
	assert_int_equal(pidfd_signal(c.pidfd, 0), 0);
	close(c.pidfd);
	assert_int_equal(identity_of_pid(getpid(), &c), 0);
	assert_false(c.admin);
	close(c.pidfd);
	peer_stop(&p);
	close(p.fd);
	memset(&c, 0x5a, sizeof(c));
	untouched = c;
	assert_int_equal(identity_of_pid(p.pid, &c), -ESRCH);
	assert_int_equal(identity_of_pid(0, &c), -ESRCH);
	assert_int_equal(identity_of_pid(-1, &c), -ESRCH);
	assert_memory_equal(&c, &untouched, sizeof(c));
}

/* A peer outside our pid namespace has no number here. */
static void other_namespace(void **state)
{
	bool way = peerpidfd(state);
	struct caller c;
	int pair[2], status;
	pid_t pid;

	need_root();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(77);
		pid = fork();
		if (pid == 0)
			_exit(identity_of_peer(pair[0], way, CONFIG_NO_GID, &c) != -ESRCH);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			_exit(77);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(pair[0]);
	close(pair[1]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void not_a_peer(void **state)
{
	bool way = peerpidfd(state);
	struct caller c;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(identity_of_peer(fds[0], way, CONFIG_NO_GID, &c), -ENOTSOCK);
	close(fds[0]);
	assert_int_equal(identity_of_peer(fds[0], way, CONFIG_NO_GID, &c), -EBADF);
	close(fds[1]);
}

/* Who is an administrator, by the groups that the peer had when he connected. */
static void groups(void **state)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		size_t n_groups; /* the last of which is GROUP, where it is in */
		bool in;
		gid_t admin_gid;
		bool admin;
	} rows[] = {
		{STRANGER, STRANGER, 0, false, GROUP, false},
		{STRANGER, STRANGER, 1, true, GROUP, true},
		{STRANGER, STRANGER, 1, false, GROUP, false},
		{STRANGER, STRANGER, 64, true, GROUP, true},
		/* more than are read at the first go */
		{STRANGER, STRANGER, 65, true, GROUP, true},
		{STRANGER, STRANGER, 1000, true, GROUP, true},
		{STRANGER, STRANGER, 1000, false, GROUP, false},
		{STRANGER, GROUP, 0, false, GROUP, true},
		{STRANGER, STRANGER, 1, true, CONFIG_NO_GID, false},
		{0, 0, 0, false, CONFIG_NO_GID, true},
		{0, 0, 0, false, GROUP, true},
	};
	bool way = peerpidfd(state);
	gid_t list[1000];
	struct caller c;
	struct peer p;
	size_t i, j;

	need_root();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (j = 0; j < rows[i].n_groups; j++)
			list[j] = 10000 + (gid_t)j;
		if (rows[i].in)
			list[rows[i].n_groups - 1] = GROUP;
		p = peer_start(rows[i].uid, rows[i].gid, list, rows[i].n_groups);
		assert_int_equal(identity_of_peer(p.fd, way, rows[i].admin_gid, &c), 0);
		assert_int_equal(c.uid, rows[i].uid);
		if (c.admin != rows[i].admin)
			fail_msg("row %zu: administrator: %d", i, c.admin);
		close(c.pidfd);
		peer_stop(&p);
		close(p.fd);
	}
}

int main(void)
{
	/* clang-format off */
#define BOTH_WAYS(test) \
	{#test ", by number", test, NULL, NULL, &old_way}, \
	{#test ", by SO_PEERPIDFD", test, NULL, NULL, &new_way}
	/* clang-format on */
	const struct CMUnitTest tests[] = {
		BOTH_WAYS(child),
		BOTH_WAYS(own_process),
		BOTH_WAYS(exited),
		BOTH_WAYS(other_namespace),
		BOTH_WAYS(not_a_peer),
		BOTH_WAYS(groups),
		{"by_number", by_number, NULL, NULL, NULL},
		{"number_reused", number_reused, NULL, NULL, &new_way},
	};

	return cmocka_run_group_tests(tests, listen_anywhere, close_listener);
}
