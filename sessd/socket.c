#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sessd/log.h"
#include "sessd/notify.h"
#include "sessd/socket.h"

/* Logins that may wait to be accepted; the kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

static int check_handed_over(int fd, const char *name)
{
	int type = 0, listening = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		return -errno;
	if (type != SOCK_SEQPACKET || !listening) {
		log_error("%s: the socket that the service manager handed over is not "
			  "ListenSequentialPacket=",
			name);
		return -EINVAL;
	}
	/* the loop accepts until there is nobody left */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return fd;
}

static int bind_to(int fd, const struct sockaddr_un *addr, mode_t mode)
{
	mode_t before = umask(0777 & ~mode);
	int r = 0, on = 1;

	/* before anybody can connect; see peers_listen() */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		r = -errno;
	else if (unlink(addr->sun_path) < 0 && errno != ENOENT)
		r = -errno;
	else if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ||
		 listen(fd, BACKLOG) < 0)
		r = -errno;
	umask(before);
	return r;
}

int socket_listen(const char *dir, const char *name, mode_t mode)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = notify_socket(name), r;

	if (fd >= 0)
		return check_handed_over(fd, name);
	if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, name) >=
		sizeof(addr.sun_path)) {
		log_error("%s/%s: the path is longer than a socket's may be (%zu bytes)", dir, name,
			sizeof(addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : bind_to(fd, &addr, mode);
	if (r < 0) {
		log_error("%s: %s", addr.sun_path, strerror(-r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	return fd;
}
