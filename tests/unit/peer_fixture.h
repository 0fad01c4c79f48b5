/* Connections over real sockets and the real loop; what answers them is a fake. */
#ifndef TESTS_UNIT_PEER_FIXTURE_H
#define TESTS_UNIT_PEER_FIXTURE_H

#include "tests/unit/seeded.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sessd/config.h"
#include "sessd/peer.h"

#define TURNS 1000 /* of at most 30 ms, that a test waits for anything */

static struct fixture {
	struct loop *loop;
	struct peers *peers;
	struct metrics metrics;
	struct sockaddr_un address[3]; /* by enum wire_use */
	socklen_t address_len[3];
	struct peer *asked; /* by whom the last request came */
	unsigned requests, gone;
	uint32_t serial;
	char text[TEXT_STR_MAX + 1];
	bool answer; /* at once */
} f;

static inline void gone(void *ctx)
{
	struct fixture *fixture = ctx;

	fixture->gone++;
	fixture->asked = NULL;
}

static inline void answer(struct peer *peer, uint32_t serial)
{
	struct wire_done done = {.count = serial};

	peer_send(peer, WIRE_done, serial, &done);
	peer_idle(peer);
}

static inline void message(void *ctx, struct peer *peer, const struct wire_frame *frame)
{
	assert_ptr_equal(ctx, &f);
	f.requests++;
	f.asked = peer;
	f.serial = frame->serial;
	if (frame->type == WIRE_show)
		memcpy(f.text, frame->u.show.prefix, sizeof(f.text));
	peer_busy(peer, gone, &f);
	if (f.answer)
		answer(peer, frame->serial);
}

static inline void listen_for(enum wire_use use)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	f.address[use].sun_family = AF_UNIX;
	f.address_len[use] = sizeof(f.address[use]);
	assert_true(fd >= 0);
	/* the kernel picks an abstract name: there is nothing to remove */
	assert_int_equal(bind(fd, (struct sockaddr *)&f.address[use], sizeof(sa_family_t)), 0);
	assert_int_equal(
		getsockname(fd, (struct sockaddr *)&f.address[use], &f.address_len[use]), 0);
	assert_int_equal(listen(fd, 100), 0);
	assert_int_equal(peers_listen(f.peers, fd, use), 0);
}

static inline int setup(void **state)
{
	struct peers_options options = {
		.metrics = &f.metrics, .admin_gid = CONFIG_NO_GID, .message = message, .ctx = &f};

	(void)state;
	memset(&f, 0, sizeof(f));
	assert_int_equal(loop_new(&f.loop), 0);
	options.loop = f.loop;
	assert_int_equal(peers_new(&options, &f.peers), 0);
	listen_for(WIRE_ON_PAM);
	listen_for(WIRE_ON_CTL);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	peers_free(f.peers);
	loop_free(f.loop);
	return 0;
}

#define until(condition)                                            \
	do {                                                        \
		int turns_ = 0;                                     \
		while (!(condition)) {                              \
			assert_true(turns_++ < TURNS);              \
			assert_int_equal(loop_turn(f.loop, 30), 0); \
		}                                                   \
	} while (0)

/* Everything that is ready now, and what follows from it. */
static inline void settle(void)
{
	unsigned i;

	for (i = 0; i < 5; i++)
		assert_int_equal(loop_turn(f.loop, 0), 0);
}

/* --- The client --- */

static inline int connect_to(enum wire_use use)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&f.address[use], f.address_len[use]) == 0)
		return fd;
	return -1;
}

static inline void send_message(int fd, enum wire_type type, uint32_t serial, const void *msg)
{
	uint8_t buf[WIRE_MAX];
	size_t len;

	assert_int_equal(wire_encode(type, serial, msg, buf, sizeof(buf), &len), 0);
	assert_int_equal(send(fd, buf, len, MSG_NOSIGNAL), len);
}

static inline bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* The next message, once it is there; false: the connection is closed. */
static inline bool receive(int fd, struct wire_frame *frame)
{
	uint8_t buf[WIRE_MAX];
	ssize_t n;

	until(readable(fd));
	n = recv(fd, buf, sizeof(buf), 0);
	if (n <= 0)
		return false;
	assert_int_equal(wire_decode(buf, (size_t)n, frame), 0);
	return true;
}

static inline void expect(int fd, enum wire_type type, uint32_t serial)
{
	struct wire_frame frame;

	assert_true(receive(fd, &frame));
	assert_int_equal(frame.type, type);
	assert_int_equal(frame.serial, serial);
}

static inline void expect_error(int fd, enum wire_errno code)
{
	struct wire_frame frame;

	assert_true(receive(fd, &frame));
	assert_int_equal(frame.type, WIRE_error);
	assert_int_equal(frame.u.error.code, code);
	assert_true(frame.u.error.text[0] != '\0');
}

static inline void expect_closed(int fd)
{
	struct wire_frame frame;

	assert_false(receive(fd, &frame));
	close(fd);
}

static inline void ask(int fd, uint32_t serial, const char *prefix)
{
	struct wire_show show = {0};

	snprintf(show.prefix, sizeof(show.prefix), "%s", prefix);
	send_message(fd, WIRE_show, serial, &show);
}

static const struct wire_hello hello = {
	.version_min = WIRE_VERSION_MIN, .version_max = WIRE_VERSION_MAX, .program = "test 1"};

static inline int client(void)
{
	int fd = connect_to(WIRE_ON_CTL);

	assert_true(fd >= 0);
	send_message(fd, WIRE_hello, 1, &hello);
	expect(fd, WIRE_welcome, 1);
	return fd;
}

#endif
