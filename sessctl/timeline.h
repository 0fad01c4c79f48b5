/*
 * Counts over time, in at most TIMELINE_SPANS spans of one width, which grows with the time that
 * they cover: from a minute to years. Of fixed size.
 */
#ifndef SESSCTL_TIMELINE_H
#define SESSCTL_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#define TIMELINE_SPANS 120

struct span {
	uint64_t logins, refused, ended; /* `ended`: by sessd */
	int64_t peak;			 /* most sessions at a time; INT64_MIN: nothing was said */
	int64_t level;			 /* sessions at its end, where `peak` is known */
};

struct timeline {
	uint64_t begin; /* ns since the epoch, of the first span: a multiple of the width */
	size_t width;	/* which: see timeline_width() */
	size_t n;	/* spans up to the last in use; 0: nothing yet */
	struct span span[TIMELINE_SPANS];
};

void timeline_init(struct timeline *t);

/* The span at that time, made where it is missing. */
struct span *timeline_at(struct timeline *t, uint64_t time);

/* Sets peak and level of the spans about which nothing was said from those before. */
void timeline_fill(struct timeline *t);

/* ns of one span. */
uint64_t timeline_width(const struct timeline *t);

#endif
