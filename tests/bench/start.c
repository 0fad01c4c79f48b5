/*
 * load start CTL-SOCKET|- COMMAND...: starts a daemon that says READY=1 to NOTIFY_SOCKET, asks it
 * for its status if it is sessd, and prints its pid and how long it took from before the exec to
 * the answer (ns). At SIGTERM it kills the daemon, as a power cut would, and waits for its end.
 */
#include <err.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/client.h"
#include "common/duration.h"
#include "common/timestamp.h"
#include "tests/bench/load.h"
#include "tests/bench/samples.h"

#define PATIENCE_MS 60000

/* A datagram socket under a name that the kernel chose, which goes into the environment. */
static int notify_socket(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(addr);
	char name[sizeof(addr.sun_path) + 1];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(sa_family_t)) < 0 ||
		getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		err(1, "socket");
	snprintf(name, sizeof(name), "@%.*s", (int)(len - sizeof(sa_family_t) - 1),
		addr.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void wait_until_ready(int fd, int pidfd, const char *program)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	char text[512];
	ssize_t n;

	for (;;) {
		if (poll(p, 2, PATIENCE_MS) <= 0)
			errx(1, "%s does not get ready", program);
		if (!(p[0].revents & POLLIN))
			errx(1, "%s ended before it was ready", program);
		n = recv(fd, text, sizeof(text) - 1, 0);
		if (n < 0)
			err(1, "recv");
		text[n] = '\0';
		if (strstr(text, "READY=1") != NULL)
			return;
	}
}

static void ask_status(const char *path)
{
	struct client *c = malloc(sizeof(*c));
	const struct wire_status status = {};
	enum client_status s;

	if (c == NULL)
		err(1, "memory");
	s = client_open(c, path, "bench", clock_boot() + PATIENCE_MS * NS_PER_MS);
	if (s == CLIENT_OK)
		s = client_send(c, WIRE_status, &status);
	if (s == CLIENT_OK)
		s = client_recv(c, c->buf, &c->frame);
	if (s != CLIENT_OK || c->frame.type != WIRE_state)
		errx(1, "%s: status: %s", path, client_status_words(s));
	client_close(c);
	free(c);
}

int load_start(char **argv)
{
	int fd = notify_socket(), pidfd, sig;
	uint64_t began = now_ns();
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		execvp(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
	if (pidfd < 0)
		err(1, "%s", argv[2]);
	wait_until_ready(fd, pidfd, argv[2]);
	if (strcmp(argv[1], "-") != 0)
		ask_status(argv[1]);
	printf("%d %" PRIu64 "\n", (int)pid, now_ns() - began);
	fflush(stdout);
	sigwait(&set, &sig);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
