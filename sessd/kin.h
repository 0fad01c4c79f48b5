/*
 * Who descends from a process: found by ppid, from the top down, in readings of /proc, until one
 * has found nobody new. The members are pids with their start times, the first of them the process
 * itself. What had left the tree before (a double fork) is not found.
 */
#ifndef SESSD_KIN_H
#define SESSD_KIN_H

#include "sessd/pidset.h"
#include "sessd/proc.h"

enum kin {
	KIN_NONE,
	KIN_KNOWN, /* a member from before */
	KIN_NEW,   /* a child of a member: it is one now */
	KIN_LOST,  /* the same, but out of memory: it is not remembered */
};

/* A reading came by this process. */
enum kin kin_meet(struct pidset *members, pid_t pid, const struct proc_stat *stat);

#endif
