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
 * The descriptor (now CLOEXEC) of the socket that was handed over under the name, by
 * LISTEN_FDNAMES, or -1. Call it for every name, then notify_forget().
 */
int notify_socket(const char *name);
void notify_forget(void);

#endif
