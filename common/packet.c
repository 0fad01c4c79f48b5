#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/packet.h"

static pid_t sender_of(struct msghdr *msg)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct ucred sender;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS ||
		c->cmsg_len != CMSG_LEN(sizeof(sender)))
		return 0;
	memcpy(&sender, CMSG_DATA(c), sizeof(sender));
	return sender.pid;
}

ssize_t packet_recv(int fd, uint8_t *buf, size_t size, pid_t *ret_sender)
{
	/* room for the sender alone */
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, MSG_TRUNC | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	*ret_sender = n > 0 ? sender_of(&msg) : 0;
	return n;
}
