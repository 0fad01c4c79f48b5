/*
 * Who is at the other end of a socket, by the kernel's word alone.
 */
#ifndef SESSD_IDENTITY_H
#define SESSD_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "sessd/core.h"

/*
 * Fills in *ret; ret->pidfd is then the caller's to close. Without SO_PEERPIDFD the pid of
 * SO_PEERCRED is opened between two looks at its start time. -ESRCH: the process that connected is
 * gone (or is in a pid namespace that cannot be seen from here).
 */
int identity_of_peer(int fd, bool use_peerpidfd, gid_t admin_gid, struct caller *ret);

/*
 * The same of a process that another one names, by its real uid; it is no administrator here.
 * Whoever named it knows by a pidfd that the number was still its own afterwards.
 */
int identity_of_pid(pid_t pid, struct caller *ret);

#endif
