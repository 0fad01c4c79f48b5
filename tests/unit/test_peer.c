#include "tests/unit/peer_fixture.h"

/* --- hello --- */

static void negotiation(void **state)
{
	static const struct {
		uint64_t min, max, version; /* 0: refused */
	} rows[] = {
		{WIRE_VERSION_MIN, WIRE_VERSION_MAX, WIRE_VERSION_MAX},
		{WIRE_VERSION_MAX, WIRE_VERSION_MAX, WIRE_VERSION_MAX},
		{0, 1000, WIRE_VERSION_MAX},
		{WIRE_VERSION_MIN, UINT64_MAX, WIRE_VERSION_MAX},
		{WIRE_VERSION_MAX + 1, WIRE_VERSION_MAX + 7, 0},
		{UINT64_MAX, UINT64_MAX, 0},
		{0, WIRE_VERSION_MIN - 1, 0},
	};
	struct wire_hello h = {.program = "test 1"};
	struct wire_frame frame;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fd = connect_to(WIRE_ON_CTL);
		h.version_min = rows[i].min;
		h.version_max = rows[i].max;
		send_message(fd, WIRE_hello, 77, &h);
		assert_true(receive(fd, &frame));
		assert_int_equal(frame.version, 0);
		assert_int_equal(frame.serial, 77);
		if (rows[i].version != 0) {
			assert_int_equal(frame.type, WIRE_welcome);
			assert_int_equal(frame.u.welcome.version, rows[i].version);
			close(fd);
		} else {
			assert_int_equal(frame.type, WIRE_error);
			assert_int_equal(frame.u.error.code, WIRE_E_VERSION);
			assert_non_null(strstr(frame.u.error.text, "too old"));
			assert_non_null(strstr(frame.u.error.text, "test 1"));
			expect_closed(fd);
		}
	}
	assert_int_equal(f.requests, 0);
}

/* --- What is malformed or comes at the wrong time --- */

static void wrong_order(void **state)
{
	static const struct wire_close end = {.sid = {{1}}};
	static const struct wire_granted granted;
	int fd = connect_to(WIRE_ON_CTL);

	(void)state;
	/* before hello */
	ask(fd, 5, "abcd");
	expect_error(fd, WIRE_E_PROTOCOL);
	expect_closed(fd);
	/* hello twice */
	fd = client();
	send_message(fd, WIRE_hello, 2, &hello);
	expect_error(fd, WIRE_E_PROTOCOL);
	expect_closed(fd);
	/* a request of the other socket */
	fd = client();
	send_message(fd, WIRE_close, 2, &end);
	expect_error(fd, WIRE_E_PROTOCOL);
	expect_closed(fd);
	/* an answer */
	fd = client();
	send_message(fd, WIRE_granted, 2, &granted);
	expect_error(fd, WIRE_E_PROTOCOL);
	expect_closed(fd);
	assert_int_equal(f.requests, 0);
	assert_int_equal(f.metrics.malformed, 4);
}

static void malformed(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t len;
		enum wire_errno code;
		uint32_t serial;
	} rows[] = {
		{{1}, 1, WIRE_E_PROTOCOL, 0},
		{{1, WIRE_show, 0, 0, 0, 0, 0}, 7, WIRE_E_PROTOCOL, 0},
		/* a required field is missing; no such message; not zero; another version */
		{{1, WIRE_show, 0, 0, 0, 0, 0, 9}, 8, WIRE_E_PROTOCOL, 9},
		{{1, 255, 0, 0, 0, 0, 0, 9}, 8, WIRE_E_PROTOCOL, 9},
		{{1, WIRE_status, 0, 1, 0, 0, 0, 9}, 8, WIRE_E_PROTOCOL, 9},
		{{2, WIRE_status, 0, 0, 0, 0, 0, 9}, 8, WIRE_E_VERSION, 9},
		{{1, WIRE_status, 0, 0, 0, 0, 0, 9, 0}, 9, WIRE_E_PROTOCOL, 9},
		/* a giant one */
		{{1, WIRE_status, 0, 0, 0, 0, 0, 9}, WIRE_MAX + 1, WIRE_E_PROTOCOL, 0},
	};
	static uint8_t buf[WIRE_MAX + 1];
	struct wire_frame frame;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fd = client();
		memset(buf, 0, sizeof(buf));
		memcpy(buf, rows[i].bytes, sizeof(rows[i].bytes));
		assert_int_equal(send(fd, buf, rows[i].len, MSG_NOSIGNAL), rows[i].len);
		assert_true(receive(fd, &frame));
		assert_int_equal(frame.type, WIRE_error);
		assert_int_equal(frame.u.error.code, rows[i].code);
		/* its own serial, or where it has none, nobody else's */
		assert_int_equal(frame.serial, rows[i].serial);
		expect_closed(fd);
	}
	assert_int_equal(f.requests, 0);
	assert_int_equal(f.metrics.malformed, sizeof(rows) / sizeof(rows[0]));
}

/* A descriptor that came with a message is not kept. */
static void descriptor_attached(void **state)
{
	static const struct wire_status status;
	char control[CMSG_SPACE(sizeof(int))] = {0};
	uint8_t buf[100];
	struct iovec iov = {.iov_base = buf};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fd = client(), fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(wire_encode(WIRE_status, 3, &status, buf, sizeof(buf), &iov.iov_len), 0);
	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(c), &fds[1], sizeof(int));
	assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), iov.iov_len);
	close(fds[1]);
	f.answer = true;
	expect(fd, WIRE_done, 3);
	/* nobody holds the other end any more */
	assert_int_equal(read(fds[0], buf, 1), 0);
	close(fds[0]);
	close(fd);
}

/* --- One request at a time --- */

static void busy(void **state)
{
	int fd = client();

	(void)state;
	ask(fd, 10, "aaaa");
	ask(fd, 11, "bbbb");
	until(f.requests > 0);
	settle();
	assert_int_equal(f.requests, 1);
	assert_string_equal(f.text, "aaaa");
	assert_int_equal(peer_caller(f.asked)->pid, getpid());
	assert_int_equal(peer_use(f.asked), WIRE_ON_CTL);
	answer(f.asked, f.serial);
	expect(fd, WIRE_done, 10);
	until(f.requests > 1);
	assert_string_equal(f.text, "bbbb");
	answer(f.asked, f.serial);
	expect(fd, WIRE_done, 11);
	close(fd);
	settle();
	assert_int_equal(f.gone, 0);
}

/* Who hangs up while he is answered is forgotten by those who answer. */
static void disconnect_while_busy(void **state)
{
	int fd = client(), other = client();

	(void)state;
	ask(other, 1, "aaaa");
	until(f.requests == 1);
	answer(f.asked, f.serial);
	ask(fd, 2, "bbbb");
	until(f.requests == 2);
	close(fd);
	until(f.gone == 1);
	close(other);
	settle();
	assert_int_equal(f.gone, 1);
	/* and at the end of all, too */
	fd = client();
	ask(fd, 3, "cccc");
	until(f.requests == 3);
	peers_free(f.peers);
	f.peers = NULL;
	assert_int_equal(f.gone, 2);
	expect_closed(fd);
}

int main(void)
{
#define WITH_PEERS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_PEERS(negotiation),
		WITH_PEERS(wrong_order),
		WITH_PEERS(malformed),
		WITH_PEERS(descriptor_attached),
		WITH_PEERS(busy),
		WITH_PEERS(disconnect_while_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
