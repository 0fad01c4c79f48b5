/*
 * A daemon that does what the test says: a thread that speaks the wire on a socket in a temporary
 * folder, for one connection, and closes it when its script is over; and sessctl that is run
 * against it.
 */
#ifndef TESTS_UNIT_FAKE_DAEMON_H
#define TESTS_UNIT_FAKE_DAEMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/wire.h"
#include "sessctl/run.h"

#define STEPS_MAX 12

struct daemon;

/* Answers one request. */
typedef void step_fn(struct daemon *d, const struct wire_frame *request);

struct daemon {
	char dir[32];
	char path[64];
	int listener;
	int fd;
	pthread_t thread;
	bool runs;
	step_fn *hello; /* NULL: welcome */
	step_fn *steps[STEPS_MAX];
	size_t n_steps;
	/* what came; to be read once the thread is joined */
	struct wire_frame requests[STEPS_MAX];
	size_t n_requests;
	/* flips bits in every answer but the welcome; 0: none */
	unsigned noise;
};

static inline void raw(struct daemon *d, const void *data, size_t len)
{
	/* the client may have gone away, which is its right */
	if (send(d->fd, data, len, MSG_NOSIGNAL) < 0)
		return;
}

static inline void answer(
	struct daemon *d, const struct wire_frame *to, enum wire_type type, const void *msg)
{
	uint8_t buf[WIRE_MAX];
	size_t len;
	int i;

	if (wire_encode(type, to->serial, msg, buf, sizeof(buf), &len) < 0)
		abort();
	for (i = 0; d->noise != 0 && type != WIRE_welcome && i < 3; i++)
		buf[(size_t)rand_r(&d->noise) % len] ^= (uint8_t)(1 << rand_r(&d->noise) % 8);
	raw(d, buf, len);
}

static inline void done(
	struct daemon *d, const struct wire_frame *to, uint64_t cursor, uint64_t count)
{
	struct wire_done msg = {.cursor = cursor, .count = count};

	answer(d, to, WIRE_done, &msg);
}

static inline void error(
	struct daemon *d, const struct wire_frame *to, enum wire_errno code, const char *text)
{
	struct wire_error msg = {.code = code};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	answer(d, to, WIRE_error, &msg);
}

static inline void page(
	struct daemon *d, const struct wire_frame *to, uint64_t last, bool more, const char *body)
{
	struct wire_page msg = {.last = last, .more = more, .body = {body, strlen(body)}};

	answer(d, to, WIRE_page, &msg);
}

static inline void welcome(struct daemon *d, const struct wire_frame *to)
{
	struct wire_welcome msg = {.version = WIRE_VERSION_MAX, .program = "sessd test"};

	answer(d, to, WIRE_welcome, &msg);
}

/* False: the client is gone, or does not come. */
static inline bool receive(struct daemon *d, struct wire_frame *ret)
{
	uint8_t buf[WIRE_MAX];
	ssize_t n = recv(d->fd, buf, sizeof(buf), 0);

	return n > 0 && wire_decode(buf, (size_t)n, ret) == 0;
}

static inline void *serve(void *arg)
{
	struct daemon *d = arg;
	struct wire_frame *request;
	struct wire_frame hello;
	size_t i;

	d->fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
	if (d->fd < 0)
		return NULL;
	if (receive(d, &hello) && hello.type == WIRE_hello)
		(d->hello ? d->hello : welcome)(d, &hello);
	for (i = 0; i < d->n_steps; i++) {
		request = &d->requests[i];
		if (!receive(d, request))
			break;
		d->n_requests++;
		d->steps[i](d, request);
	}
	close(d->fd);
	return NULL;
}

static inline void daemon_listen(struct daemon *d)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", d->path);
	d->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(d->listener >= 0);
	assert_int_equal(bind(d->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(d->listener, 5), 0);
}

/* The socket's folder, without anything that listens. */
static inline struct daemon *daemon_absent(void)
{
	struct daemon *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	strcpy(d->dir, "/tmp/test_sessctl.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->path, sizeof(d->path), "%s/%s", d->dir, WIRE_CTL_SOCKET);
	d->listener = -1;
	return d;
}

static inline void daemon_run(struct daemon *d)
{
	if (d->listener < 0)
		daemon_listen(d);
	assert_int_equal(pthread_create(&d->thread, NULL, serve, d), 0);
	d->runs = true;
}

/* A daemon that answers its first request by the first function, and so on; NULL ends the list. */
static inline struct daemon *daemon_start(step_fn *first, ...)
{
	struct daemon *d = daemon_absent();
	step_fn *step;
	va_list ap;

	va_start(ap, first);
	for (step = first; step != NULL; step = va_arg(ap, step_fn *)) {
		assert_true(d->n_steps < STEPS_MAX);
		d->steps[d->n_steps++] = step;
	}
	va_end(ap);
	daemon_run(d);
	return d;
}

/* Waits for the end of its script; what it heard can be read from then on. */
static inline void daemon_join(struct daemon *d)
{
	if (!d->runs)
		return;
	/* wakes an accept() that nobody came to */
	shutdown(d->listener, SHUT_RDWR);
	pthread_join(d->thread, NULL);
	d->runs = false;
}

static inline void daemon_free(struct daemon *d)
{
	daemon_join(d);
	if (d->listener >= 0)
		close(d->listener);
	unlink(d->path);
	assert_int_equal(rmdir(d->dir), 0); /* nothing else was left there */
	free(d);
}

struct result {
	int code;
	char *out;
	char *err;
};

static inline int run_into(struct daemon *d, const char *line, FILE *out, FILE *err)
{
	char copy[1024], *argv[24], *word, *rest, name[] = "sessctl", opt[] = "--runtime-dir";
	int argc = 0;

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	argv[argc++] = name;
	argv[argc++] = opt;
	argv[argc++] = d->dir;
	for (word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		assert_true(argc < 23);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return sessctl_run(argc, argv, out, err);
}

/* Runs a line of words that are parted by one blank each, and waits for the daemon's end. */
static inline struct result run(struct daemon *d, const char *line)
{
	struct result r = {0};
	size_t out_size, err_size;
	FILE *out = open_memstream(&r.out, &out_size);
	FILE *err = open_memstream(&r.err, &err_size);

	assert_non_null(out);
	assert_non_null(err);
	r.code = run_into(d, line, out, err);
	fclose(out);
	fclose(err);
	daemon_join(d);
	return r;
}

static inline void release(struct result *r, struct daemon *d)
{
	free(r->out);
	free(r->err);
	daemon_free(d);
}

#define assert_has(text, part)                                           \
	do {                                                             \
		if (strstr((text), (part)) == NULL)                      \
			fail_msg("`%s` is not in:\n%s", (part), (text)); \
	} while (0)

#endif
