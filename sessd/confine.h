/*
 * What sessd takes from itself once it has begun, beyond what the service manager took: nobody may
 * look into its memory, in which tokens pass, and by Landlock (landlock(7), where the kernel has
 * it) it writes only where it has something to write, executes nothing and speaks no TCP. It holds
 * also where no unit confines it. What it reads is not limited: that is /proc, and the files that
 * the C library reads to know users and groups.
 */
#ifndef SESSD_CONFINE_H
#define SESSD_CONFINE_H

/* Folders; NULL: there is none. What is not there when sessd starts is not allowed later either. */
struct confine_options {
	const char *runtime_dir, *state_dir;
	const char *logs_dir; /* of the live mirror, */
	const char *mirror;   /* and its file, wherever that is */
	int cgroup_fd;	      /* the root of the cgroups; -1: there is none */
};

/*
 * For the thread that calls and all that it starts from then on: so before it has started any. That
 * cannot be taken back. Returns the version of Landlock, or 0 where the kernel has none; -errno
 * where it has, and refused: then nothing is confined, and that is for the log alone.
 */
int confine(const struct confine_options *o);

#endif
