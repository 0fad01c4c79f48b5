/*
 * A service manager in small: runs one command, with NOTIFY_SOCKET and, if asked, with the daemon's
 * two sockets handed over as systemd would. Lines of output: `pid N`, each notification (READY=1),
 * and at last `exit STATUS` or `signal NUMBER`.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sessd/proc.h"
#include "tests/lib/wirepeer.h"

/* Behind the descriptors that are handed over. */
#define FIRST_FREE 10

/* Bound and, where it is of that kind, listening. An empty path: an abstract name of the kernel's
 * choice. */
static int bind_socket(int type, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(addr.sun_family);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), high;

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		die("socket");
	if (*path != '\0') {
		memcpy(addr.sun_path, path, strlen(path));
		len = sizeof(addr);
	}
	if (bind(fd, (const struct sockaddr *)&addr, len) < 0)
		die("bind");
	if (type == SOCK_SEQPACKET && listen(fd, 4096) < 0)
		die("listen");
	high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
	if (high < 0)
		die("descriptors");
	close(fd);
	return high;
}

/* In the child: the two sockets become descriptors 3 and 4. */
static void hand_over(const int fds[2])
{
	char pid[16];

	if (dup2(fds[0], 3) < 0 || dup2(fds[1], 4) < 0)
		die("dup2");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	/* not in the daemon's own order */
	setenv("LISTEN_FDNAMES", WIRE_CTL_SOCKET ":" WIRE_PAM_SOCKET, 1);
}

static void set_notify_socket(int fd)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);
	char name[sizeof(addr.sun_path) + 1] = "@";
	size_t n;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		die("getsockname");
	n = len - sizeof(addr.sun_family) - 1;
	memcpy(name + 1, addr.sun_path + 1, n);
	name[1 + n] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
}

static pid_t start(char **argv, int notify, const int *fds)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	set_notify_socket(notify);
	if (fds != NULL)
		hand_over(fds);
	execvp(argv[0], argv);
	die(argv[0]);
}

static void print_notification(int fd)
{
	char text[512];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	/* one for each login: it keeps nothing, and nobody wants to read that */
	if (strncmp(text, "FDSTORE", strlen("FDSTORE")) != 0)
		puts(text);
}

static void watch(pid_t pid, int notify)
{
	struct pollfd p[] = {
		{.fd = notify, .events = POLLIN}, {.fd = pidfd_open_pid(pid), .events = POLLIN}};
	int status;

	if (p[1].fd < 0)
		die("pidfd");
	/* what it said before it died is told before its death */
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			die("poll");
		if (p[0].revents & POLLIN)
			print_notification(notify);
		else if (p[1].revents & POLLIN)
			break;
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("exit %d\n", WEXITSTATUS(status));
}

int manager_main(int argc, char **argv)
{
	int notify = bind_socket(SOCK_DGRAM, ""), fds[2];
	bool listening = argc > 2 && strcmp(argv[0], "-l") == 0;
	char path[256];
	pid_t pid;

	if (listening) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], WIRE_CTL_SOCKET);
		fds[0] = bind_socket(SOCK_SEQPACKET, path);
		snprintf(path, sizeof(path), "%s/%s", argv[1], WIRE_PAM_SOCKET);
		fds[1] = bind_socket(SOCK_SEQPACKET, path);
		argv += 2;
	}
	pid = start(argv, notify, listening ? fds : NULL);
	printf("pid %d\n", (int)pid);
	if (listening) {
		close(fds[0]);
		close(fds[1]);
	}
	watch(pid, notify);
	return 0;
}
