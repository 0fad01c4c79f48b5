#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/client.h"
#include "tests/bench/swarm.h"

#define TURN 64

struct conn {
	int fd;
	uint32_t serial;
	uint64_t asked_at;
};

struct swarm {
	int epoll_fd;
	size_t n;
	struct conn *conns;
	/* of the run under way */
	const struct swarm_work *work;
	size_t asked, answered;
	struct wire_frame frame; /* an answer that was not expected */
	uint8_t buf[WIRE_MAX];
};

static void conn_open(struct swarm *s, struct conn *conn, const char *path)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = conn};
	struct client *client = malloc(sizeof(*client));
	enum client_status status;

	if (client == NULL)
		err(1, "memory");
	status = client_open(client, path, "bench", UINT64_MAX);
	if (status != CLIENT_OK)
		errx(1, "%s: %s", path, client_status_words(status));
	*conn = (struct conn){.fd = client->fd, .serial = client->serial};
	free(client);
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, conn->fd, &ev) < 0)
		err(1, "epoll_ctl");
}

struct swarm *swarm_new(const char *path, size_t clients)
{
	struct swarm *s = calloc(1, sizeof(*s));
	size_t i;

	if (s == NULL)
		err(1, "memory");
	s->conns = calloc(clients, sizeof(struct conn));
	if (s->conns == NULL)
		err(1, "memory for %zu clients", clients);
	s->n = clients;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		err(1, "epoll_create1");
	for (i = 0; i < clients; i++)
		conn_open(s, &s->conns[i], path);
	return s;
}

void swarm_free(struct swarm *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		close(s->conns[i].fd);
	close(s->epoll_fd);
	free(s->conns);
	free(s);
}

/* The next request, if one is left. */
static void ask(struct swarm *s, struct conn *conn)
{
	const struct swarm_work *work = s->work;
	size_t len;
	int r;

	if (s->asked == work->count)
		return;
	r = wire_encode(work->type, ++conn->serial, work->request(work->ctx, s->asked++), s->buf,
		sizeof(s->buf), &len);
	if (r < 0)
		errx(1, "a request cannot be encoded: %d", r);
	conn->asked_at = now_ns();
	/* never full: what was asked before has been answered */
	if (send(conn->fd, s->buf, len, MSG_NOSIGNAL) < 0)
		err(1, "send");
}

static void unexpected(struct swarm *s, size_t len)
{
	if (wire_decode(s->buf, len, &s->frame) < 0)
		errx(1, "a malformed answer");
	if (s->frame.type == WIRE_error)
		errx(1, "sessd: %s", s->frame.u.error.text);
	if (s->frame.type == WIRE_refused)
		errx(1, "refused: %s", s->frame.u.refused.text);
	errx(1, "an answer of type %d", (int)s->frame.type);
}

/* What has come, until the answer is complete; then the next request. Only the head of a packet
 * (wire.h) is looked at: what this side spends is not what is measured. */
static void take(struct swarm *s, struct conn *conn)
{
	const struct swarm_work *work = s->work;
	ssize_t n;

	do {
		n = recv(conn->fd, s->buf, sizeof(s->buf), 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < WIRE_HEADER)
			errx(1, "sessd hung up");
		if (s->buf[1] == WIRE_error || s->buf[1] == WIRE_refused)
			unexpected(s, (size_t)n);
	} while (s->buf[1] != work->last);
	if (work->samples != NULL)
		samples_add(work->samples, now_ns() - conn->asked_at);
	s->answered++;
	ask(s, conn);
}

uint64_t swarm_run(struct swarm *s, const struct swarm_work *work)
{
	struct epoll_event ev[TURN];
	uint64_t start = now_ns();
	size_t i;
	int n, k;

	s->work = work;
	s->asked = 0;
	s->answered = 0;
	for (i = 0; i < s->n; i++)
		ask(s, &s->conns[i]);
	while (s->answered < work->count) {
		n = epoll_wait(s->epoll_fd, ev, TURN, -1);
		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (k = 0; k < n; k++)
			take(s, ev[k].data.ptr);
	}
	return now_ns() - start;
}
