#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "common/wire.h"
#include "reauth/listener.h"

#define BACKLOG 256
/* Where the socket is not ours, this process is worth nothing while nobody asks. */
#define IDLE_MS 60000
/* Out of processes or descriptors: look again so much later. */
#define PAUSE_MS 100

struct listener {
	const struct listener_options *o;
	int fd;
	int signals;
	unsigned n;
	struct {
		pid_t pid; /* 0: a free place */
		uid_t uid;
	} hearing[LISTENER_HEARINGS];
};

static int bind_to(int fd, const struct sockaddr_un *addr)
{
	mode_t before = umask(0);
	int r = 0;

	if (unlink(addr->sun_path) < 0 && errno != ENOENT)
		r = -errno;
	else if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ||
		 listen(fd, BACKLOG) < 0)
		r = -errno;
	umask(before);
	return r;
}

static int make_socket(const char *dir)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, r, on = 1;

	r = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, WIRE_REAUTH_SOCKET);
	if (r < 0 || (size_t)r >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* before anybody can connect: what is accepted inherits it, and its first packet names its
	 * sender */
	r = setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ? -errno
									 : bind_to(fd, &addr);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int take_over(int fd)
{
	int type = 0, listening = 0, on = 1;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		return -errno;
	if (type != SOCK_SEQPACKET || !listening)
		return -EINVAL;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
		fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return fd;
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static unsigned hearings_of(const struct listener *l, uid_t uid)
{
	unsigned i, n = 0;

	for (i = 0; i < LISTENER_HEARINGS; i++)
		n += l->hearing[i].pid != 0 && l->hearing[i].uid == uid;
	return n;
}

static void turn_away(int fd)
{
	struct wire_error msg = {.code = WIRE_E_LIMIT};
	uint8_t buf[1024];
	size_t len;

	snprintf(msg.text, sizeof(msg.text), "you are asked already, %d times at once",
		LISTENER_OF_ONE);
	if (wire_encode(WIRE_error, 1, &msg, buf, sizeof(buf), &len) == 0)
		(void)send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* In the child: this program, with the connection as its standard input. */
static void become_hearing(const struct listener *l, int fd)
{
	char self[] = "sessd-reauth", option[] = "--runtime-dir", dir[4096];
	char *argv[] = {self, option, dir, NULL}, *envp[] = {NULL};
	sigset_t none;

	sigemptyset(&none);
	if ((size_t)snprintf(dir, sizeof(dir), "%s", l->o->dir) >= sizeof(dir) ||
		dup2(fd, STDIN_FILENO) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		_exit(1);
	execve("/proc/self/exe", argv, envp);
	syslog(LOG_ERR, "cannot start for a connection: %s", strerror(errno));
	_exit(1);
}

static void hear(struct listener *l, int fd, uid_t uid)
{
	unsigned i;
	pid_t pid;

	for (i = 0; l->hearing[i].pid != 0; i++)
		;
	pid = fork();
	if (pid == 0)
		become_hearing(l, fd);
	if (pid < 0) {
		syslog(LOG_ERR, "no process for a connection: %s", strerror(errno));
		return;
	}
	l->hearing[i].pid = pid;
	l->hearing[i].uid = uid;
	l->n++;
}

static void accept_one(struct listener *l, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		if (hearings_of(l, cred.uid) >= LISTENER_OF_ONE)
			turn_away(fd);
		else
			hear(l, fd, cred.uid);
	}
	close(fd);
}

/* False: out of descriptors, so wait a moment. */
static bool accept_some(struct listener *l)
{
	int fd;

	while (l->n < LISTENER_HEARINGS) {
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
			       errno != ENOBUFS;
		accept_one(l, fd);
	}
	return true;
}

static void collect(struct listener *l)
{
	unsigned i;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (i = 0; i < LISTENER_HEARINGS; i++)
			if (l->hearing[i].pid == pid) {
				l->hearing[i].pid = 0;
				l->n--;
			}
}

/* False: it is told to stop. */
static bool handle_signals(struct listener *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			return false;
		collect(l);
	}
	return true;
}

static int serve(struct listener *l)
{
	/* the first one, so that the other can be left out */
	struct pollfd p[] = {{.fd = l->signals, .events = POLLIN}, {.fd = l->fd, .events = POLLIN}};
	bool idle_ends = l->o->fd >= 0;
	int n;

	for (;;) {
		n = poll(
			p, l->n < LISTENER_HEARINGS ? 2 : 1, l->n == 0 && idle_ends ? IDLE_MS : -1);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && p[0].revents != 0 && !handle_signals(l))
			return 0;
		if (n > 0 && p[1].revents != 0 && !accept_some(l))
			poll(p, 1, PAUSE_MS);
		p[1].revents = 0;
	}
}

int listener_serve(const struct listener_options *o)
{
	struct listener l = {.o = o};
	int r;

	l.fd = o->fd >= 0 ? take_over(o->fd) : make_socket(o->dir);
	r = l.fd;
	if (r >= 0) {
		l.signals = block_signals();
		r = l.signals;
	}
	if (r >= 0)
		r = serve(&l);
	if (r < 0)
		syslog(LOG_ERR, "%s/%s: %s", o->dir, WIRE_REAUTH_SOCKET, strerror(-r));
	return r < 0 ? 1 : 0;
}
