#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "sessd/cgroup_walk.h"

static bool path_is_plain(const char *path)
{
	const char *part, *end;

	if (path[0] != '/' || path[1] == '\0')
		return false;
	for (part = path + 1;; part = end + 1) {
		end = strchrnul(part, '/');
		if (end == part || (part[0] == '.' && (end == part + 1 ||
							      (part[1] == '.' && end == part + 2))))
			return false;
		if (*end == '\0')
			return true;
	}
}

/* cgroupfs has no symbolic links; O_NOFOLLOW holds on to that. */
int cgroup_open(int root_fd, const char *path)
{
	int fd;

	if (!path_is_plain(path))
		return -EINVAL;
	fd = openat(root_fd, path + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_open_file(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int cgroup_children(int dir_fd, int (*fn)(void *ctx, int dir_fd, const char *name), void *ctx)
{
	int fd = cgroup_open_file(dir_fd, ".", O_RDONLY | O_DIRECTORY), r = 0;
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0)
			r = fn(ctx, dir_fd, entry->d_name);
	}
	closedir(dir);
	return r;
}

struct walk {
	cgroup_pid_fn *fn;
	void *ctx;
	int depth;
	bool stop;
};

/* A number may begin in one read and end in the next: *pid carries it over. */
static void walk_text(struct walk *w, const char *text, size_t len, uint32_t *pid)
{
	size_t i;

	for (i = 0; i < len && !w->stop; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			*pid = *pid * 10 + (uint32_t)(text[i] - '0');
			continue;
		}
		/* 0: a process outside our pid namespace */
		if (*pid > 0)
			w->stop = !w->fn(w->ctx, (pid_t)*pid);
		*pid = 0;
	}
}

static int walk_procs(struct walk *w, int dir_fd)
{
	int fd = cgroup_open_file(dir_fd, "cgroup.procs", O_RDONLY), r = 0;
	char buf[4096];
	uint32_t pid = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while (!w->stop && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			break;
		}
		walk_text(w, buf, (size_t)n, &pid);
	}
	close(fd);
	/* a threaded cgroup: its processes are listed further up */
	return r == -EOPNOTSUPP ? 0 : r;
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

static int walk_dir(void *ctx, int parent_fd, const char *name)
{
	struct walk *w = ctx;
	int fd, r;

	if (w->stop || w->depth > CGROUP_DEPTH)
		return 0;
	fd = cgroup_open_file(parent_fd, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return is_gone(fd) ? 0 : fd;
	w->depth++;
	r = walk_procs(w, fd);
	if (r == 0)
		r = cgroup_children(fd, walk_dir, w);
	w->depth--;
	close(fd);
	return is_gone(r) ? 0 : r;
}

int cgroup_walk(int dir_fd, cgroup_pid_fn *fn, void *ctx)
{
	struct walk w = {.fn = fn, .ctx = ctx};

	return walk_dir(&w, dir_fd, ".");
}

static int remove_child(void *ctx, int parent_fd, const char *name)
{
	int *depth = ctx, fd, r;

	if (*depth > CGROUP_DEPTH)
		return -ELOOP;
	fd = cgroup_open_file(parent_fd, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return is_gone(fd) ? 0 : fd;
	++*depth;
	r = cgroup_children(fd, remove_child, depth);
	--*depth;
	close(fd);
	if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return is_gone(r) ? 0 : r;
}

int cgroup_remove_below(int dir_fd)
{
	int depth = 0;

	return cgroup_children(dir_fd, remove_child, &depth);
}
