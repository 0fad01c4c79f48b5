#include <string.h>

#include "common/duration.h"
#include "sessctl/timeline.h"

#define MINUTE (60 * NS_PER_SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Each is a multiple of the one before, so that spans can be joined. The last reaches from any
 * time that 64 bits of ns hold to any other. */
static const uint64_t widths[] = {MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY,
	28 * DAY, 364 * DAY, 3640 * DAY};

/* The first Monday since the epoch, so that weeks begin on one. */
#define MONDAY (4 * DAY)

static const struct span nothing = {.peak = INT64_MIN};

void timeline_init(struct timeline *t)
{
	size_t i;

	*t = (struct timeline){0};
	for (i = 0; i < TIMELINE_SPANS; i++)
		t->span[i] = nothing;
}

uint64_t timeline_width(const struct timeline *t)
{
	return widths[t->width];
}

/* The multiple of the width at or before that time. */
static uint64_t floor_of(uint64_t time, uint64_t width)
{
	uint64_t off = (time % width + width - MONDAY % width) % width;

	return time > off ? time - off : 0;
}

static void join(struct span *to, const struct span *from)
{
	to->logins += from->logins;
	to->refused += from->refused;
	to->ended += from->ended;
	if (from->peak == INT64_MIN)
		return;
	if (from->peak > to->peak)
		to->peak = from->peak;
	to->level = from->level;
}

/* Puts what there is into spans of that width from that time on. */
static void rearrange(struct timeline *t, uint64_t begin, size_t width)
{
	struct timeline old = *t;
	size_t i, at;

	timeline_init(t);
	t->begin = begin;
	t->width = width;
	for (i = 0; i < old.n; i++) {
		at = (size_t)((old.begin + i * widths[old.width] - begin) / widths[width]);
		join(&t->span[at], &old.span[i]);
		t->n = at + 1;
	}
}

struct span *timeline_at(struct timeline *t, uint64_t time)
{
	uint64_t first, last, begin;
	size_t width = t->width, at;

	if (t->n == 0) {
		t->begin = floor_of(time, widths[width]);
		t->n = 1;
	}
	first = time < t->begin ? time : t->begin;
	last = t->begin + (t->n - 1) * widths[t->width];
	last = time > last ? time : last;
	begin = floor_of(first, widths[width]);
	while ((last - begin) / widths[width] >= TIMELINE_SPANS) {
		width++;
		begin = floor_of(first, widths[width]);
	}
	if (width != t->width || begin != t->begin)
		rearrange(t, begin, width);
	at = (size_t)((time - t->begin) / widths[t->width]);
	if (at >= t->n)
		t->n = at + 1;
	return &t->span[at];
}

void timeline_fill(struct timeline *t)
{
	size_t i;

	for (i = 1; i < t->n; i++) {
		if (t->span[i].peak == INT64_MIN)
			t->span[i].level = t->span[i - 1].level;
		if (t->span[i].peak < t->span[i - 1].level)
			t->span[i].peak = t->span[i - 1].level;
	}
}
