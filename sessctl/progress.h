/*
 * One line on a terminal that says how far something has come, once it has taken longer than a
 * second. It is wiped before anything else is written, and never appears where standard error is
 * no terminal. Time is a parameter: clock_boot().
 */
#ifndef SESSCTL_PROGRESS_H
#define SESSCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
	FILE *err;
	bool terminal;
	const char *what; /* NULL: nothing is under way */
	uint64_t started;
	uint64_t drawn; /* when the line was last written */
	bool shown;	/* it stands on the terminal now */
};

void progress_begin(struct progress *p, const char *what, uint64_t now);

/* total 0: not known, the count alone is shown. */
void progress_tick(struct progress *p, uint64_t now, uint64_t done, uint64_t total);

/* Wipes the line, so that something else can be written; the next tick brings it back. */
void progress_clear(struct progress *p);

void progress_end(struct progress *p);

#endif
