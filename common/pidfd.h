/* Processes by descriptor: what the number of one cannot promise, that it is still the same. */
#ifndef COMMON_PIDFD_H
#define COMMON_PIDFD_H

#include <stdbool.h>
#include <sys/types.h>

int pidfd_open_pid(pid_t pid); /* CLOEXEC descriptor or -errno */
/* The same of who connected this Unix socket; he may have ended. -ENOPROTOOPT: the kernel cannot
 * say (before Linux 6.5). */
int pidfd_of_peer(int fd);
/* Can it? 0 or -errno. */
int pidfd_try_peer(void);

int pidfd_signal(int pidfd, int sig); /* sig 0 asks whether it lives; 0 or -errno */

/*
 * True when every thread of the process has ended, though its parent may not have collected it yet.
 * Not the same as state Z, which a process shows too whose first thread alone has ended.
 */
bool pidfd_is_dead(int pidfd);

#endif
