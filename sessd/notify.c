#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sessd/log.h"
#include "sessd/notify.h"

#define FIRST_FD 3
/* Of sd_listen_fds_with_names(3). */
#define FDNAME_MAX 255
/* More sockets and descriptors than sessd ever asked to have kept. */
#define HANDED_OVER_MAX 8192

/* -ENOENT where nobody is to be told. */
static int notify_address(struct sockaddr_un *ret, socklen_t *ret_len)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;

	if (len == 0 || len >= sizeof(ret->sun_path) || (path[0] != '/' && path[0] != '@'))
		return -ENOENT;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->sun_path, path, len);
	/* an abstract address */
	if (path[0] == '@')
		ret->sun_path[0] = '\0';
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

static int send_state(const char *state, int carried, int flags)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct sockaddr_un addr;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)state, .iov_len = strlen(state)};
	struct msghdr msg = {.msg_name = &addr, .msg_iov = &iov, .msg_iovlen = 1};
	int fd, r = notify_address(&addr, &msg.msg_namelen);

	if (r < 0)
		return r;
	if (carried >= 0) {
		control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&control.header), &carried, sizeof(carried));
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = sendmsg(fd, &msg, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
	close(fd);
	return r;
}

void notify(const char *state)
{
	int r = send_state(state, -1, 0);

	if (r < 0 && r != -ENOENT)
		log_warning("NOTIFY_SOCKET %s: %s", getenv("NOTIFY_SOCKET"), strerror(-r));
}

int notify_now(const char *state, int carried)
{
	return send_state(state, carried, MSG_DONTWAIT);
}

/* How many descriptors are for this process. */
static int listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	long count;

	if (pid == NULL || n == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	count = strtol(n, NULL, 10);
	return count > 0 && count <= HANDED_OVER_MAX ? (int)count : 0;
}

void notify_each(notify_fd_fn *fn, void *ctx)
{
	const char *names = getenv("LISTEN_FDNAMES"), *end;
	char name[FDNAME_MAX + 1];
	int i, n = listen_fds();

	for (i = 0; names != NULL && i < n; i++) {
		end = strchrnul(names, ':');
		if (end - names <= FDNAME_MAX && fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC) == 0) {
			memcpy(name, names, (size_t)(end - names));
			name[end - names] = '\0';
			fn(ctx, name, FIRST_FD + i);
		}
		names = *end ? end + 1 : end;
	}
}

struct wanted {
	const char *name;
	int fd;
};

static void compare(void *ctx, const char *name, int fd)
{
	struct wanted *w = ctx;

	if (w->fd < 0 && strcmp(name, w->name) == 0)
		w->fd = fd;
}

int notify_socket(const char *name)
{
	struct wanted w = {.name = name, .fd = -1};

	notify_each(compare, &w);
	return w.fd;
}

void notify_forget(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}
