/*
 * What dispatch.c and pages.c share: a request under way, and how it is answered. Nobody else
 * includes this.
 */
#ifndef SESSD_REQUEST_H
#define SESSD_REQUEST_H

#include <sys/queue.h>

#include "sessd/dispatch.h"

/* One request under way. It stays until its last answer is there, even when the peer is gone. */
struct request {
	struct answer answer;
	struct dispatch *dispatch;
	struct peer *peer; /* NULL: gone */
	uid_t uid;	   /* whose it is, also then */
	const struct handler *handler;
	uint32_t serial;
	uint64_t began; /* clock_boot() */
	union {
		struct wire_list list;
		struct wire_show show;
		struct wire_read read;
	} u;
	struct sid found; /* show: the match among ended sessions */
	struct wire_session *record;
	LIST_ENTRY(request) link; /* dispatch.requests */
	bool parked;		  /* `read` with `wait`, and nothing new yet */
};

struct dispatch {
	struct dispatch_parts parts;
	LIST_HEAD(request_list, request) requests; /* all that are under way */
	char *metrics;				   /* the text that is being paged out */
	size_t metrics_len;
};

struct handler {
	enum wire_type type;
	void (*fn)(struct request *req, const struct wire_frame *frame);
	size_t histogram; /* offset in struct metrics; 0: none */
};

/* One message of the answer; dropped where the peer is gone. */
void request_reply(struct request *req, enum wire_type type, const void *msg);
/* `done`, and the end of the request. */
void request_done(struct request *req, uint64_t cursor, uint64_t count);
void request_error(struct request *req, enum wire_errno code, const char *text);
/* The answer is complete; the request is freed. */
void request_end(struct request *req);

/* pages.c: the answers that come in pages, each page a request of its own. */
void pages_list(struct request *req, const struct wire_frame *frame);
void pages_locks(struct request *req, const struct wire_frame *frame);
void pages_show(struct request *req, const struct wire_frame *frame);
void pages_read(struct request *req, const struct wire_frame *frame);
void pages_metrics(struct request *req, const struct wire_frame *frame);
/* New events are on disk: whoever waited for some asks again. */
void pages_committed(void *ctx);

#endif
