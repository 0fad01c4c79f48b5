/*
 * A file that appears whole or not at all: written beside its place under another name, synced, and
 * renamed. One at a time.
 */
#ifndef SESSCTL_OUTFILE_H
#define SESSCTL_OUTFILE_H

#include <limits.h>
#include <stdio.h>

struct outfile {
	FILE *f;
	int error; /* the first write that failed: -errno */
	const char *path;
	char temp[PATH_MAX];
};

/*
 * Mode 0600. `path` must live as long as `o`. What stands there already must be a regular file
 * (-EEXIST otherwise: a device or a link is not to be replaced). HUP, INT and TERM remove the
 * half-written file before they end the process. -errno.
 */
int outfile_open(struct outfile *o, const char *path);

/* Sends what was written to o->f on its way. -errno, which outfile_commit() gives again. */
int outfile_flush(struct outfile *o);

/* Puts it in its place, on disk. On failure nothing is left of it. -errno. */
int outfile_commit(struct outfile *o);

/* What such an error is called, for a message. */
const char *outfile_words(int error);

/* Throws it away. Does nothing after a commit, or after an open that failed. */
void outfile_abort(struct outfile *o);

#endif
