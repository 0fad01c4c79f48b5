/*
 * The two ends of a private host's life, beside host.sh.
 *
 *	init start [-o PID] COMMAND…	new namespaces, COMMAND as their process 1; prints its pid
 *out here once it said that it is ready; with -o the host ends when PID does
 *	init reap LOG		what COMMAND becomes when the root is built: collects orphans and
 *				writes what comes to /dev/log to the file LOG
 *	init cgroup2 DIR COMMAND…	COMMAND in a mount namespace of its own that has cgroup2 at
 *DIR
 *
 * unshare(1) would do for most of it, but refuses in a chroot, where `/` is no mount point.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors that process 1 inherits. */
enum { FD_READY = 3, FD_OWNER = 4, FD_FREE = 5 };

static void die(const char *what)
{
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
	exit(1);
}

/*
 * In a chroot the mount that holds the root is out of reach, so it can be neither made private nor
 * pivoted. Step out of the chroot by its one well-known hole (a working directory above the root),
 * make everything private there, and come back to a root that is a mount point.
 */
static void mounts_private_in_chroot(void)
{
	struct stat here, up;
	int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old < 0 || chdir("/") || chroot("/proc"))
		die("chroot");
	for (;;) {
		if (stat(".", &here) || chdir("..") || stat(".", &up))
			die("..");
		if (here.st_ino == up.st_ino && here.st_dev == up.st_dev)
			break;
	}
	if (chroot("."))
		die("chroot to the real root");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("make the mounts private");
	if (fchdir(old) || mount(".", ".", NULL, MS_BIND | MS_REC, NULL))
		die("bind the root on itself");
	/* The bind mount lies over the directory that `old` names; step from above onto it. */
	char path[4096];

	if (!getcwd(path, sizeof(path)) || chdir("/") || chdir(path) || chroot(".") || chdir("/"))
		die("return to the chroot");
	close(old);
}

static void mounts_private(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return;
	if (errno != EINVAL)
		die("make the mounts private");
	mounts_private_in_chroot();
}

static void loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("bring lo up");
	close(fd);
}

/* Puts fd at `place`, or makes sure that nothing is there. */
static void place_fd(int fd, int place)
{
	if (fd < 0)
		close(place);
	else if (fd != place && dup2(fd, place) < 0)
		die("dup2");
}

static void become_process_1(int ready, int owner, char *argv[])
{
	int null = open("/dev/null", O_RDWR);
	/* Out of the way of the places that they go to. */
	int r = fcntl(ready, F_DUPFD, FD_FREE);
	int o = owner < 0 ? -1 : fcntl(owner, F_DUPFD, FD_FREE);

	if (null < 0 || r < 0 || dup2(null, 0) < 0)
		die("descriptors");
	place_fd(r, FD_READY);
	place_fd(o, FD_OWNER);
	close_range(FD_FREE, ~0U, 0);
	setsid();
	execvp(argv[0], argv);
	die(argv[0]);
}

static int start(int argc, char *argv[])
{
	int ready[2], owner = -1, flags;
	char byte;

	if (argc > 1 && strcmp(argv[0], "-o") == 0) {
		owner = (int)syscall(SYS_pidfd_open, (pid_t)atoi(argv[1]), 0);
		if (owner < 0)
			die("the owner");
		argv += 2;
	}
	flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC |
		CLONE_NEWCGROUP;
	if (unshare(flags))
		die("unshare");
	mounts_private();
	loopback_up();
	if (pipe2(ready, O_CLOEXEC))
		die("pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		become_process_1(ready[1], owner, argv);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return 1;
	}
	printf("%d\n", (int)pid);
	return 0;
}

static int listen_for_syslog(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || chmod("/dev/log", 0666))
		die("/dev/log");
	return fd;
}

/* One message, one line, whatever bytes are in it: tests look at what came, unchanged. */
static void copy_syslog(int from, int to)
{
	char line[8193];
	ssize_t n = recv(from, line, sizeof(line) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return;
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\0'))
		n--;
	line[n++] = '\n';
	if (write(to, line, (size_t)n) != n)
		die("the log");
}

static void reap_children(int sigfd)
{
	struct signalfd_siginfo info;

	if (read(sigfd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM)
		exit(0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Returns when the owner is gone; the kernel then kills whatever else is in the host. */
static int reap(const char *log)
{
	sigset_t signals;
	/* First, before something else gets that number. */
	int owner = fcntl(FD_OWNER, F_GETFD) < 0 ? -1 : FD_OWNER;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int to = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	struct pollfd fds[] = {
		{.fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN},
		{.fd = listen_for_syslog(), .events = POLLIN},
		{.fd = owner, .events = POLLIN},
	};
	if (null < 0 || to < 0 || fds[0].fd < 0)
		die("reap");
	dup2(null, 1);
	dup2(null, 2);
	if (write(FD_READY, "1", 1) != 1)
		die("say that it is ready");
	close(FD_READY);
	for (;;) {
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0 && errno != EINTR)
			die("poll");
		if (fds[0].revents)
			reap_children(fds[0].fd);
		if (fds[1].revents)
			copy_syslog(fds[1].fd, to);
		if (fds[2].revents)
			return 0;
	}
}

static int with_cgroup2(const char *dir, char *argv[])
{
	if (unshare(CLONE_NEWNS))
		die("unshare");
	mounts_private();
	if (mount("cgroup2", dir, "cgroup2", 0, NULL))
		die("mount cgroup2");
	execvp(argv[0], argv);
	die(argv[0]);
	return 1;
}

int main(int argc, char *argv[])
{
	if (argc > 2 && strcmp(argv[1], "start") == 0)
		return start(argc - 2, argv + 2);
	if (argc == 3 && strcmp(argv[1], "reap") == 0)
		return reap(argv[2]);
	if (argc > 3 && strcmp(argv[1], "cgroup2") == 0)
		return with_cgroup2(argv[2], argv + 3);
	fprintf(stderr, "usage: init start [-o PID] COMMAND… | reap LOG | cgroup2 DIR COMMAND…\n");
	return 2;
}
