/*
 * The connections: who is at the other end, by the kernel's word; packets in and out; and what a
 * peer may make the daemon hold. A connection has one request at a time: while it is answered,
 * nothing more is read from it, so a peer that does not listen holds up himself alone.
 */
#ifndef SESSD_PEER_H
#define SESSD_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"
#include "sessd/core.h"
#include "sessd/loop.h"
#include "sessd/metrics.h"

struct peers;
struct peer;
struct request;

struct peers_options {
	struct loop *loop;
	struct metrics *metrics;
	gid_t admin_gid;
	uid_t fleet_uid;   /* the agent's: besides root the only one on fleet.sock */
	bool no_peerpidfd; /* as on Linux before 6.5: pidfd_open and start time instead of
			      SO_PEERPIDFD */
	/* A request arrived. The peer is busy until peer_idle(). `frame` and its blobs are gone
	 * when it returns. */
	void (*message)(void *ctx, struct peer *peer, const struct wire_frame *frame);
	void *ctx;
};

int peers_new(const struct peers_options *options, struct peers **ret);
void peers_free(struct peers *peers);
void peers_set_admin_gid(struct peers *peers, gid_t gid);
void peers_set_fleet_uid(struct peers *peers, uid_t uid);
/* True: the kernel has SO_PEERPIDFD and it is used. */
bool peers_use_pidfd(const struct peers *peers);

/* Accepts connections on a listening SOCK_SEQPACKET socket, for the requests of that use
 * (WIRE_ON_PAM or _CTL). The descriptor is taken over, also on failure. */
int peers_listen(struct peers *peers, int fd, enum wire_use use);

const struct caller *peer_caller(const struct peer *peer);
enum wire_use peer_use(const struct peer *peer);

/* Queues a packet. A peer whose queue is full is disconnected after the present event. */
void peer_send(struct peer *peer, enum wire_type type, uint32_t serial, const void *msg);

/* Something that belongs to the connection beyond its requests: `done` is called when it is closed,
 * with the caller for the last time. One of them; peer_kept() gives it back, or NULL. */
void peer_keep(
	struct peer *peer, void *kept, void (*done)(void *kept, const struct caller *caller));
void *peer_kept(const struct peer *peer);

/* The request under way: told when the peer disconnects, so that it forgets the peer. */
void peer_busy(struct peer *peer, void (*gone)(void *ctx), void *ctx);
void peer_idle(struct peer *peer);

#endif
