#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/client.h"
#include "common/duration.h"
#include "common/timestamp.h"

/* A full backlog answers EAGAIN and cannot be polled for: ask again so often. */
#define BACKLOG_RETRY_MS 10

const char *client_status_words(enum client_status status)
{
	switch (status) {
	case CLIENT_OK:
		return "done";
	case CLIENT_DOWN:
		return "sessd is not running";
	case CLIENT_TIMEOUT:
		return "sessd does not answer";
	case CLIENT_HOSTILE:
		return "what answers on the socket is not sessd";
	case CLIENT_FORBIDDEN:
		return "permission to use the socket was denied";
	case CLIENT_VERSION:
		return "no common protocol version";
	case CLIENT_INVALID:
		return "the request holds text that cannot be sent";
	}
	return "unknown";
}

/* Milliseconds until the deadline, rounded up; 0 when it has passed, -1 when there is none. */
static int time_left(const struct client *c)
{
	uint64_t now, left;

	if (c->deadline == UINT64_MAX)
		return -1;
	now = clock_boot();
	if (now >= c->deadline)
		return 0;
	left = (c->deadline - now + NS_PER_MS - 1) / NS_PER_MS;
	return left > 3600000 ? 3600000 : (int)left;
}

/* Waits until the descriptor is ready for `events`. */
static enum client_status wait_for(struct client *c, short events)
{
	struct pollfd p = {.fd = c->fd, .events = events};
	int left, n;

	for (;;) {
		left = time_left(c);
		n = poll(&p, 1, left);
		if (n > 0)
			return CLIENT_OK;
		if (n < 0 && errno != EINTR)
			return CLIENT_DOWN;
		if (left == 0)
			return CLIENT_TIMEOUT;
	}
}

static enum client_status connect_to(struct client *c, const struct sockaddr_un *addr)
{
	int left;

	while (connect(c->fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		switch (errno) {
		case EINTR:
			break;
		case EAGAIN:
			left = time_left(c);
			if (left == 0)
				return CLIENT_TIMEOUT;
			poll(NULL, 0,
				left < 0 || left > BACKLOG_RETRY_MS ? BACKLOG_RETRY_MS : left);
			break;
		case EACCES:
		case EPERM:
			return CLIENT_FORBIDDEN;
		default:
			return CLIENT_DOWN;
		}
	}
	return CLIENT_OK;
}

static enum client_status check_peer(const struct client *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return CLIENT_DOWN;
	return cred.uid == 0 ? CLIENT_OK : CLIENT_HOSTILE;
}

static enum client_status say_hello(struct client *c, const char *program)
{
	struct wire_hello hello = {
		.version_min = WIRE_VERSION_MIN, .version_max = WIRE_VERSION_MAX};
	const struct wire_frame *frame = &c->frame;
	enum client_status status;

	snprintf(hello.program, sizeof(hello.program), "%s", program);
	status = client_send(c, WIRE_hello, &hello);
	if (status == CLIENT_OK)
		status = client_recv(c, c->buf, &c->frame);
	if (status != CLIENT_OK)
		return status;
	if (frame->type == WIRE_welcome && frame->u.welcome.version >= WIRE_VERSION_MIN &&
		frame->u.welcome.version <= WIRE_VERSION_MAX)
		return CLIENT_OK;
	if (frame->type != WIRE_error)
		return CLIENT_HOSTILE;
	snprintf(c->text, sizeof(c->text), "%s", frame->u.error.text);
	return frame->u.error.code == WIRE_E_VERSION ? CLIENT_VERSION : CLIENT_DOWN;
}

enum client_status client_open(
	struct client *c, const char *path, const char *program, uint64_t deadline)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	enum client_status status;

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->deadline = deadline;
	if (strlen(path) >= sizeof(addr.sun_path))
		return CLIENT_DOWN;
	memcpy(addr.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return CLIENT_DOWN;
	status = connect_to(c, &addr);
	if (status == CLIENT_OK)
		status = check_peer(c);
	if (status == CLIENT_OK)
		status = say_hello(c, program);
	if (status != CLIENT_OK)
		client_close(c);
	return status;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	/* a request may have held a token */
	explicit_bzero(c->buf, sizeof(c->buf));
}

enum client_status client_send(struct client *c, enum wire_type type, const void *msg)
{
	enum client_status status;
	size_t len;

	if (wire_encode(type, ++c->serial, msg, c->buf, sizeof(c->buf), &len) < 0)
		return CLIENT_INVALID;
	while (send(c->fd, c->buf, len, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return CLIENT_DOWN;
		status = wait_for(c, POLLOUT);
		if (status != CLIENT_OK)
			return status;
	}
	return CLIENT_OK;
}

enum client_status client_recv(struct client *c, uint8_t *buf, struct wire_frame *ret)
{
	enum client_status status;
	ssize_t n;

	for (;;) {
		/* first the wait, so that a flood of answers cannot outlast the deadline */
		status = wait_for(c, POLLIN);
		if (status != CLIENT_OK)
			return status;
		n = recv(c->fd, buf, WIRE_MAX, MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return CLIENT_DOWN;
		if (wire_decode(buf, (size_t)n, ret) < 0 || ret->serial != c->serial)
			return CLIENT_HOSTILE;
		return CLIENT_OK;
	}
}
