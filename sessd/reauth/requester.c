#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/pidfd.h"
#include "sessd/reauth/requester.h"

/*
 * Where the kernel has no SO_PEERPIDFD, the number of one who is gone may have been given to
 * another: sessd then finds that one's session, and his uid is compared with what the socket said.
 */
static int open_peer(int fd, pid_t pid)
{
	int pidfd = pidfd_of_peer(fd);

	return pidfd == -ENOPROTOOPT ? pidfd_open_pid(pid) : pidfd;
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
	return !pidfd_is_dead(r->pidfd);
}
