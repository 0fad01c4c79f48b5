#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sessd/log.h"
#include "sessd/notify.h"

#define FIRST_FD 3

void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(addr.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(addr.sun_path, path, len);
	/* an abstract address */
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		log_warning("NOTIFY_SOCKET %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* How many descriptors are for this process. */
static int listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	long count;

	if (pid == NULL || n == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	count = strtol(n, NULL, 10);
	return count > 0 && count < 16 ? (int)count : 0;
}

int notify_socket(const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES"), *end;
	int i, n = listen_fds();

	for (i = 0; names != NULL && i < n; i++) {
		end = strchrnul(names, ':');
		if ((size_t)(end - names) == strlen(name) &&
			strncmp(names, name, strlen(name)) == 0) {
			if (fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC) < 0)
				return -1;
			return FIRST_FD + i;
		}
		names = *end ? end + 1 : end;
	}
	return -1;
}

void notify_forget(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}
