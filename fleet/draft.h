/* A small file that is written anew: who reads it, also after a crash, finds the one before or the
 * new one, whole. */
#ifndef FLEET_DRAFT_H
#define FLEET_DRAFT_H

#include <stdbool.h>
#include <stdio.h>

#define DRAFT_PATH 4096

struct draft {
	const char *path; /* lent */
	char fresh[DRAFT_PATH + 8];
	FILE *f; /* to be written to; whether that went well is seen at the end */
};

/* -errno; then there is nothing to end. */
int draft_begin(struct draft *d, const char *path);
/* Puts it into its place. `durable`: it is on disk then, and outlasts a loss of power. -errno: the
 * one before is still there. */
int draft_end(struct draft *d, bool durable);

/* Closes a file that was written to. -errno: not all of it came there. */
int draft_close(FILE *f);

#endif
