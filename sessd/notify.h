/*
 * The service manager's protocol: sockets that it opened (LISTEN_FDS) and what it is told
 * (NOTIFY_SOCKET), as sd_listen_fds(3) and sd_notify(3) describe them. Own lines, because
 * libsystemd would bring compression and encryption libraries into a process that runs as root.
 */
#ifndef SESSD_NOTIFY_H
#define SESSD_NOTIFY_H

/* Sends `READY=1` and the like; does nothing where nobody listens. */
void notify(const char *state);

/*
 * The same from the loop, which may not wait for the service manager, and with a descriptor to keep
 * (or -1), which is lent. -ENOENT where nobody listens, -EAGAIN where it has too much to read, or
 * another -errno.
 */
int notify_now(const char *state, int carried);

/* What was handed over, by LISTEN_FDNAMES: each descriptor (now CLOEXEC) and its name. */
typedef void notify_fd_fn(void *ctx, const char *name, int fd);
void notify_each(notify_fd_fn *fn, void *ctx);

/* The first of that name, or -1. Call it for every name, then notify_forget(). */
int notify_socket(const char *name);
void notify_forget(void);

#endif
