/*
 * The list of processes in /proc, in slices, so that a reader of many thousands can do other things
 * in between. The kernel goes on after the last pid it gave, whatever came and went meanwhile: a
 * process that lives through the whole reading is given exactly once.
 */
#ifndef SESSD_PROCDIR_H
#define SESSD_PROCDIR_H

#include <sys/types.h>

#define PROCDIR_SLICE 256 /* pids at the most in one slice */

/* A descriptor at the beginning of the list, or -errno. The caller closes it. */
int procdir_open(void);

/* Back to the beginning. */
int procdir_rewind(int fd);

/* The next slice: how many pids, 0 at the end, or -errno. */
int procdir_next(int fd, pid_t ret[PROCDIR_SLICE]);

#endif
