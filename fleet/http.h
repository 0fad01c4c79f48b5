/*
 * HTTP over libcurl's multi interface: requests whose answers come whole and are bounded, and
 * streams whose lines are handed over one by one. Nothing here knows etcd.
 */
#ifndef FLEET_HTTP_H
#define FLEET_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;
struct http_call;

/* How the other end is believed, and what it is shown. NULL: none. They are kept by the caller. */
struct http_tls {
	const char *ca;	  /* file; the only authority that is believed */
	const char *cert; /* file */
	const char *key;  /* file */
};

/* Answers longer than this, and lines of a stream, end the request with an error. */
#define HTTP_ANSWER_MAX ((size_t)8 << 20)
/* And what all hold together. */
#define HTTP_ANSWERS_MAX ((size_t)32 << 20)
/* Connections at a time; what is asked beyond that waits. */
#define HTTP_CONNECTIONS_MAX 64

struct http_answer {
	int error;	  /* 0, or -errno: -ETIMEDOUT, -EFBIG, -ECONNREFUSED, else -EIO */
	bool sent;	  /* with an error: the server may have got the request */
	long status;	  /* of HTTP, where there is no error */
	const char *body; /* not NUL-terminated; gone when the callback returns */
	size_t len;
	const char *words; /* with an error */
};

struct http_request {
	const char *url;
	const char *body;
	const char *headers[4]; /* NULL-terminated */
	long timeout_ms;	/* of the whole; 0: none */
	/* Once, with the end of it; the call is gone then. */
	void (*done)(void *ctx, const struct http_answer *answer);
	/* A stream's: each line. It may cancel the call. False: the stream is broken off, and
	 * done() says -EPROTO. */
	bool (*line)(void *ctx, const char *line, size_t len);
	void *ctx;
};

int http_new(const struct http_tls *tls, struct http **ret);
/* All calls must have ended or been cancelled. */
void http_free(struct http *http);

/* -ENOMEM or -EINVAL; done() is not called then, and never from within. */
int http_start(struct http *http, const struct http_request *request, struct http_call **ret);
/* done() is not called. */
void http_cancel(struct http_call *call);

/* Waits at most timeout_ms for the network or one of the descriptors, and carries the calls on. */
int http_turn(struct http *http, struct curl_waitfd *fds, unsigned n, int timeout_ms);

#endif
