#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/duration.h"
#include "common/packet.h"
#include "common/timestamp.h"
#include "sessd/reauth/channel.h"

int channel_init(struct channel *ch, int fd, pid_t peer, uint64_t deadline)
{
	int on = 1;

	ch->fd = fd;
	ch->peer = peer;
	ch->deadline = deadline;
	/* that of a hello, as clients count */
	ch->serial = 1;
	/* each packet then names its sender */
	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* Of a poll(2), which cannot be told of more than some days. */
#define STEP_MAX (60 * NS_PER_SEC)

static int wait_for(const struct channel *ch, short events)
{
	struct pollfd p = {.fd = ch->fd, .events = events};
	uint64_t now, left;
	int n;

	for (;;) {
		now = clock_boot();
		if (now >= ch->deadline)
			return -ETIMEDOUT;
		left = ch->deadline - now;
		n = poll(&p, 1, (int)((left < STEP_MAX ? left : STEP_MAX) / NS_PER_MS) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static ssize_t read_packet(struct channel *ch)
{
	pid_t sender;
	ssize_t n = packet_recv(ch->fd, ch->buf, sizeof(ch->buf), &sender);

	if (n <= 0)
		return n == -EAGAIN ? n : -EPIPE;
	return sender == ch->peer ? n : -EPROTO;
}

int channel_recv(struct channel *ch, enum wire_type type)
{
	ssize_t n;
	int r;

	do {
		r = wait_for(ch, POLLIN);
		if (r < 0)
			return r;
		n = read_packet(ch);
	} while (n == -EAGAIN);
	if (n < 0)
		return (int)n;
	if (wire_decode(ch->buf, (size_t)n, &ch->frame) < 0)
		return -EPROTO;
	ch->serial = ch->frame.serial;
	return ch->frame.type == type ? 0 : -EPROTO;
}

int channel_send(struct channel *ch, enum wire_type type, const void *msg)
{
	uint8_t buf[WIRE_MAX];
	size_t len;
	int r;

	r = wire_encode(type, ch->serial, msg, buf, sizeof(buf), &len);
	if (r < 0)
		return r;
	while (send(ch->fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			return -EPIPE;
		r = wait_for(ch, POLLOUT);
		if (r < 0)
			return r;
	}
	return 0;
}

void channel_error(struct channel *ch, enum wire_errno code, const char *text)
{
	struct wire_error msg = {.code = code};

	snprintf(msg.text, sizeof(msg.text), "%s", text ? text : wire_error_words(code));
	(void)channel_send(ch, WIRE_error, &msg);
}

void channel_wipe(struct channel *ch)
{
	explicit_bzero(ch->buf, sizeof(ch->buf));
	explicit_bzero(&ch->frame, sizeof(ch->frame));
}
