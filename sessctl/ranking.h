/* A tally in a page: those with the most logins as a chart, and more of them as a table. */
#ifndef SESSCTL_RANKING_H
#define SESSCTL_RANKING_H

#include <stdbool.h>
#include <stdio.h>

#include "sessctl/chart.h"
#include "sessctl/tally.h"

#define RANKING_ROWS 100 /* names in a table */

/* What a tally is shown as. */
struct ranking {
	struct chart_words words;
	const char *caption, *title; /* of the table, and of its first column */
	const char *nameless;	     /* what stands for "" */
	bool became;		     /* it is of users, whom others may become */
};

/* Of a tally that is sorted. */
void ranking_chart(FILE *out, const struct tally *t, const struct ranking *names);
void ranking_table(FILE *out, const struct tally *t, const struct ranking *names);

/* What counts from the `from`-th name on, together; and whether that is nothing. */
struct tally_row ranking_rest(const struct tally *t, size_t from);
bool ranking_is_empty(const struct tally_row *row);

#endif
