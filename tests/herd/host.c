#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "tests/herd/herd.h"

static struct wire_frame frame;
static uint8_t packet[WIRE_MAX];

static void sample(const char *what, uint64_t since, const char *how)
{
	printf("%s %llu%s%s\n", what, (unsigned long long)(clock_boot() - since), *how ? " " : "",
		how);
}

static void watch(struct herd *herd, int fd, void *data)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

	if (epoll_ctl(herd->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll");
}

void host_listen(struct herd *herd, struct host *h)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t i;

	for (i = 0; i < CONNS_MAX; i++)
		h->conns[i] = (struct conn){.host = h, .fd = -1};
	TAILQ_INIT(&h->stays);
	TAILQ_INIT(&h->queue);
	if (mkdir(h->dir, 0700) < 0 || strlen(h->socket) >= sizeof(addr.sun_path))
		die(h->dir);
	memcpy(addr.sun_path, h->socket, strlen(h->socket));
	h->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (h->listener < 0 ||
		bind(h->listener, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		listen(h->listener, CONNS_MAX) < 0)
		die(h->socket);
	watch(herd, h->listener, h);
}

void host_accept(struct herd *herd, struct host *h)
{
	int fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
	size_t i;

	for (i = 0; i < CONNS_MAX && h->conns[i].fd >= 0; i++)
		;
	if (fd < 0 || i == CONNS_MAX)
		die("a connection");
	h->conns[i].fd = fd;
	watch(herd, fd, &h->conns[i]);
}

/* Where the agent has gone, nobody misses it. */
static void say(const struct conn *c, uint32_t serial, enum wire_type type, const void *msg)
{
	static uint8_t buf[WIRE_MAX];
	size_t len;

	if (wire_encode(type, serial, msg, buf, sizeof(buf), &len) < 0)
		die("encode an answer");
	if (send(c->fd, buf, len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		die("send");
}

static void done(const struct conn *c, uint32_t serial)
{
	static const struct wire_done msg;

	say(c, serial, WIRE_done, &msg);
}

/* --- What is told --- */

static void tell_stay(struct host *h, struct stay *s)
{
	struct wire_member member = {
		.sid = s->sid, .uid = s->uid, .seeks = s->seeks, .opened_at = 1, .service = "sshd"};
	struct wire_cap cap = {.sid = s->sid, .policy = "all", .max = h->cap};
	struct wire_left left = {.sid = s->sid};

	if (s->left) {
		say(h->attending, h->attend_serial, WIRE_left, &left);
		TAILQ_REMOVE(&h->stays, s, link);
		free(s);
		return;
	}
	snprintf(member.user, sizeof(member.user), "%s", s->user);
	say(h->attending, h->attend_serial, WIRE_cap, &cap);
	say(h->attending, h->attend_serial, WIRE_member, &member);
}

/* Answers the agent, if it has asked and there is something. */
static void tell(struct host *h)
{
	struct stay *s;

	if (h->attending == NULL || (TAILQ_EMPTY(&h->queue) && h->errand == NULL))
		return;
	while ((s = TAILQ_FIRST(&h->queue)) != NULL) {
		TAILQ_REMOVE(&h->queue, s, queued);
		s->waits_in_queue = false;
		tell_stay(h, s);
	}
	if (h->errand != NULL)
		say(h->attending, h->attend_serial, WIRE_errand, h->errand);
	free(h->errand);
	h->errand = NULL;
	done(h->attending, h->attend_serial);
	h->attending = NULL;
}

static void enqueue(struct host *h, struct stay *s)
{
	if (!s->waits_in_queue)
		TAILQ_INSERT_TAIL(&h->queue, s, queued);
	s->waits_in_queue = true;
	tell(h);
}

static void attend(struct conn *c, const struct wire_attend *msg)
{
	static const struct wire_table begin, complete = {.complete = true};
	struct host *h = c->host;
	struct stay *s;

	h->attending = c;
	h->attend_serial = frame.serial;
	if (!msg->fresh) {
		tell(h);
		return;
	}
	say(c, frame.serial, WIRE_table, &begin);
	TAILQ_FOREACH (s, &h->stays, link)
		if (!s->left)
			tell_stay(h, s);
	say(c, frame.serial, WIRE_table, &complete);
	done(c, frame.serial);
	h->attending = NULL;
}

/* --- What is heard --- */

static struct stay *find(struct host *h, const struct sid *sid)
{
	struct stay *s;

	TAILQ_FOREACH (s, &h->stays, link)
		if (sid_equal(&s->sid, sid))
			return s;
	return NULL;
}

static void placed(struct herd *herd, struct host *h, const struct wire_placed *msg)
{
	struct stay *s = find(h, &msg->sid);

	if (s == NULL || !s->seeks)
		return;
	s->seeks = false;
	herd->tally.placed++;
	sample("login", s->asked_at,
		msg->granted	   ? "granted"
		: msg->unreachable ? "unreachable"
				   : "refused");
	if (!msg->granted)
		host_logout(h, s);
}

static void standing(struct herd *herd, struct host *h, const struct wire_standing *msg)
{
	if (!msg->joined || h->joined_at != 0)
		return;
	h->joined_at = clock_boot();
	herd->tally.joined++;
	sample("join", h->begun_at, "");
}

/* Its text says when it was ordered: all of the machine's processes have one clock. */
static void locked(struct herd *herd, struct host *h, const struct wire_lock *msg)
{
	h->lock = (struct wire_locked){
		.id = msg->id, .fleet = true, .set_at = 1, .version = msg->version};
	memcpy(h->lock.kind, msg->kind, sizeof(h->lock.kind));
	memcpy(h->lock.name, msg->name, sizeof(h->lock.name));
	memcpy(h->lock.text, msg->text, sizeof(h->lock.text));
	herd->tally.locked++;
	sample("lock", strtoull(msg->text, NULL, 10), "");
}

static void answer(struct herd *herd, struct conn *c)
{
	static const struct wire_welcome welcome = {.version = WIRE_VERSION_MAX, .program = "herd"};
	struct host *h = c->host;

	switch (frame.type) {
	case WIRE_hello:
		say(c, frame.serial, WIRE_welcome, &welcome);
		return;
	case WIRE_attend:
		attend(c, &frame.u.attend);
		return;
	case WIRE_placed:
		placed(herd, h, &frame.u.placed);
		break;
	case WIRE_standing:
		standing(herd, h, &frame.u.standing);
		break;
	case WIRE_relay:
		herd->tally.told += frame.u.relay.last;
		break;
	case WIRE_lock:
		locked(herd, h, &frame.u.lock);
		break;
	case WIRE_unlock:
		h->lock.kind[0] = '\0';
		herd->tally.unlocked++;
		break;
	case WIRE_locks:
		if (h->lock.kind[0] != '\0')
			say(c, frame.serial, WIRE_locked, &h->lock);
		break;
	default:
		die(wire_info(frame.type)->name);
	}
	done(c, frame.serial);
}

void host_hear(struct herd *herd, struct conn *c)
{
	ssize_t n = recv(c->fd, packet, sizeof(packet), 0);

	if (n > 0 && wire_decode(packet, (size_t)n, &frame) == 0) {
		answer(herd, c);
		return;
	}
	if (c->host->attending == c)
		c->host->attending = NULL;
	close(c->fd);
	c->fd = -1;
}

/* --- What happens --- */

void host_login(struct host *h, const char *user, uint64_t uid)
{
	struct stay *s = calloc(1, sizeof(*s));

	if (s == NULL || sid_random(&s->sid) < 0)
		die("a session");
	snprintf(s->user, sizeof(s->user), "%s", user);
	s->uid = uid;
	s->seeks = true;
	s->asked_at = clock_boot();
	TAILQ_INSERT_TAIL(&h->stays, s, link);
	enqueue(h, s);
}

void host_logout(struct host *h, struct stay *s)
{
	s->left = true;
	enqueue(h, s);
}

void host_order(struct host *h, enum wire_type type, const void *msg)
{
	static uint64_t id;
	size_t len;

	if (wire_encode(type, 0, msg, h->errand_body, sizeof(h->errand_body), &len) < 0 ||
		(h->errand = calloc(1, sizeof(*h->errand))) == NULL)
		die("an order");
	h->errand->errand = ++id;
	snprintf(h->errand->by, sizeof(h->errand->by), "root");
	h->errand->body.data = h->errand_body;
	h->errand->body.len = len;
	tell(h);
}
