/*
 * What listener.c and peer.c share: one accepts connections and says who makes way for whom, the
 * other reads, answers and closes them. Nobody else includes this.
 */
#ifndef SESSD_PEER_STATE_H
#define SESSD_PEER_STATE_H

#include <sys/queue.h>

#include "common/duration.h"
#include "sessd/charge.h"
#include "sessd/peer.h"

/* An idle peer is closed after so long. */
#define PEER_IDLE_TIMEOUT (60 * NS_PER_SEC)

/* One that waits until the peer reads. */
struct packet {
	STAILQ_ENTRY(packet) link;
	size_t len;
	uint8_t data[];
};

struct listener {
	struct peers *peers;
	SLIST_ENTRY(listener) link;
	struct loop_io io;
	struct loop_timer pause;
	int fd;
	enum wire_use use;
	uint32_t n;
	TAILQ_HEAD(peer_list, peer) peers_by_age; /* by their last request, the oldest first */
};

struct peer {
	struct listener *listener;
	TAILQ_ENTRY(peer) link;
	struct loop_io io;
	struct loop_timer timeout;
	struct caller caller;
	struct charge *charge;
	STAILQ_HEAD(packet_list, packet) queue;
	size_t queued;	      /* bytes */
	uint64_t quiet_until; /* clock_boot(): an idle one is closed; `timeout` is not later */
	uint32_t events;      /* what epoll watches for */
	int fd;
	bool greeted;
	bool busy;
	bool early;  /* it sent its next request before it may ask */
	bool broken; /* to be closed when the present event is over */
	bool handling;
	void (*gone)(void *ctx);
	void *gone_ctx;
	void (*kept_done)(void *kept, const struct caller *caller);
	void *kept;
};

struct peers {
	struct peers_options o;
	bool use_peerpidfd;
	struct charges charges;
	SLIST_HEAD(listener_list, listener) listeners;
	uint8_t buf[WIRE_MAX];
	struct wire_frame frame;
};

/*
 * A new peer of that listener; its first packet is read at once. On success fd, caller->pidfd and
 * the charge are taken over.
 */
int peer_new(struct listener *l, int fd, const struct caller *caller, struct charge *charge);
void peer_close(struct peer *p);

#endif
