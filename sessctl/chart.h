/*
 * Charts as SVG within a page: bars by name, and counts over time. Each has a title and a
 * description, can be come to by the keyboard, and takes its colours from the page's style.
 */
#ifndef SESSCTL_CHART_H
#define SESSCTL_CHART_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sessctl/timeline.h"

/* What a chart is called: constants. `id` is unique in the page. */
struct chart_words {
	const char *id, *title, *description;
	const char *first, *second; /* what the two parts of a bar are; `second` "": there is one */
};

/* A bar of two parts. */
struct chart_bar {
	const char *name;
	uint64_t first, second;
};

void chart_bars(FILE *out, const struct chart_words *words, const struct chart_bar *bars, size_t n);

/* Logins, most sessions at a time, refusals, and ends by sessd, one below the other. */
void chart_timeline(FILE *out, const struct timeline *t);

/* When a span of a timeline begins, as fits its width: `2026-11-03 14:00`. Returns out. */
#define CHART_TIME 64
char *chart_time(uint64_t ns, uint64_t width, char out[CHART_TIME]);

#endif
