#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/wirepeer.h"

static const struct {
	const char *name, *arguments, *help;
	int (*main)(int argc, char **argv);
} commands[] = {
	{"crowd", "DIR", "leaders at the daemon in DIR, told what to do by lines on standard input",
		crowd_main},
	{"visits", "DIR SEED SLOTS HOLD_MS USER:UID[:GID]...",
		"leaders that come and go until SIGTERM; HOLD_MS 0: one each, that stays",
		visits_main},
	{"raw", "[-u UID] SOCKET PACKET...", "send packets, print what comes back", raw_main},
	{"flood", "[-u UID] SOCKET N", "make N connections, hold them until standard input ends",
		flood_main},
	{"requests", "[-u UID] SOCKET NAME N [deaf]",
		"send N requests; deaf: without reading an answer", requests_main},
	{"manager", "[-l DIR] COMMAND...",
		"run a service: its notifications are lines of output; -l: with sockets handed "
		"over",
		manager_main},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

void die(const char *what)
{
	fprintf(stderr, "wirepeer: %s: %s\n", what, strerror(errno));
	_exit(3);
}

int become_user(int argc, char **argv)
{
	uid_t uid;

	if (argc < 2 || strcmp(argv[0], "-u") != 0)
		return 0;
	uid = (uid_t)strtoul(argv[1], NULL, 10);
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		die("become another user");
	return 2;
}

int connect_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, saved;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

const char *error_id(uint64_t code)
{
	switch (code) {
#define ERROR_ID(id, number, exit, words) \
	case number:                      \
		return #id;
		WIRE_ERRORS(ERROR_ID)
#undef ERROR_ID
	}
	return "?";
}

static int usage(void)
{
	size_t i;

	for (i = 0; i < N_COMMANDS; i++)
		fprintf(stderr, "wirepeer %s %s\n\t%s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	return 2;
}

int main(int argc, char **argv)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; argc > 2 && i < N_COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].main(argc - 2, argv + 2);
	return usage();
}
