/*
 * The listening sockets: from the service manager, or made here.
 */
#ifndef SESSD_SOCKET_H
#define SESSD_SOCKET_H

#include <sys/types.h>

/*
 * The socket `name` (pam.sock, ctl.sock): the one that the service manager handed over under that
 * name, else a new SOCK_SEQPACKET socket dir/name with that mode, in the place of one that a daemon
 * before left behind. -errno, logged.
 */
int socket_listen(const char *dir, const char *name, mode_t mode);

#endif
