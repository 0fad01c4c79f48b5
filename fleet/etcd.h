/*
 * The client of etcd: requests that are tried at one endpoint after another until one answers or
 * the deadline is over, and streams. A write that may or may not have been carried out is not
 * repeated: its outcome is ETCD_UNKNOWN, and who asked reads back what has become of it.
 */
#ifndef FLEET_ETCD_H
#define FLEET_ETCD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "fleet/epoch.h"
#include "fleet/http.h"
#include "fleet/timer.h"

#define ETCD_ENDPOINTS_MAX 16

struct etcd;
struct etcd_call;

struct etcd_options {
	const char *endpoints[ETCD_ENDPOINTS_MAX]; /* `https://host:port` */
	unsigned n_endpoints;
	struct http_tls tls;
	const char *user, *password; /* NULL: none */
};

enum etcd_outcome {
	ETCD_UNREACHABLE, /* not carried out: nobody was reached, or nobody could */
	ETCD_UNKNOWN,	  /* a write that may have been carried out */
	ETCD_REFUSED,	  /* etcd says no */
	ETCD_DONE,
};

struct etcd_answer {
	enum etcd_outcome outcome;
	const json_t *root; /* ETCD_DONE and of a request */
	bool too_large;	    /* it was answered with more than is taken: ask for less */
	const char *words;  /* otherwise: why */
};

enum etcd_kind { ETCD_READ, ETCD_WRITE, ETCD_STREAM };

struct etcd_request {
	enum etcd_kind kind;
	const char *path;  /* `/v3/kv/range`; a constant */
	json_t *body;	   /* taken over; NULL: there was no memory for it */
	uint64_t deadline; /* clock_boot(); of a stream: 0 */
	/* Once. The call is gone then. */
	void (*done)(void *ctx, const struct etcd_answer *answer);
	/* A stream's: each line, if it is JSON. False: it is broken off. */
	bool (*line)(void *ctx, const json_t *line);
	void *ctx;
};

/* The strings of the options are the caller's. */
int etcd_new(const struct etcd_options *options, struct timers *timers, struct etcd **ret);
/* Calls that are under way are forgotten. */
void etcd_free(struct etcd *etcd);
struct http *etcd_http(struct etcd *etcd);

/* done() of a call whose outcome interests nobody. */
static inline void etcd_unheard(void *ctx, const struct etcd_answer *answer)
{
	(void)ctx;
	(void)answer;
}

/* NULL: no memory, and done() is not called. It is never called from within. */
struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request);
/* done() is not called; NULL is none. */
void etcd_cancel(struct etcd_call *call);

/* The same for a stream that is silent where it should not be: the next one goes elsewhere. */
void etcd_distrust(struct etcd_call *call);

/* A stream was refused, which may be for the age of the token: the next request logs in anew. */
void etcd_doubt_token(struct etcd *etcd);

/* Which store it is, as far as its answers have said. */
struct epoch *etcd_epoch(struct etcd *etcd);

/* The endpoint that is used now. */
const char *etcd_endpoint(const struct etcd *etcd);

#define ETCD_RANGE     "/v3/kv/range"
#define ETCD_PUT       "/v3/kv/put"
#define ETCD_TXN       "/v3/kv/txn"
#define ETCD_DELETE    "/v3/kv/deleterange"
#define ETCD_GRANT     "/v3/lease/grant"
#define ETCD_KEEPALIVE "/v3/lease/keepalive"
#define ETCD_REVOKE    "/v3/lease/revoke"
#define ETCD_WATCH     "/v3/watch"
#define ETCD_LOGIN     "/v3/auth/authenticate"

#endif
