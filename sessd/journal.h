/*
 * The events in journald, each as an entry with a field for each member: SESSD_EVENT, SESSD_USER
 * and so on. It is a sink of a feed, and speaks the native protocol of the journal's socket itself
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL): see notify.h for why not through libsystemd.
 */
#ifndef SESSD_JOURNAL_H
#define SESSD_JOURNAL_H

#include <stddef.h>

#include "sessd/feed.h"

/* Where journald listens. */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Bytes of an entry: those of a line, and its names once more. */
#define JOURNAL_ENTRY 65536

struct journal {
	int fd; /* -1: none */
	char entry[JOURNAL_ENTRY];
};

#define JOURNAL_INIT     \
	{                \
		.fd = -1 \
	}

/* The journal as a sink, whose target is a socket; j must live as long as the feed. */
struct feed_sink journal_sink(struct journal *j);

/* A line of the ledger as an entry. Its length; 0: it does not fit. */
size_t journal_entry(const char *line, size_t len, char ret[JOURNAL_ENTRY]);

#endif
