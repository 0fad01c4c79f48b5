#include <errno.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/pidfd.h"

/* Linux 6.5; glibc 2.36 does not know it */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int pidfd_open_pid(pid_t pid)
{
	int fd;

	if (pid <= 0)
		return -ESRCH;
	fd = pidfd_open(pid, 0); /* always close-on-exec */
	return fd < 0 ? -errno : fd;
}

int pidfd_of_peer(int fd)
{
	int pidfd = -1;
	socklen_t len = sizeof(pidfd);

	return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0 ? -errno : pidfd;
}

int pidfd_try_peer(void)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	r = pidfd_of_peer(pair[0]);
	close(pair[0]);
	close(pair[1]);
	if (r < 0)
		return r;
	close(r);
	return 0;
}

int pidfd_signal(int pidfd, int sig)
{
	return pidfd_send_signal(pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

bool pidfd_is_dead(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}
