/* One connection: packets in and out, and when it is closed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/packet.h"
#include "common/timestamp.h"
#include "common/version.h"
#include "sessd/log.h"
#include "sessd/peer_state.h"

/* Bytes that wait until the peer reads: the outcomes of a revocation of 100,000 sessions may come
 * at once. A plain user can make wait no more than there is to say of his own sessions. */
#define QUEUE_BYTES   ((size_t)16 << 20)
#define HELLO_TIMEOUT (2 * NS_PER_SEC)

const struct caller *peer_caller(const struct peer *peer)
{
	return &peer->caller;
}

enum wire_use peer_use(const struct peer *peer)
{
	return peer->listener->use;
}

void peer_keep(struct peer *p, void *kept, void (*done)(void *kept, const struct caller *caller))
{
	p->kept = kept;
	p->kept_done = done;
}

void *peer_kept(const struct peer *p)
{
	return p->kept;
}

static void unlink_peer(struct peer *p)
{
	TAILQ_REMOVE(&p->listener->peers_by_age, p, link);
	p->listener->n--;
}

static void link_newest(struct peer *p)
{
	TAILQ_INSERT_TAIL(&p->listener->peers_by_age, p, link);
	p->listener->n++;
}

void peer_close(struct peer *p)
{
	struct peers *peers = p->listener->peers;
	struct packet *packet;

	if (p->gone != NULL)
		p->gone(p->gone_ctx);
	if (p->kept_done != NULL)
		p->kept_done(p->kept, &p->caller);
	unlink_peer(p);
	loop_io_remove(peers->o.loop, &p->io);
	loop_timer_cancel(peers->o.loop, &p->timeout);
	charge_release(&peers->charges, p->charge);
	while ((packet = STAILQ_FIRST(&p->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->queue, link);
		free(packet);
	}
	close(p->caller.pidfd);
	close(p->fd);
	free(p);
}

/* The timer is not moved with each request: when due, it looks how long the peer was quiet. */
static void timed_out(void *ctx)
{
	struct peer *p = ctx;
	uint64_t now = clock_boot(), at = p->busy ? now + PEER_IDLE_TIMEOUT : p->quiet_until;

	if (p->broken || now >= at ||
		loop_timer_set(p->listener->peers->o.loop, &p->timeout, at, timed_out, p) < 0)
		peer_close(p);
}

/* It may ask: nothing is under way for it, and it has read what it was answered. So what waits for
 * a peer is never more than one answer. */
static bool may_ask(const struct peer *p)
{
	return !p->busy && STAILQ_EMPTY(&p->queue);
}

/*
 * Reads on only while the peer may ask; writes while something waits. Most peers wait for their
 * answer before they ask again: for them, what epoll watches stays as it is.
 */
static void watch_peer(struct peer *p)
{
	uint32_t events = EPOLLRDHUP | (STAILQ_EMPTY(&p->queue) ? 0 : EPOLLOUT);

	if (!p->busy)
		p->quiet_until = clock_boot() + (p->greeted ? PEER_IDLE_TIMEOUT : HELLO_TIMEOUT);
	if (may_ask(p))
		events |= EPOLLIN;
	else if (!p->early)
		events |= p->events & EPOLLIN;
	if (events == p->events)
		return;
	if (loop_io_change(p->listener->peers->o.loop, &p->io, events) < 0)
		p->broken = true;
	p->events = events;
}

/* False: it has to wait, or the peer is broken. */
static bool send_now(struct peer *p, const uint8_t *data, size_t len)
{
	if (send(p->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return true;
	if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
		p->broken = true;
	return false;
}

static void flush(struct peer *p)
{
	struct packet *packet;

	while ((packet = STAILQ_FIRST(&p->queue)) != NULL) {
		if (!send_now(p, packet->data, packet->len))
			return;
		STAILQ_REMOVE_HEAD(&p->queue, link);
		p->queued -= sizeof(*packet) + packet->len;
		free(packet);
	}
}

static void enqueue(struct peer *p, const uint8_t *data, size_t len)
{
	size_t size = sizeof(struct packet) + len;
	struct packet *packet = p->queued + size <= QUEUE_BYTES ? malloc(size) : NULL;

	if (packet == NULL) {
		p->broken = true;
		return;
	}
	packet->len = len;
	memcpy(packet->data, data, len);
	STAILQ_INSERT_TAIL(&p->queue, packet, link);
	p->queued += size;
}

/* After something was done for a peer from outside its own event. */
static void settle(struct peer *p)
{
	if (p->handling)
		return;
	if (!p->broken)
		watch_peer(p);
	if (p->broken)
		peer_close(p);
}

/*
 * After a packet was put into the queue outside the peer's own event: sends the rest of it when the
 * peer can take it. A broken one is closed in a moment, not under the feet of who sends to it.
 */
static void attend(struct peer *p, bool waited)
{
	if (p->handling)
		return;
	if (!p->broken && !waited && !STAILQ_EMPTY(&p->queue))
		watch_peer(p);
	if (p->broken && loop_timer_set(p->listener->peers->o.loop, &p->timeout, clock_boot(),
				 timed_out, p) < 0)
		log_warning("out of memory: process %d is disconnected late", (int)p->caller.pid);
}

void peer_send(struct peer *p, enum wire_type type, uint32_t serial, const void *msg)
{
	bool waited = !STAILQ_EMPTY(&p->queue);
	uint8_t buf[WIRE_MAX];
	size_t len;
	int r;

	if (p->broken)
		return;
	r = wire_encode(type, serial, msg, buf, sizeof(buf), &len);
	if (r < 0) {
		log_error("answer %d to process %d cannot be encoded: %s", (int)type,
			(int)p->caller.pid, strerror(-r));
		p->broken = true;
	} else {
		/* what waits goes first */
		flush(p);
		if (!STAILQ_EMPTY(&p->queue) || !send_now(p, buf, len))
			enqueue(p, buf, len);
	}
	attend(p, waited);
}

void peer_busy(struct peer *p, void (*gone)(void *ctx), void *ctx)
{
	p->busy = true;
	p->gone = gone;
	p->gone_ctx = ctx;
}

void peer_idle(struct peer *p)
{
	p->busy = false;
	p->early = false;
	p->gone = NULL;
	settle(p);
}

static void send_error(struct peer *p, uint32_t serial, enum wire_errno code, const char *text)
{
	struct wire_error msg = {.code = code};

	snprintf(msg.text, sizeof(msg.text), "%s", text ? text : wire_error_words(code));
	peer_send(p, WIRE_error, serial, &msg);
}

static void greet(struct peer *p, const struct wire_frame *frame)
{
	const struct wire_hello *hello = &frame->u.hello;
	struct wire_welcome welcome = {
		.version = WIRE_VERSION_MAX, .program = "sessd " SESSD_VERSION};
	char text[512];

	if (hello->version_min > WIRE_VERSION_MAX || hello->version_max < WIRE_VERSION_MIN) {
		snprintf(text, sizeof(text),
			"%.100s speaks protocol versions %llu to %llu, %s speaks %d to %d: %s is "
			"too old",
			hello->program, (unsigned long long)hello->version_min,
			(unsigned long long)hello->version_max, welcome.program, WIRE_VERSION_MIN,
			WIRE_VERSION_MAX,
			hello->version_min > WIRE_VERSION_MAX ? "sessd" : "the former");
		log_warning("%s", text);
		send_error(p, frame->serial, WIRE_E_VERSION, text);
		p->broken = true;
		return;
	}
	if (hello->version_max < WIRE_VERSION_MAX)
		welcome.version = hello->version_max;
	p->greeted = true;
	peer_send(p, WIRE_welcome, frame->serial, &welcome);
}

static void refuse_frame(struct peer *p, uint32_t serial, enum wire_errno code, const char *what)
{
	p->listener->peers->o.metrics->malformed++;
	log_info("process %d (uid %u): %s", (int)p->caller.pid, (unsigned)p->caller.uid, what);
	send_error(p, serial, code, what);
	p->broken = true;
}

static void handle_packet(struct peer *p, size_t len)
{
	struct peers *peers = p->listener->peers;
	struct wire_frame *frame = &peers->frame;
	const struct wire_info *info;
	int r;

	r = wire_decode(peers->buf, len, frame);
	if (r < 0) {
		refuse_frame(p, len < WIRE_HEADER || len > WIRE_MAX ? 0 : frame->serial,
			r == -EPROTONOSUPPORT ? WIRE_E_VERSION : WIRE_E_PROTOCOL,
			r == -EPROTONOSUPPORT ? "a message of another protocol version"
					      : "a malformed message");
		return;
	}
	info = wire_info(frame->type);
	if (!(info->use & p->listener->use) || (frame->type == WIRE_hello) == p->greeted) {
		refuse_frame(p, frame->serial, WIRE_E_PROTOCOL, "a message that is out of order");
		return;
	}
	if (frame->type == WIRE_hello) {
		greet(p, frame);
		return;
	}
	if (!charge_request(p->charge, clock_boot())) {
		send_error(p, frame->serial, WIRE_E_LIMIT, "too many requests; wait a moment");
		return;
	}
	/* somebody else writes on its connection: what the kernel said of it is nobody's now */
	if (pidfd_is_dead(p->caller.pidfd)) {
		p->broken = true;
		return;
	}
	unlink_peer(p);
	link_newest(p);
	peers->o.message(peers->o.ctx, p, frame);
}

static void read_packet(struct peer *p)
{
	struct peers *peers = p->listener->peers;
	pid_t sender;
	ssize_t n = packet_recv(p->fd, peers->buf, sizeof(peers->buf), &sender);

	if (n > 0 && sender != p->caller.pid)
		refuse_frame(
			p, 0, WIRE_E_NOT_PERMITTED, "another process speaks on its connection");
	else if (n > 0)
		handle_packet(p, (size_t)n);
	else if (n != -EAGAIN)
		p->broken = true;
}

static void peer_ready(void *ctx, uint32_t events)
{
	struct peer *p = ctx;

	p->handling = true;
	if (events & EPOLLOUT)
		flush(p);
	if ((events & EPOLLIN) && !may_ask(p))
		p->early = true;
	if ((events & EPOLLIN) && may_ask(p))
		read_packet(p);
	else if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		p->broken = true;
	p->handling = false;
	settle(p);
}

int peer_new(struct listener *l, int fd, const struct caller *caller, struct charge *charge)
{
	struct peers *peers = l->peers;
	struct peer *p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return -ENOMEM;
	p->listener = l;
	p->fd = fd;
	STAILQ_INIT(&p->queue);
	p->events = EPOLLIN | EPOLLRDHUP;
	p->quiet_until = clock_boot() + HELLO_TIMEOUT;
	r = loop_io_add(peers->o.loop, &p->io, fd, p->events, peer_ready, p);
	if (r == 0)
		r = loop_timer_set(peers->o.loop, &p->timeout, p->quiet_until, timed_out, p);
	if (r < 0) {
		loop_io_remove(peers->o.loop, &p->io);
		free(p);
		return r;
	}
	p->charge = charge;
	p->caller = *caller;
	link_newest(p);
	/* its hello is there already, as a rule: so who is silent is so by his own choice */
	peer_ready(p, EPOLLIN);
	return 0;
}
