#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/wire.h"
#include "tests/pam/fake.h"

#define NOBODY 65534

static const struct {
	const char *name, *what;
} fakes[] = {
#define FAKE_ROW(name, what) {#name, what},
	FAKES(FAKE_ROW)
#undef FAKE_ROW
};

const char *fake_name(enum fake fake)
{
	return fakes[fake].name;
}

const char *fake_what(enum fake fake)
{
	return fakes[fake].what;
}

static struct sockaddr_un address(const char *dir)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" WIRE_PAM_SOCKET, dir);

	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		errx(2, "%s: too long", dir);
	return addr;
}

static void reply(int fd, enum wire_type type, uint32_t serial, const void *msg)
{
	static uint8_t buf[WIRE_MAX];
	size_t len;

	if (wire_encode(type, serial, msg, buf, sizeof(buf), &len) < 0)
		errx(2, "a fake cannot encode its reply");
	(void)send(fd, buf, len, MSG_NOSIGNAL);
}

static void reply_granted(int fd, uint32_t serial, bool tracked)
{
	struct wire_granted granted = {.tracked = tracked, .keep_token = tracked};

	reply(fd, WIRE_granted, serial, &granted);
}

static void reply_telling(int fd, const struct wire_frame *request)
{
	struct wire_granted granted = {.tracked = true, .keep_token = true};

	if (request->type == WIRE_open) {
		/* rounded up, it is that */
		granted.runtime_max = (FAKE_RUNTIME - 1) * NS_PER_SEC + 1;
		if (request->u.open.notice)
			strcpy(granted.notice, FAKE_LINE_1 WIRE_LINE_END FAKE_LINE_2);
	}
	reply(fd, WIRE_granted, request->serial, &granted);
}

static void reply_error(int fd, uint32_t serial, enum wire_errno code)
{
	struct wire_error error = {.code = code, .text = "a fake says so"};

	reply(fd, WIRE_error, serial, &error);
}

static void reply_right(int fd, const struct wire_frame *request, bool tracked)
{
	struct wire_done done = {0};

	if (request->type == WIRE_close)
		reply(fd, WIRE_done, request->serial, &done);
	else
		reply_granted(fd, request->serial, tracked);
}

/* Random, but surely not a message: the second half of the header must be zero. */
static void reply_rubbish(int fd)
{
	uint8_t bytes[200];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		err(2, "getrandom");
	bytes[2] |= 1;
	(void)send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

/* A byte is a packet. The peer hangs up early or late, but no later than its deadline. */
static void reply_slowly(int fd)
{
	struct pollfd hangup = {.fd = fd, .events = POLLRDHUP};

	do
		(void)send(fd, "\0", 1, MSG_NOSIGNAL);
	while (poll(&hangup, 1, 100) == 0);
}

static void reply_wrongly(int fd, uint32_t serial)
{
	struct wire_page page = {.last = 1};

	reply(fd, WIRE_page, serial, &page);
}

/* Only the very same request, and no new one, may follow a broken connection. */
static void reply_second(int fd, const struct wire_frame *request)
{
	static struct wire_frame first;
	static bool waiting;

	if (!waiting) {
		first = *request;
		waiting = true;
		return;
	}
	waiting = false;
	if (first.type == request->type &&
		memcmp(&first.u, &request->u, wire_info(request->type)->size) == 0)
		reply_right(fd, request, true);
	else
		reply_error(fd, request->serial, WIRE_E_INVALID);
}

/* False: nothing more is to come on this connection. */
static bool answer(enum fake fake, int fd, const struct wire_frame *request)
{
	struct wire_welcome welcome = {.version = WIRE_VERSION_MAX, .program = "fake"};
	struct wire_refused refused = {.reason = REASON_CAP, .text = FAKE_REFUSAL};
	static const struct wire_outdated outdated;

	if (request->type == WIRE_hello && fake == FAKE_version) {
		reply_error(fd, request->serial, WIRE_E_VERSION);
		return false;
	}
	if (request->type == WIRE_hello) {
		reply(fd, WIRE_welcome, request->serial, &welcome);
		return true;
	}
	switch (fake) {
	case FAKE_error:
		reply_error(fd, request->serial, WIRE_E_UNAVAILABLE);
		return true;
	case FAKE_wrongtype:
		reply_wrongly(fd, request->serial);
		return true;
	case FAKE_outdated:
		reply(fd, WIRE_outdated, request->serial, &outdated);
		return true;
	case FAKE_tells:
		if (request->type == WIRE_close)
			reply_right(fd, request, true);
		else
			reply_telling(fd, request);
		return true;
	case FAKE_refuse:
		reply(fd, WIRE_refused, request->serial, &refused);
		return true;
	case FAKE_breaks:
		reply_second(fd, request);
		return false;
	default:
		reply_right(fd, request, fake != FAKE_untracked);
		return true;
	}
}

static void converse(enum fake fake, int fd)
{
	static uint8_t buf[WIRE_MAX];
	static struct wire_frame request;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		if (fake == FAKE_rubbish)
			reply_rubbish(fd);
		else if (fake == FAKE_slow)
			reply_slowly(fd);
		else if (wire_decode(buf, (size_t)n, &request) < 0 || !answer(fake, fd, &request))
			break;
	}
}

static void serve(enum fake fake, int listener)
{
	int fd;

	if (fake == FAKE_hang || fake == FAKE_full)
		for (;;)
			pause();
	for (;;) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			_exit(2);
		if (fake == FAKE_late)
			continue; /* and stays open */
		if (fake != FAKE_eof)
			converse(fake, fd);
		close(fd);
	}
}

/* Connects until nobody more is let into the backlog; the connections stay. */
static void fill_backlog(const struct sockaddr_un *addr)
{
	int fd;

	for (;;) {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			err(2, "socket");
		if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
			break;
	}
	if (errno != EAGAIN)
		err(2, "connect to the full backlog");
}

/* Who listens is who the peer sees, so the foreign one is another user at this moment. */
static int listen_as(enum fake fake, const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		err(2, "%s", addr->sun_path);
	if (fake == FAKE_foreign && seteuid(NOBODY) < 0)
		err(2, "seteuid");
	if (listen(fd, fake == FAKE_full ? 1 : 64) < 0)
		err(2, "listen");
	if (fake == FAKE_foreign && seteuid(0) < 0)
		err(2, "seteuid");
	return fd;
}

pid_t fake_start(enum fake fake, const char *dir)
{
	struct sockaddr_un addr = address(dir);
	pid_t parent = getpid(), pid;
	int fd, ready[2];
	char c;

	if (fake == FAKE_none)
		return 0;
	fd = listen_as(fake, &addr);
	if (pipe2(ready, O_CLOEXEC) < 0)
		err(2, "pipe");
	pid = fork();
	if (pid < 0)
		err(2, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(2);
		if (fake == FAKE_full)
			fill_backlog(&addr);
		close(ready[0]);
		close(ready[1]);
		serve(fake, fd);
	}
	close(fd);
	close(ready[1]);
	/* the end of the file says that it is ready */
	while (read(ready[0], &c, 1) < 0 && errno == EINTR)
		;
	close(ready[0]);
	return pid;
}

void fake_stop(pid_t pid, const char *dir)
{
	struct sockaddr_un addr = address(dir);

	if (pid == 0)
		return;
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		err(2, "waitpid");
	if (unlink(addr.sun_path) < 0)
		err(2, "%s", addr.sun_path);
}
