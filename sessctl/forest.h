/*
 * Which session stands under which: the logins in the order of their beginnings, under each what
 * was opened within it, and the lines that show that.
 */
#ifndef SESSCTL_FOREST_H
#define SESSCTL_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sid.h"

/* Levels whose lines are drawn; what stands deeper is drawn as if it stood there. */
#define FOREST_LEVELS 16
/* Bytes of the lines in front of one session: two characters of three bytes a level. */
#define FOREST_LEAD (FOREST_LEVELS * 6 + 1)

struct forest_node;

struct forest {
	struct forest_node *nodes;
	size_t n;
	size_t size; /* nodes that there is room for */
};

/* A forest begins zeroed. */
void forest_fini(struct forest *f);

/*
 * One more session, which is called by its number from here on: 0, 1, 2, ... A parent that is not
 * in the forest when it is read is as good as none. wanted: see forest_each(). -ENOMEM.
 */
int forest_add(struct forest *f, const struct sid *sid, const struct sid *parent,
	uint64_t opened_at, bool wanted);

/*
 * Calls fn with each session that is wanted, or stands in one tree with one that is, in the order
 * in which they are shown. lead: the lines in front of it, in UTF-8 or plain. 0; -ENOMEM; or what
 * fn returned that was not 0, after which it is not called again.
 */
int forest_each(struct forest *f, bool utf8, int (*fn)(void *ctx, size_t number, const char *lead),
	void *ctx);

#endif
