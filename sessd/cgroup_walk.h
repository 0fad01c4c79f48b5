/*
 * Walks a cgroup (v2) and those below it, by descriptors; what is removed meanwhile counts as gone.
 */
#ifndef SESSD_CGROUP_WALK_H
#define SESSD_CGROUP_WALK_H

#include <stdbool.h>
#include <sys/types.h>

/* Levels below the first that are looked at: more than sessd makes and than logind does. */
#define CGROUP_DEPTH 64

/* `path` (from `/`) below root_fd: a directory's descriptor, or -errno; -EINVAL for one with `..`.
 */
int cgroup_open(int root_fd, const char *path);

/* Opens a control file of the cgroup dir_fd, or -errno. */
int cgroup_open_file(int dir_fd, const char *name, int flags);

/* Calls fn for each pid in dir_fd and below, until it says false. 0 or -errno. Pids of processes
 * that this pid namespace does not see are left out. */
typedef bool cgroup_pid_fn(void *ctx, pid_t pid);
int cgroup_walk(int dir_fd, cgroup_pid_fn *fn, void *ctx);

/* Calls fn for the name of each cgroup directly in dir_fd. */
int cgroup_children(int dir_fd, int (*fn)(void *ctx, int dir_fd, const char *name), void *ctx);

/* Removes the cgroups below dir_fd, the deepest first. -EBUSY while somebody is in one. */
int cgroup_remove_below(int dir_fd);

#endif
