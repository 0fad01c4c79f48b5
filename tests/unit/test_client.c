/* The client against servers that answer well, badly, slowly or not at all. Each server is a
 * process of its own, which plays one part and goes. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/client.h"
#include "common/duration.h"
#include "common/timestamp.h"

#define NOBODY 65534

static char folder[] = "/tmp/test-client-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static uint64_t in_ms(uint64_t ms)
{
	return clock_boot() + ms * NS_PER_MS;
}

/* ---- parts; each has the connection, after hello was read where `hello` says so ---- */

static void answer(int fd, enum wire_type type, uint32_t serial, const void *msg)
{
	uint8_t buf[WIRE_MAX];
	size_t len;

	if (wire_encode(type, serial, msg, buf, sizeof(buf), &len) == 0)
		send(fd, buf, len, MSG_NOSIGNAL);
}

static void welcome(int fd, uint64_t version, uint32_t serial)
{
	struct wire_welcome msg = {.version = version, .program = "test 1"};

	answer(fd, WIRE_welcome, serial, &msg);
}

static void play_good(int fd)
{
	welcome(fd, WIRE_VERSION_MAX, 1);
}

static void play_eof(int fd)
{
	shutdown(fd, SHUT_RDWR);
}

static void play_silence(int fd)
{
	(void)fd;
}

static void play_garbage(int fd)
{
	send(fd, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
}

static void play_one_byte(int fd)
{
	send(fd, "", 1, MSG_NOSIGNAL);
}

static void play_giant(int fd)
{
	static char giant[WIRE_MAX + 1];

	send(fd, giant, sizeof(giant), MSG_NOSIGNAL);
}

static void play_wrong_serial(int fd)
{
	welcome(fd, WIRE_VERSION_MAX, 2);
}

static void play_wrong_type(int fd)
{
	struct wire_done done = {.count = 1};

	answer(fd, WIRE_done, 1, &done);
}

static void play_version_offered(int fd)
{
	welcome(fd, WIRE_VERSION_MAX + 1, 1);
}

static void play_version(int fd)
{
	struct wire_error e = {.code = WIRE_E_VERSION, .text = "the client is too old"};

	answer(fd, WIRE_error, 1, &e);
}

static void play_limit(int fd)
{
	struct wire_error e = {.code = WIRE_E_LIMIT, .text = "too many connections"};

	answer(fd, WIRE_error, 1, &e);
}

/* Answers a request with one message of another version. */
static void play_status(int fd)
{
	static uint8_t buf[WIRE_MAX];
	static struct wire_frame frame;
	struct wire_state state = {.program = "test 1",
		.pid = 7,
		.started_at = 1,
		.config = "c",
		.ledger = "l",
		.boot_id = "b"};
	ssize_t n;

	welcome(fd, WIRE_VERSION_MAX, 1);
	n = recv(fd, buf, sizeof(buf), 0);
	if (n > 0 && wire_decode(buf, (size_t)n, &frame) == 0 && frame.type == WIRE_status)
		answer(fd, WIRE_state, frame.serial, &state);
}

static const struct part {
	const char *name;
	void (*play)(int fd); /* NULL: it never accepts */
	uid_t uid;
	enum client_status status;
	const char *text;
} parts[] = {
	{"good", play_good, 0, CLIENT_OK, ""},
	{"never accepts", NULL, 0, CLIENT_TIMEOUT, ""},
	{"silence", play_silence, 0, CLIENT_TIMEOUT, ""},
	{"end of file", play_eof, 0, CLIENT_DOWN, ""},
	{"garbage", play_garbage, 0, CLIENT_HOSTILE, ""},
	{"one byte", play_one_byte, 0, CLIENT_HOSTILE, ""},
	{"giant", play_giant, 0, CLIENT_HOSTILE, ""},
	{"wrong serial", play_wrong_serial, 0, CLIENT_HOSTILE, ""},
	{"wrong type", play_wrong_type, 0, CLIENT_HOSTILE, ""},
	{"unknown version", play_version_offered, 0, CLIENT_HOSTILE, ""},
	{"too old", play_version, 0, CLIENT_VERSION, "the client is too old"},
	{"limit", play_limit, 0, CLIENT_DOWN, "too many connections"},
	{"not root", play_good, NOBODY, CLIENT_HOSTILE, ""},
};

/* ---- the process that plays ---- */

struct server {
	pid_t pid;
	int control; /* it goes when this is closed */
};

static void serve(const struct part *part, int control)
{
	static uint8_t buf[WIRE_MAX];
	struct pollfd gone = {.fd = control, .events = POLLIN};
	int fd, conn = -1;

	if (part->uid != 0 && setuid(part->uid) < 0)
		_exit(1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 0) < 0)
		_exit(1);
	if (write(control, "", 1) != 1)
		_exit(1);
	if (part->play != NULL) {
		conn = accept(fd, NULL, NULL);
		if (conn >= 0 && recv(conn, buf, sizeof(buf), 0) >= 0)
			part->play(conn);
	}
	poll(&gone, 1, 60000);
	_exit(0);
}

