#include "sessctl/html.h"
#include "sessctl/ranking.h"

#define BARS 15 /* names in a chart; the table has more */

static const char *name_of(const struct ranking *n, const struct tally_row *row)
{
	return row->name[0] != '\0' ? row->name : n->nameless;
}

static void add(struct tally_row *sum, const struct tally_row *row)
{
	sum->logins += row->logins;
	sum->refused += row->refused;
	sum->elevations += row->elevations;
	sum->ended += row->ended;
	if (row->longest > sum->longest)
		sum->longest = row->longest;
	if (row->last > sum->last)
		sum->last = row->last;
}

struct tally_row ranking_rest(const struct tally *t, size_t from)
{
	struct tally_row sum = {0};
	size_t i;

	for (i = from; i < t->n; i++)
		add(&sum, &t->rows[i]);
	add(&sum, &t->others);
	return sum;
}

bool ranking_is_empty(const struct tally_row *row)
{
	return row->logins + row->refused + row->elevations + row->ended == 0;
}

void ranking_chart(FILE *out, const struct tally *t, const struct ranking *names)
{
	struct chart_bar bars[BARS + 1];
	struct tally_row rest = ranking_rest(t, BARS);
	size_t n;

	for (n = 0; n < BARS && n < t->n; n++)
		bars[n] = (struct chart_bar){
			name_of(names, &t->rows[n]), t->rows[n].logins, t->rows[n].refused};
	if (!ranking_is_empty(&rest))
		bars[n++] = (struct chart_bar){"all others", rest.logins, rest.refused};
	chart_bars(out, &names->words, bars, n);
}

static void one_row(
	FILE *out, const struct ranking *names, const char *name, const struct tally_row *row)
{
	fputs("<tr>", out);
	html_cell(out, name);
	html_cell_number(out, row->logins);
	html_cell_number(out, row->refused);
	html_cell_number(out, row->ended);
	html_cell_span(out, row->longest);
	html_cell_time(out, row->last);
	if (names->became)
		html_cell_number(out, row->elevations);
	fputs("</tr>\n", out);
}

void ranking_table(FILE *out, const struct tally *t, const struct ranking *names)
{
	const struct html_column columns[] = {{names->title, ""}, {"Logins", "n"}, {"Refused", "n"},
		{"Ended by sessd", "n"}, {"Longest session", "n"}, {"Last seen (UTC)", ""},
		{"Others became", "n"}};
	struct tally_row rest = ranking_rest(t, RANKING_ROWS);
	size_t i;

	html_table(out, names->caption, columns, names->became ? 7 : 6);
	for (i = 0; i < RANKING_ROWS && i < t->n; i++)
		one_row(out, names, name_of(names, &t->rows[i]), &t->rows[i]);
	if (!ranking_is_empty(&rest))
		one_row(out, names, "all others", &rest);
	html_table_end(out);
}
