/*
 * The packets between the requester and us, each within a deadline. Only what the process sends
 * that connected counts: a descriptor can be passed on.
 */
#ifndef REAUTH_CHANNEL_H
#define REAUTH_CHANNEL_H

#include <stdint.h>
#include <sys/types.h>

#include "common/wire.h"

/* About 50 KiB. */
struct channel {
	int fd; /* lent */
	pid_t peer;
	uint64_t deadline; /* clock_boot() */
	uint32_t serial;   /* of his last message, which the next ones answer */
	uint8_t buf[WIRE_MAX];
	struct wire_frame frame;
};

/* fd: SOCK_SEQPACKET, connected. -errno. */
int channel_init(struct channel *ch, int fd, pid_t peer, uint64_t deadline);

/*
 * Waits for the next message, which must be of that type; it is in ch->frame then, its blobs in
 * ch->buf until channel_wipe(). -ETIMEDOUT; -EPIPE: he is gone; -EPROTO: it is malformed, of
 * another type, or another process's.
 */
int channel_recv(struct channel *ch, enum wire_type type);
/* -EPIPE; -ETIMEDOUT; -EINVAL and -EMSGSIZE as of wire_encode(). */
int channel_send(struct channel *ch, enum wire_type type, const void *msg);
/* An `error`; text NULL: the words of the code. Whether he hears it is his affair. */
void channel_error(struct channel *ch, enum wire_errno code, const char *text);

/* What was received last may have been a secret. */
void channel_wipe(struct channel *ch);

#endif
