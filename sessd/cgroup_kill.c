/*
 * Who is in a cgroup, and their end. Neither pid 1 nor sessd itself is ever ended, nor waited for,
 * not even where somebody moved them into a session's cgroup or started sessd in one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sessd/cgroup.h"
#include "sessd/cgroup_walk.h"

#define COUNT_MAX 65536
/* Without cgroup.kill: how often to begin again because new processes came up meanwhile. */
#define KILL_ROUNDS 16

static bool spared(pid_t pid)
{
	return pid <= 1 || pid == getpid();
}

static bool is_within(const char *path, const char *inner)
{
	size_t len = strlen(path);

	return strncmp(path, inner, len) == 0 && (inner[len] == '\0' || inner[len] == '/');
}

bool cgroup_holds(const char *path, pid_t pid)
{
	char inner[PROC_CGROUP];
	int r = proc_cgroup(pid, inner, sizeof(inner));

	/* so deep a cgroup that its name does not fit might be below */
	return r == -ENAMETOOLONG || (r == 0 && is_within(path, inner));
}

static bool holds_spared(const char *path)
{
	return cgroup_holds(path, getpid()) || cgroup_holds(path, 1);
}

/* `populated 1` in cgroup.events says that a process, not counting zombies, is in it or below. */
static int read_populated(int dir_fd, bool *ret)
{
	int fd = cgroup_open_file(dir_fd, "cgroup.events", O_RDONLY);
	char buf[256];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	buf[n] = '\0';
	*ret = strstr(buf, "populated 0") == NULL;
	return 0;
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

/* Opens it; *ret_fd is -1 and the answer 0 where it is gone. */
static int open_own(struct cgroups *cg, const char *path, int *ret_fd)
{
	int fd = cg->root_fd < 0 ? -ENOENT : cgroup_open(cg->root_fd, path);

	if (fd < 0 && !is_gone(fd))
		return fd;
	*ret_fd = fd < 0 ? -1 : fd;
	return 0;
}

struct each {
	void (*fn)(void *ctx, pid_t pid);
	void *ctx;
};

static bool visit_each(void *ctx, pid_t pid)
{
	const struct each *each = ctx;

	if (!spared(pid))
		each->fn(each->ctx, pid);
	return true;
}

int cgroup_each(struct cgroups *cg, const char *path, void (*fn)(void *ctx, pid_t pid), void *ctx)
{
	struct each each = {.fn = fn, .ctx = ctx};
	int fd, r = open_own(cg, path, &fd);

	if (r < 0 || fd < 0)
		return r;
	r = cgroup_walk(fd, visit_each, &each);
	close(fd);
	return r;
}

static bool visit_count(void *ctx, pid_t pid)
{
	int *count = ctx;

	*count += !spared(pid);
	return *count < COUNT_MAX;
}

int cgroup_count(struct cgroups *cg, const char *path)
{
	int count = 0, fd, r = open_own(cg, path, &fd);

	if (r < 0 || fd < 0)
		return r;
	r = cgroup_walk(fd, visit_count, &count);
	close(fd);
	return r < 0 ? r : count;
}

static bool visit_any(void *ctx, pid_t pid)
{
	bool *any = ctx;

	*any = *any || !spared(pid);
	return !*any;
}

bool cgroup_is_empty(struct cgroups *cg, const char *path)
{
	bool populated = true, any = false;
	int fd, r = open_own(cg, path, &fd);

	if (r < 0)
		return false;
	if (fd < 0)
		return true;
	r = read_populated(fd, &populated);
	if (r == 0 && populated && holds_spared(path)) {
		r = cgroup_walk(fd, visit_any, &any);
		populated = any;
	}
	close(fd);
	return is_gone(r) || (r == 0 && !populated);
}

struct kill {
	const char *path;
	int killed;
};

static bool visit_kill(void *ctx, pid_t pid)
{
	struct kill *k = ctx;
	int fd = spared(pid) ? -ESRCH : pidfd_open_pid(pid);

	if (fd < 0)
		return true;
	/* asked again now that the descriptor holds on to who has the number */
	if (!pidfd_is_dead(fd) && cgroup_holds(k->path, pid) && pidfd_signal(fd, SIGKILL) == 0)
		k->killed++;
	close(fd);
	return true;
}

/* One by one, where cgroup.kill must not or cannot be used. Those that are still dying after the
 * last round are no business of this function. */
static int kill_each(int dir_fd, const char *path)
{
	struct kill k = {.path = path};
	int round, r = 0;

	for (round = 0; round < KILL_ROUNDS && r == 0; round++) {
		k.killed = 0;
		r = cgroup_walk(dir_fd, visit_kill, &k);
		if (k.killed == 0)
			break;
	}
	return is_gone(r) ? 0 : r;
}

int cgroup_kill(struct cgroups *cg, const char *path)
{
	int dir, fd, r = open_own(cg, path, &dir);

	if (r < 0 || dir < 0)
		return r;
	fd = holds_spared(path) ? -EPERM : cgroup_open_file(dir, "cgroup.kill", O_WRONLY);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			r = -errno;
		close(fd);
	}
	/* the file is not there before Linux 5.14, and a threaded cgroup refuses */
	if (fd < 0 || r < 0)
		r = is_gone(r) ? 0 : kill_each(dir, path);
	close(dir);
	return r;
}
