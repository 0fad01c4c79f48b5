/*
 * Records in the kernel's audit log, for the events that it has types for: a login over its cap or
 * from a locked source, a session that was ended by an order, a lock. It is a sink of a feed.
 *
 * libaudit is loaded when it is asked for, and not linked: a daemon that writes no such records
 * has neither it nor libcap-ng in a process of root's. It takes CAP_AUDIT_WRITE and a netlink
 * socket, which the unit withholds unless a drop-in gives them.
 */
#ifndef SESSD_AUDITD_H
#define SESSD_AUDITD_H

#include <stddef.h>

#include "sessd/feed.h"

/* The library, as Debian 12 has it. */
#define AUDITD_LIBRARY "libaudit.so.1"

/* Bytes of a record's text, at the most. */
#define AUDITD_TEXT 2048

struct auditd {
	void *library; /* NULL: not loaded */
	int fd;	       /* -1: none */
};

#define AUDITD_INIT      \
	{                \
		.fd = -1 \
	}

/* The kernel's log as a sink, whose target is the library; a must live as long as the feed. */
struct feed_sink auditd_sink(struct auditd *a);

/* The record of an event: type is 0 where it makes none. */
struct auditd_record {
	int type;
	bool success;
	char text[AUDITD_TEXT]; /* `op=… acct=… ses=…` */
	char addr[64];		/* "?" where there is none */
	char terminal[256];
};

void auditd_record(const char *line, size_t len, struct auditd_record *ret);

#endif
