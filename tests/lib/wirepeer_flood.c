/* Too much of everything: connections, and requests. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/wirepeer.h"

/* Connections of one process: under the usual limit of descriptors. */
#define EACH 500

/* So long a send may block: the daemon has stopped reading then. */
#define STUCK_SECONDS 1

static uint8_t buf[WIRE_MAX];
static struct wire_frame frame;

static void send_message(int fd, enum wire_type type, uint32_t serial, const void *msg)
{
	size_t len;

	if (wire_encode(type, serial, msg, buf, sizeof(buf), &len) < 0)
		die("encode");
	send(fd, buf, len, MSG_NOSIGNAL);
}

static void say_hello(int fd)
{
	struct wire_hello hello = {.version_min = 1, .version_max = 1, .program = "flood"};

	send_message(fd, WIRE_hello, 1, &hello);
}

/* Every second one says hello; what they are answered nobody reads. */
_Noreturn static void hold_connections(const char *path, size_t n, int told, int release)
{
	uint32_t failed = 0;
	size_t i;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < n; i++) {
		fd = connect_socket(path);
		if (fd < 0)
			failed++;
		else if (i % 2)
			say_hello(fd);
	}
	if (write(told, &failed, sizeof(failed)) != sizeof(failed))
		die("tell");
	while (read(release, &failed, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

int flood_main(int argc, char **argv)
{
	int used = become_user(argc, argv), told[2], release[2];
	size_t n, left, some;
	uint32_t failed, all = 0;
	char end;

	if (argc < used + 2 || pipe(told) < 0 || pipe(release) < 0)
		die("usage");
	n = strtoul(argv[used + 1], NULL, 10);
	for (left = n; left > 0; left -= some) {
		some = left < EACH ? left : EACH;
		if (fork() == 0) {
			close(release[1]);
			hold_connections(argv[used], some, told[1], release[0]);
		}
	}
	puts("begun");
	for (left = n; left > 0; left -= left < EACH ? left : EACH) {
		if (read(told[0], &failed, sizeof(failed)) != sizeof(failed))
			die("hear");
		all += failed;
	}
	printf("made %zu failed %u\n", n - all, (unsigned)all);
	while (read(0, &end, 1) > 0)
		;
	close(release[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}

/* Sends all, and reads nothing; then says how it ended. */
static void ask_deaf(int fd, enum wire_type type, size_t n)
{
	static const struct wire_frame empty;
	struct timeval limit = {.tv_sec = STUCK_SECONDS};
	const char *end = "taken";
	size_t i, len;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	for (i = 0; i < n; i++) {
		if (wire_encode(type, (uint32_t)i, &empty.u, buf, sizeof(buf), &len) < 0)
			die("encode");
		if (send(fd, buf, len, MSG_NOSIGNAL) < 0) {
			end = errno == EAGAIN ? "stuck" : "closed";
			break;
		}
	}
	puts(end);
}

/* One request after the other, each answered. */
static void ask_all(int fd, enum wire_type type, size_t n)
{
	static const struct wire_frame empty;
	size_t i, answered = 0, limited = 0, other = 0;
	ssize_t got;

	for (i = 0; i < n; i++) {
		send_message(fd, type, (uint32_t)i, &empty.u);
		got = recv(fd, buf, sizeof(buf), 0);
		if (got <= 0 || wire_decode(buf, (size_t)got, &frame) < 0)
			break;
		if (frame.type == WIRE_error && frame.u.error.code == WIRE_E_LIMIT)
			limited++;
		else if (frame.type == WIRE_error)
			other++;
		else
			answered++;
	}
	printf("answered %zu limited %zu errors %zu\n", answered, limited, other);
}

int requests_main(int argc, char **argv)
{
	int used = become_user(argc, argv), fd;
	const char *name;
	size_t i, n;

	if (argc < used + 3)
		die("usage");
	name = argv[used + 1];
	n = strtoul(argv[used + 2], NULL, 10);
	for (i = 0; i < wire_n_messages && strcmp(wire_messages[i].name, name) != 0; i++)
		;
	fd = connect_socket(argv[used]);
	if (i == wire_n_messages || fd < 0)
		die(argv[used]);
	say_hello(fd);
	if (recv(fd, buf, sizeof(buf), 0) <= 0)
		die("no welcome");
	if (argc > used + 3)
		ask_deaf(fd, wire_messages[i].type, n);
	else
		ask_all(fd, wire_messages[i].type, n);
	return 0;
}
