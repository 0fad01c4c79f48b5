/* The sockets that sessd listens on: who is let in, who makes way, who is turned away. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessd/identity.h"
#include "sessd/log.h"
#include "sessd/peer_state.h"

/* Connections of one socket; the one that has been idle for longest makes way for a new one. */
#define PEERS_MAX 512
/* Connections accepted in one turn of the loop, so that a flood leaves time for the rest. */
#define ACCEPT_BATCH 16
/* Out of descriptors: look again so much later. */
#define ACCEPT_PAUSE (100 * NS_PER_MS)
/* Who said hello keeps his place for so long at least, and can ask; newcomers wait in the backlog.
 */
#define FAIR_TURN  (20 * NS_PER_MS)
#define FAIR_PAUSE (2 * NS_PER_MS)

int peers_new(const struct peers_options *options, struct peers **ret)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->o = *options;
	p->use_peerpidfd = !options->no_peerpidfd && pidfd_try_peer() == 0;
	*ret = p;
	return 0;
}

bool peers_use_pidfd(const struct peers *peers)
{
	return peers->use_peerpidfd;
}

void peers_set_admin_gid(struct peers *peers, gid_t gid)
{
	peers->o.admin_gid = gid;
}

void peers_set_fleet_uid(struct peers *peers, uid_t uid)
{
	peers->o.fleet_uid = uid;
}

/* Whom the file's mode does not tell apart. */
static bool may_connect(const struct listener *l, uid_t uid)
{
	switch (l->use) {
	case WIRE_ON_PAM:
		return uid == 0;
	case WIRE_ON_FLEET:
		return uid == 0 || uid == l->peers->o.fleet_uid;
	default:
		return true;
	}
}

/* Over the limit: the connection is told so and closed, and never becomes a peer. */
static void turn_away(struct peers *peers, int fd)
{
	struct wire_error msg = {.code = WIRE_E_LIMIT};
	uint8_t buf[1024];
	size_t len;

	peers->o.metrics->refused_connections++;
	snprintf(msg.text, sizeof(msg.text), "too many connections of this user");
	if (wire_encode(WIRE_error, 1, &msg, buf, sizeof(buf), &len) == 0)
		send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

/*
 * Who makes way: first one that never said hello, then the one that has been idle for longest.
 * NULL: those who are idle were served only now, and keep their places for a moment.
 */
static struct peer *most_dispensable(const struct listener *l)
{
	uint64_t now = clock_boot();
	bool idle = false;
	struct peer *p;

	TAILQ_FOREACH (p, &l->peers_by_age, link)
		if (!p->greeted)
			return p;
	TAILQ_FOREACH (p, &l->peers_by_age, link) {
		if (!p->busy && now + PEER_IDLE_TIMEOUT >= p->quiet_until + FAIR_TURN)
			return p;
		idle = idle || !p->busy;
	}
	return idle ? NULL : TAILQ_FIRST(&l->peers_by_age);
}

static void make_room(struct listener *l)
{
	struct peer *p = l->n < PEERS_MAX ? NULL : most_dispensable(l);

	if (p == NULL)
		return;
	l->peers->o.metrics->refused_connections++;
	peer_close(p);
}

static void welcome_connection(struct listener *l, int fd)
{
	struct peers *peers = l->peers;
	struct charge *charge;
	struct caller caller;
	int r;

	peers->o.metrics->connections++;
	r = identity_of_peer(fd, peers->use_peerpidfd, peers->o.admin_gid, &caller);
	if (r < 0 || !may_connect(l, caller.uid)) {
		if (r == 0)
			close(caller.pidfd);
		close(fd);
		return;
	}
	/* it speaks for administrators of other hosts */
	caller.admin = caller.admin || l->use == WIRE_ON_FLEET;
	/* the agent speaks for the whole host: it is limited by the total alone, as root is */
	charge = charge_connection(
		&peers->charges, l->use == WIRE_ON_FLEET ? 0 : caller.uid, clock_boot());
	/* only now: he who has too many pushes nobody out */
	if (charge != NULL)
		make_room(l);
	if (charge == NULL || peer_new(l, fd, &caller, charge) < 0) {
		charge_release(&peers->charges, charge);
		close(caller.pidfd);
		turn_away(peers, fd);
	}
}

static void accept_again(void *ctx)
{
	struct listener *l = ctx;

	loop_io_change(l->peers->o.loop, &l->io, EPOLLIN);
}

static void accept_later(struct listener *l, uint64_t in)
{
	struct loop *loop = l->peers->o.loop;

	/* without memory for the timer, it is tried again at once */
	if (loop_timer_set(loop, &l->pause, clock_boot() + in, accept_again, l) == 0)
		loop_io_change(loop, &l->io, 0);
}

static void listener_ready(void *ctx, uint32_t events)
{
	struct listener *l = ctx;
	int fd, i;

	(void)events;
	for (i = 0; i < ACCEPT_BATCH; i++) {
		if (l->n >= PEERS_MAX && most_dispensable(l) == NULL) {
			accept_later(l, FAIR_PAUSE);
			return;
		}
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			break;
		welcome_connection(l, fd);
	}
	if (i < ACCEPT_BATCH &&
		(errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		log_warning("no connection can be accepted: %s", strerror(errno));
		accept_later(l, ACCEPT_PAUSE);
	}
}

int peers_listen(struct peers *peers, int fd, enum wire_use use)
{
	struct listener *l = calloc(1, sizeof(*l));
	int r = -ENOMEM, on = 1;

	/* each packet then names its sender; what is accepted inherits it */
	if (l != NULL && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
		r = -errno;
	} else if (l != NULL) {
		*l = (struct listener){.peers = peers, .fd = fd, .use = use};
		r = loop_io_add(peers->o.loop, &l->io, fd, EPOLLIN, listener_ready, l);
	}
	if (r < 0) {
		close(fd);
		free(l);
		return r;
	}
	TAILQ_INIT(&l->peers_by_age);
	SLIST_INSERT_HEAD(&peers->listeners, l, link);
	return 0;
}

void peers_free(struct peers *peers)
{
	struct listener *l;

	if (peers == NULL)
		return;
	while ((l = SLIST_FIRST(&peers->listeners)) != NULL) {
		SLIST_REMOVE_HEAD(&peers->listeners, link);
		while (!TAILQ_EMPTY(&l->peers_by_age))
			peer_close(TAILQ_FIRST(&l->peers_by_age));
		loop_io_remove(peers->o.loop, &l->io);
		loop_timer_cancel(peers->o.loop, &l->pause);
		close(l->fd);
		free(l);
	}
	charges_fini(&peers->charges);
	free(peers);
}
