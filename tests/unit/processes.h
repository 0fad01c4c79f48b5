/*
 * Real processes for the tests of what watches and ends them.
 *
 * processes_main() runs the tests in a child that lives in a cgroup (v2) and a cgroup namespace of
 * its own, whose root the tests see as `/`. When it is done, whatever way, every process that it
 * left behind is killed with that cgroup, and the cgroup is removed. Where there is no cgroup2
 * mount, or it may not be written, own_root_fd is -1 and tests that need it skip.
 *
 * Where it may, the child has a pid namespace and a /proc of its own, too: what a test ends by its
 * audit session or login uid is then never anybody else's.
 */
#ifndef TESTS_UNIT_PROCESSES_H
#define TESTS_UNIT_PROCESSES_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/timestamp.h"
#include "sessd/cgroup.h"
#include "sessd/cgroup_walk.h"
#include "sessd/proc.h"
#include "sessd/procdir.h"

#define PATIENCE_NS UINT64_C(30000000000) /* of a test, for what must come */

static int own_root_fd = -1;

#define need(condition, reason)                              \
	do {                                                 \
		if (!(condition)) {                          \
			print_message("skip: %s\n", reason); \
			skip();                              \
		}                                            \
	} while (0)

/* Waits until the condition holds; fails the test where it never does. */
#define await(condition)                                         \
	do {                                                     \
		uint64_t await_end = clock_boot() + PATIENCE_NS; \
		while (!(condition) && clock_boot() < await_end) \
			poll(NULL, 0, 1);                        \
		assert_true(condition);                          \
	} while (0)

static inline int write_text(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		r = -errno;
	close(fd);
	return r;
}

/* Memory that a test shares with the processes it makes. */
struct shared {
	atomic_int ready;
	atomic_int termed;
	atomic_int go;
	atomic_int pid[16];
};

static inline struct shared *shared_new(void)
{
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(s != MAP_FAILED);
	return s;
}

static inline void shared_free(struct shared *s)
{
	munmap(s, sizeof(*s));
}

/* Gives the calling process an audit session of its own, or PROC_NO_AUDIT. */
static inline uint32_t audit_session_new(void)
{
	uint32_t before = PROC_NO_AUDIT, now = PROC_NO_AUDIT;

	proc_audit_session(getpid(), &before);
	if (write_text(AT_FDCWD, "/proc/self/loginuid", "0") < 0)
		return PROC_NO_AUDIT;
	proc_audit_session(getpid(), &now);
	return now == before ? PROC_NO_AUDIT : now;
}

typedef void process_fn(struct shared *shared);

/* A child that runs fn and exits; in an audit session of its own where ret_audit is not NULL. */
static inline pid_t spawn(process_fn *fn, struct shared *shared, uint32_t *ret_audit)
{
	uint32_t audit = PROC_NO_AUDIT;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (ret_audit != NULL)
			audit = audit_session_new();
		if (write(fds[1], &audit, sizeof(audit)) != sizeof(audit))
			_exit(1);
		close(fds[0]);
		close(fds[1]);
		fn(shared);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &audit, sizeof(audit)), sizeof(audit));
	close(fds[0]);
	if (ret_audit != NULL)
		*ret_audit = audit;
	return pid;
}

/* Kills a child that is left, and collects it. */
static inline void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static inline bool is_dead(pid_t pid)
{
	int fd = pidfd_open_pid(pid);
	bool dead = fd == -ESRCH;

	if (fd >= 0) {
		dead = pidfd_is_dead(fd);
		close(fd);
	}
	return dead;
}

/* Processes of an audit session that have not ended. */
static inline int audit_count(uint32_t audit)
{
	pid_t pids[PROCDIR_SLICE];
	int fd = procdir_open(), count = 0, n, i;
	uint32_t theirs;

	assert_true(fd >= 0);
	while ((n = procdir_next(fd, pids)) > 0) {
		for (i = 0; i < n; i++)
			count += proc_audit_session(pids[i], &theirs) == 0 && theirs == audit &&
				 !is_dead(pids[i]);
	}
	assert_int_equal(n, 0);
	close(fd);
	return count;
}

static inline bool audit_works(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(audit_session_new() == PROC_NO_AUDIT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#define NEED_AUDIT()  need(audit_works(), "no audit session can be made here")
#define NEED_CGROUP() need(own_root_fd >= 0, "no cgroup2 can be written here")

/* The cgroups as a daemon in the tests' own cgroup namespace would find them. */
static inline struct cgroups own_cgroups(void)
{
	return (struct cgroups){.root_fd = own_root_fd, .make = true};
}

/* Collects whatever ends, until this one does; its exit code. */
static inline int orphans_collect(pid_t pid)
{
	int status;
	pid_t done;

	do
		done = waitpid(-1, &status, 0);
	while (done != pid && (done >= 0 || errno == EINTR));
	return done == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Process 1 of the new namespace does nothing but collect orphans. */
static inline int namespace_main(int (*tests)(void))
{
	pid_t first, pid;

	first = fork();
	if (first != 0)
		return orphans_collect(first);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		_exit(1);
	pid = fork();
	if (pid == 0)
		exit(tests());
	_exit(orphans_collect(pid));
}

static inline void child_main(int (*tests)(void), const char *name, int mount_fd)
{
	if (mount_fd >= 0) {
		own_root_fd = openat(mount_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(mount_fd);
	}
	if (own_root_fd >= 0 && (write_text(own_root_fd, "cgroup.procs", "0") < 0 ||
					unshare(CLONE_NEWCGROUP) < 0)) {
		close(own_root_fd);
		own_root_fd = -1;
	}
	if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
		exit(tests());
	/* no exit(): it can make no process any more, and the leak sanitizer wants one */
	_exit(namespace_main(tests));
}

static inline void remove_own(int mount_fd, const char *name)
{
	uint64_t end = clock_boot() + PATIENCE_NS;
	int fd = openat(mount_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	write_text(fd, "cgroup.kill", "1");
	while ((cgroup_remove_below(fd) < 0 || unlinkat(mount_fd, name, AT_REMOVEDIR) < 0) &&
		clock_boot() < end)
		poll(NULL, 0, 1);
	close(fd);
}

static inline int processes_main(int (*tests)(void))
{
	struct cgroups cg;
	char name[64];
	int code;
	pid_t pid;

	cgroups_init(&cg);
	snprintf(name, sizeof(name), "sessd-unit-%d", (int)getpid());
	if (cg.root_fd >= 0 && mkdirat(cg.root_fd, name, 0755) < 0)
		cgroups_fini(&cg);
	/* orphans of the tests come to us, not to whatever pid 1 is here */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child_main(tests, name, cg.root_fd);
	code = orphans_collect(pid);
	if (cg.root_fd >= 0)
		remove_own(cg.root_fd, name);
	cgroups_fini(&cg);
	return code;
}

#endif