static struct server start(const struct part *part)
{
	struct server s;
	int pair[2];
	char ready;

	unlink(address.sun_path);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (s.pid == 0) {
		close(pair[0]);
		serve(part, pair[1]);
	}
	close(pair[1]);
	s.control = pair[0];
	assert_int_equal(read(s.control, &ready, 1), 1);
	return s;
}

static void stop(struct server s)
{
	int status;

	close(s.control);
	/* it may still wait for a connection that never came */
	kill(s.pid, SIGKILL);
	assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* ---- tests ---- */

static void each_part(void **state)
{
	struct server server;
	struct client c;
	unsigned fds;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		print_message("%s\n", parts[i].name);
		fds = open_fds();
		server = start(&parts[i]);
		assert_int_equal(client_open(&c, address.sun_path, "test 1",
					 in_ms(parts[i].status == CLIENT_TIMEOUT ? 100 : 60000)),
			parts[i].status);
		assert_string_equal(c.text, parts[i].text);
		assert_int_equal(c.fd >= 0, parts[i].status == CLIENT_OK);
		client_close(&c);
		stop(server);
		assert_int_equal(open_fds(), fds);
	}
}

static void asks(void **state)
{
	static const struct part part = {.play = play_status};
	static uint8_t buf[WIRE_MAX];
	static struct wire_frame frame;
	struct wire_status none;
	struct wire_show bad = {.prefix = "a\nb"};
	struct server server = start(&part);
	struct client c;

	(void)state;
	memset(&none, 0, sizeof(none));
	assert_int_equal(client_open(&c, address.sun_path, "test 1", in_ms(60000)), CLIENT_OK);
	assert_int_equal(client_send(&c, WIRE_show, &bad), CLIENT_INVALID);
	assert_int_equal(client_send(&c, WIRE_status, &none), CLIENT_OK);
	assert_int_equal(client_recv(&c, buf, &frame), CLIENT_OK);
	assert_int_equal(frame.type, WIRE_state);
	assert_int_equal(frame.u.state.pid, 7);
	/* nothing more comes: the deadline ends it */
	c.deadline = in_ms(50);
	assert_int_equal(client_recv(&c, buf, &frame), CLIENT_TIMEOUT);
	stop(server);
	c.deadline = in_ms(60000);
	assert_int_equal(client_recv(&c, buf, &frame), CLIENT_DOWN);
	assert_int_equal(client_send(&c, WIRE_status, &none), CLIENT_DOWN);
	client_close(&c);
	client_close(&c);
}

/* Connections that nobody accepts fill the backlog: connect itself must keep the deadline. */
static void full_backlog(void **state)
{
	static const struct part part = {.play = NULL};
	struct server server = start(&part);
	struct client c;
	int fds[16], n = 0, fd = -1;

	(void)state;
	do {
		assert_true(n < 16);
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(fd >= 0);
		fds[n++] = fd;
	} while (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(client_open(&c, address.sun_path, "test 1", in_ms(50)), CLIENT_TIMEOUT);
	/* a deadline that has passed is no reason to hang either */
	assert_int_equal(client_open(&c, address.sun_path, "test 1", 0), CLIENT_TIMEOUT);
	while (n > 0)
		close(fds[--n]);
	stop(server);
}

static void nobody_there(void **state)
{
	static const struct part part = {.play = NULL};
	char path[200];
	struct client c;

	(void)state;
	unlink(address.sun_path);
	assert_int_equal(client_open(&c, address.sun_path, "t", in_ms(60000)), CLIENT_DOWN);
	/* a socket that its daemon left behind */
	stop(start(&part));
	assert_int_equal(access(address.sun_path, F_OK), 0);
	assert_int_equal(client_open(&c, address.sun_path, "t", in_ms(60000)), CLIENT_DOWN);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(client_open(&c, path, "t", in_ms(60000)), CLIENT_DOWN);
}

static void forbidden(void **state)
{
	static const struct part part = {.play = NULL};
	struct server server = start(&part);
	struct client c;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(chmod(address.sun_path, 0600), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(setuid(NOBODY) == 0 && client_open(&c, address.sun_path, "t", in_ms(60000)) ==
						     CLIENT_FORBIDDEN
				? 0
				: 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	stop(server);
}

static void words(void **state)
{
	static const enum client_status all[] = {CLIENT_HOSTILE, CLIENT_OK, CLIENT_DOWN,
		CLIENT_TIMEOUT, CLIENT_FORBIDDEN, CLIENT_VERSION, CLIENT_INVALID};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_string_not_equal(client_status_words(all[i]), "unknown");
	/* what nobody set is no yes */
	assert_int_equal((enum client_status)0, CLIENT_HOSTILE);
}

static int setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL || chmod(folder, 01777) < 0)
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(address.sun_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part),
		cmocka_unit_test(asks),
		cmocka_unit_test(full_backlog),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(forbidden),
		cmocka_unit_test(words),
	};

	if (geteuid() != 0) {
		puts("1..0 # skipped: the servers must be root's");
		return 0;
	}
	return cmocka_run_group_tests_name("client", tests, setup, teardown);
}
