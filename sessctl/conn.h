/*
 * A conversation with sessd on its ctl.sock, or with sessd-reauth on its own. Every function that
 * can fail returns an exit code, EXIT_DONE where all is well, and has then told the user what is
 * wrong and what would help.
 */
#ifndef SESSCTL_CONN_H
#define SESSCTL_CONN_H

#include <stdint.h>

#include "common/client.h"
#include "common/wire.h"
#include "sessctl/context.h"

/* Who answers at the other end. */
enum conn_end { CONN_SESSD, CONN_REAUTH };

/* About 50 KiB. */
struct conn {
	struct context *ctx;
	enum conn_end end;
	struct client client;
	uint64_t timeout;    /* ns for each message of an answer; 0: none */
	const char *subject; /* what the request is about, for the daemon's errors; NULL: nothing */
	enum wire_errno unsaid; /* the daemon's error that is not printed; 0: all are */
	uint64_t received;	/* messages, for the progress line */
	uint8_t buf[WIRE_MAX];
	struct wire_frame frame; /* the last message; its blobs are in buf */
};

/* On any answer but EXIT_DONE there is nothing to close. */
int conn_open(struct conn *c, struct context *ctx);
/* The same, but that nobody listens is no error: *ret_down then, and nothing is printed. */
int conn_open_if(struct conn *c, struct context *ctx, bool *ret_down);
/* The same with sessd-reauth. */
int conn_open_reauth(struct conn *c, struct context *ctx);
void conn_close(struct conn *c);

int conn_ask(struct conn *c, enum wire_type type, const void *msg);

/* The next message of the answer, in c->frame. The daemon's `error` is printed, not returned. */
int conn_next(struct conn *c);

/* The message in c->frame has no place here. */
int conn_strange(struct conn *c);

/* Asks for `state`. */
int conn_status(struct conn *c, struct wire_state *ret);

/* Asks how the ledger is sealed, or with `make` to seal it now; on a connection of its own. */
int conn_seal(struct context *ctx, bool make, struct wire_sealed *ret);

/*
 * Text that comes in pages: `fn` is called for each that is not empty, until one says that there
 * are no more; a code other than EXIT_DONE from it stops the reading and is returned.
 */
typedef int conn_page_fn(void *arg, const struct wire_page *page);
/* The ledger behind the event *after, which moves on. */
int conn_ledger(struct conn *c, uint64_t *after, conn_page_fn *fn, void *arg);
/* The same, but that it waits for what is not there yet, and never comes to an end by itself. */
int conn_follow(struct conn *c, uint64_t after, conn_page_fn *fn, void *arg);
int conn_metrics(struct conn *c, conn_page_fn *fn, void *arg);

/*
 * The next line of a page of the ledger, without its newline. *at is 0 at first, and moves on.
 * False: there are no more.
 */
bool conn_line(const struct wire_page *page, size_t *at, const char **ret_line, size_t *ret_len);

#endif
