/*
 * sessd-reauth: lets the user of a session prove himself again, by PAM, without sudo. It is the one
 * program that runs PAM as root on a user's demand.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "common/version.h"
#include "common/wire.h"
#include "reauth/hearing.h"
#include "reauth/listener.h"

#define DEFAULT_DIR "/run/sessd"
/* The descriptor of the first socket that a service manager hands over, sd_listen_fds(3). */
#define HANDED_OVER 3
/* A PAM module that does not come back is given so much longer than the conversation, s. */
#define MODULE_SLACK 30

static const struct option options[] = {
	{"listen", no_argument, NULL, 'l'},
	{"runtime-dir", required_argument, NULL, 'r'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char help[] =
	"usage: sessd-reauth [--listen] [--runtime-dir DIR]\n"
	"Lets the user of a session prove himself again; see sessd-reauth(8).\n"
	"\n"
	"  -l, --listen           wait for connections; without it, standard input is one\n"
	"  -r, --runtime-dir DIR  where the sockets are (default /run/sessd)\n"
	"  -V, --version          print the version and exit\n"
	"  -h, --help             print this and exit\n";

struct arguments {
	const char *dir;
	bool listen;
};

/* The status of the program, or -1 where it goes on. */
static int read_arguments(int argc, char **argv, struct arguments *ret)
{
	int c;

	while ((c = getopt_long(argc, argv, "lr:Vh", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			ret->listen = true;
			break;
		case 'r':
			ret->dir = optarg;
			break;
		case 'V':
			printf("sessd-reauth %s\n", SESSD_VERSION);
			return 0;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs(help, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(help, stderr);
		return 2;
	}
	return -1;
}

/* The listening socket of a service manager, or -1. */
static int handed_over(void)
{
	const char *n = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");

	if (n == NULL || pid == NULL || strcmp(n, "1") != 0 ||
		strtol(pid, NULL, 10) != (long)getpid())
		return -1;
	return HANDED_OVER;
}

/*
 * What is inherited is nobody's business here, and not PAM's modules': the environment,
 * descriptors, the folder, the umask. No core is written, and no debugger of the user's sees a
 * password.
 */
static bool become_quiet(void)
{
	const struct rlimit none = {.rlim_cur = 0};

	return clearenv() == 0 && setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) == 0 &&
	       chdir("/") == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* Whatever is opened later gets another number than those of the standard descriptors. */
static bool hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool is_connection(int fd)
{
	struct stat connection, other;

	return fstat(STDIN_FILENO, &connection) == 0 && fstat(fd, &other) == 0 &&
	       connection.st_dev == other.st_dev && connection.st_ino == other.st_ino;
}

/* Takes the connection away from where a module would read or print. -1: there is none. */
static int take_connection(void)
{
	int type = 0, fd, null;
	socklen_t len = sizeof(type);

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		type != SOCK_SEQPACKET)
		return -1;
	close_range(3, ~0U, 0);
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* a superserver makes it all three of them */
	if (fd < 0 || null < 0 || (is_connection(STDERR_FILENO) && dup2(null, STDERR_FILENO) < 0))
		return -1;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	close(null);
	return fd;
}

static int hear(const char *dir)
{
	char judge[4096];
	int fd = take_connection();

	if (fd < 0) {
		fputs("sessd-reauth: standard input is no connection; see sessd-reauth(8)\n",
			stderr);
		return 2;
	}
	if ((size_t)snprintf(judge, sizeof(judge), "%s/%s", dir, WIRE_PAM_SOCKET) >= sizeof(judge))
		return 1;
	/* as modules expect them, who may start programs */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned)(HEARING_TIMEOUT / NS_PER_SEC) + MODULE_SLACK);
	return hearing_hold(fd, judge);
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.dir = DEFAULT_DIR};
	struct listener_options listener;
	int r = read_arguments(argc, argv, &arguments);

	if (r >= 0)
		return r;
	if (geteuid() != 0) {
		fputs("sessd-reauth: only root can ask PAM for others\n", stderr);
		return 1;
	}
	listener = (struct listener_options){.dir = arguments.dir, .fd = handed_over()};
	umask(077);
	if (!hold_standard_descriptors() || !become_quiet()) {
		fprintf(stderr, "sessd-reauth: %s\n", strerror(errno));
		return 1;
	}
	openlog("sessd-reauth", LOG_PID, LOG_AUTHPRIV);
	return arguments.listen ? listener_serve(&listener) : hear(arguments.dir);
}
