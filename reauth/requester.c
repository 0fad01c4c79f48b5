#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reauth/requester.h"

/* Linux 6.5; glibc 2.36 does not know it */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/*
 * Where the kernel has no SO_PEERPIDFD, the number of one who is gone may have been given to
 * another: sessd then finds that one's session, and his uid is compared with what the socket said.
 */
static int open_peer(int fd, pid_t pid)
{
	int pidfd = -1;
	socklen_t len = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
		return pidfd;
	if (errno != ENOPROTOOPT)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pidfd < 0 ? -errno : pidfd;
}

int requester_init(struct requester *r, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	r->pidfd = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (cred.pid <= 0)
		return -ESRCH;
	r->pid = cred.pid;
	r->uid = cred.uid;
	r->pidfd = open_peer(fd, cred.pid);
	if (r->pidfd < 0)
		return r->pidfd;
	return requester_lives(r) ? 0 : -ESRCH;
}

void requester_fini(struct requester *r)
{
	if (r->pidfd >= 0)
		close(r->pidfd);
	r->pidfd = -1;
}

bool requester_lives(const struct requester *r)
{
	struct pollfd p = {.fd = r->pidfd, .events = POLLIN};

	/* readable from its end on, collected or not */
	return poll(&p, 1, 0) == 0;
}
