#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/version.h"
#include "fleet/link.h"

struct ask {
	STAILQ_ENTRY(ask) link;
	link_fn *fn;
	void *ctx;
	size_t len;
	uint8_t packet[];
};

void link_init(struct link *l, const char *path)
{
	*l = (struct link){.path = path, .fd = -1};
	STAILQ_INIT(&l->asks);
}

static void hang_up(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->greeted = l->asked = false;
}

void link_fini(struct link *l)
{
	struct ask *ask;

	hang_up(l);
	while ((ask = STAILQ_FIRST(&l->asks)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->asks, link);
		free(ask);
	}
	l->n_asks = 0;
}

static struct ask *take_first(struct link *l)
{
	struct ask *ask = STAILQ_FIRST(&l->asks);

	if (ask != NULL) {
		STAILQ_REMOVE_HEAD(&l->asks, link);
		l->n_asks--;
	}
	return ask;
}

/* All who wait are told; what they ask then is asked anew. */
static void broken(struct link *l, const char *why)
{
	struct ask_list asks = STAILQ_HEAD_INITIALIZER(asks);
	struct ask *ask;

	log_debug("sessd's %s: %s", l->path, why);
	hang_up(l);
	STAILQ_CONCAT(&asks, &l->asks);
	l->n_asks = 0;
	while ((ask = STAILQ_FIRST(&asks)) != NULL) {
		STAILQ_REMOVE_HEAD(&asks, link);
		if (ask->fn != NULL)
			ask->fn(ask->ctx, NULL);
		free(ask);
	}
}

static int put(struct link *l, const uint8_t *packet, size_t len)
{
	return send(l->fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0 : -errno;
}

/* Of the conversation only one request is under way, so there is always room for it. */
static int put_next(struct link *l)
{
	struct ask *ask = STAILQ_FIRST(&l->asks);

	if (!l->greeted || l->asked || ask == NULL)
		return 0;
	l->asked = true;
	l->serial++;
	/* the serial's place in the header: see wire.h */
	ask->packet[4] = (uint8_t)(l->serial >> 24);
	ask->packet[5] = (uint8_t)(l->serial >> 16);
	ask->packet[6] = (uint8_t)(l->serial >> 8);
	ask->packet[7] = (uint8_t)l->serial;
	return put(l, ask->packet, ask->len);
}

static int say_hello(struct link *l)
{
	struct wire_hello hello = {.version_min = WIRE_VERSION_MIN,
		.version_max = WIRE_VERSION_MAX,
		.program = "sessd-fleet " SESSD_VERSION};
	uint8_t buf[1024];
	size_t len;
	int r = wire_encode(WIRE_hello, ++l->serial, &hello, buf, sizeof(buf), &len);

	return r < 0 ? r : put(l, buf, len);
}

static int dial(struct link *l)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int r;

	if (strlen(l->path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, l->path, strlen(l->path));
	l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	if (connect(l->fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		getsockopt(l->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		r = -errno;
	else
		r = cred.uid == 0 ? say_hello(l) : -EPERM;
	if (r < 0)
		hang_up(l);
	return r;
}

int link_ask(struct link *l, enum wire_type type, const void *msg, link_fn *fn, void *ctx)
{
	uint8_t buf[WIRE_MAX];
	struct ask *ask;
	size_t len;
	int r = wire_encode(type, 0, msg, buf, sizeof(buf), &len);

	if (r < 0 || l->n_asks >= LINK_QUEUE_MAX)
		return r < 0 ? r : -ENOBUFS;
	if (l->fd < 0) {
		r = dial(l);
		if (r < 0)
			return r;
	}
	ask = malloc(sizeof(*ask) + len);
	if (ask == NULL)
		return -ENOMEM;
	*ask = (struct ask){.fn = fn, .ctx = ctx, .len = len};
	memcpy(ask->packet, buf, len);
	STAILQ_INSERT_TAIL(&l->asks, ask, link);
	l->n_asks++;
	/* a failure is seen as the end of the connection */
	(void)put_next(l);
	return 0;
}

bool link_idle(const struct link *l)
{
	return STAILQ_EMPTY(&l->asks);
}

/* NULL, or what is wrong with it. */
static const char *take_answer(struct link *l, const struct wire_frame *frame)
{
	struct ask *ask;
	link_fn *fn;
	void *ctx;

	if (!l->greeted) {
		if (frame->type == WIRE_error)
			return frame->u.error.text;
		l->greeted = frame->type == WIRE_welcome;
		return l->greeted && put_next(l) < 0 ? "it cannot be asked" : NULL;
	}
	ask = STAILQ_FIRST(&l->asks);
	if (ask == NULL || !l->asked || frame->serial != l->serial)
		return "an answer that nobody asked for";
	fn = ask->fn;
	ctx = ask->ctx;
	if (frame->type == WIRE_done || frame->type == WIRE_error) {
		free(take_first(l));
		l->asked = false;
	}
	if (fn != NULL)
		fn(ctx, frame);
	return l->fd >= 0 && put_next(l) < 0 ? "it cannot be asked" : NULL;
}

void link_ready(struct link *l)
{
	uint8_t buf[WIRE_MAX];
	struct wire_frame frame;
	const char *wrong = NULL;
	int turns = 64;
	ssize_t n;

	while (l->fd >= 0 && wrong == NULL && turns-- > 0) {
		n = recv(l->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			wrong = "the connection has ended";
		else if (wire_decode(buf, (size_t)n, &frame) < 0)
			wrong = "a malformed message";
		else
			wrong = take_answer(l, &frame);
	}
	if (wrong != NULL)
		broken(l, wrong);
}
