/*
 * Cgroups (v2) that are a session's own: the one that logind made for it, or one that sessd makes
 * on a host without systemd, under `sessd/` in the root of the hierarchy. Paths are as
 * /proc/PID/cgroup gives them, from `/`.
 */
#ifndef SESSD_CGROUP_H
#define SESSD_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/sid.h"
#include "sessd/proc.h"

struct cgroups {
	int root_fd; /* the cgroup2 mount; -1: there is none, and nothing here works */
	bool make;   /* no systemd runs here: sessd makes the cgroups itself */
};

/* Finds the cgroup2 mount (/proc/self/mountinfo). Never fails: without one, root_fd is -1. */
void cgroups_init(struct cgroups *cg);
void cgroups_fini(struct cgroups *cg);

/*
 * Makes the session's own cgroup and moves its leader there; below `parent` (a path that an earlier
 * call gave) for an elevation, so that the parent's kill takes it too. -EOPNOTSUPP where cg->make
 * is false or there is no cgroup2.
 */
int cgroup_make(struct cgroups *cg, const struct sid *sid, const char *parent, pid_t leader,
	char ret_path[PROC_CGROUP]);

/*
 * Finds a cgroup that is the session's alone: of a leader that lives by /proc, else by logind's
 * naming (user.slice/user-UID.slice/session-ASID.scope). Only a cgroup named session-*.scope or
 * made by sessd qualifies: never one that others share. -ENOENT: it has none. Not for an elevation:
 * its leader is in the cgroup of its parent.
 */
int cgroup_find(struct cgroups *cg, pid_t leader, uid_t uid, uint32_t audit_session,
	char ret_path[PROC_CGROUP]);

/*
 * Ends every process in it and below, at once. 0 also where it is gone already. In this and in the
 * three that follow, pid 1 and sessd itself are not touched, counted or waited for.
 */
int cgroup_kill(struct cgroups *cg, const char *path);

/* How many processes are in it and below (0 when it is gone), or -errno. Bounded: stops counting at
 * 65536. */
int cgroup_count(struct cgroups *cg, const char *path);

/* Calls fn for each pid in it and below. */
int cgroup_each(struct cgroups *cg, const char *path, void (*fn)(void *ctx, pid_t pid), void *ctx);

/* True when no process is in it or below, or it is gone. */
bool cgroup_is_empty(struct cgroups *cg, const char *path);

/* Is the process in it or below? True too for one that is in a cgroup so deep that its name cannot
 * be read whole. */
bool cgroup_holds(const char *path, pid_t pid);

/* Removes one that sessd made, and empty ones below it. -EBUSY while somebody is in it. */
int cgroup_remove(struct cgroups *cg, const char *path);

/* Calls fn for each cgroup under `sessd/` (top level), for the clean-up after a restart. */
int cgroup_each_made(struct cgroups *cg, void (*fn)(void *ctx, const char *path), void *ctx);

#endif
