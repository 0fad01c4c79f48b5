/*
 * The client's end of the wire: connect, say hello, ask, wait; all within one deadline, so that a
 * hung, slow or hostile daemon costs the caller a known time and no more. Used in a stranger's
 * process by pam_sess.so: no signals (MSG_NOSIGNAL), no inherited descriptor (SOCK_CLOEXEC), no
 * static state.
 */
#ifndef COMMON_CLIENT_H
#define COMMON_CLIENT_H

#include <stdint.h>

#include "common/wire.h"

enum client_status {
	CLIENT_HOSTILE, /* the socket's other end is not uid 0, or what it sent is malformed */
	CLIENT_OK,
	CLIENT_DOWN,	  /* nobody listens there, or the connection broke */
	CLIENT_TIMEOUT,	  /* the deadline passed */
	CLIENT_FORBIDDEN, /* the socket may not be used by this user */
	CLIENT_VERSION,	  /* no common protocol version; `text` says which side is too old */
	CLIENT_INVALID,	  /* the request holds something that the wire refuses; it was not sent */
};

struct client {
	int fd;			      /* -1: not connected */
	uint32_t serial;	      /* of the last request */
	uint64_t deadline;	      /* clock_boot(); UINT64_MAX: none */
	char text[TEXT_LONG_MAX + 1]; /* CLIENT_VERSION, or the daemon's error to hello */
	/* private: not on the stack, because a stranger's thread may have a small one */
	uint8_t buf[WIRE_MAX];
	struct wire_frame frame;
};

/* One line for people, without names or numbers. */
const char *client_status_words(enum client_status status);

/*
 * Connects to `path`, checks that the other end is uid 0, and agrees on a version as `program`
 * (name and version). On any answer but CLIENT_OK there is nothing to close.
 */
enum client_status client_open(
	struct client *c, const char *path, const char *program, uint64_t deadline);
void client_close(struct client *c);

/* Sends a request; its answers carry c->serial. */
enum client_status client_send(struct client *c, enum wire_type type, const void *msg);

/* Waits for the next message that answers the last request. buf (WIRE_MAX bytes) holds its blobs.
 */
enum client_status client_recv(struct client *c, uint8_t *buf, struct wire_frame *ret);

#endif
