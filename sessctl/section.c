#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sessctl/chart.h"
#include "sessctl/extract.h"
#include "sessctl/html.h"
#include "sessctl/ranking.h"
#include "sessctl/section.h"

static void heading(FILE *out, const char *id, const char *title)
{
	fprintf(out, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

static void nothing(FILE *out, const char *words)
{
	fprintf(out, "<p class=\"soft\">%s</p>\n", words);
}

static void details(FILE *out)
{
	fputs("<details><summary>The numbers</summary>\n", out);
}

static void details_end(FILE *out)
{
	fputs("</details>\n", out);
}

/* --- Over time --- */

void section_time(FILE *out, const struct survey *s)
{
	static const struct html_column columns[] = {{"From (UTC)", ""}, {"Logins", "n"},
		{"Most at a time", "n"}, {"Refused", "n"}, {"Ended by sessd", "n"}};
	const struct timeline *t = &s->timeline;
	char when[CHART_TIME];
	size_t i;

	heading(out, "time", "Sessions over time");
	if (t->n == 0)
		nothing(out, "There is no event in the period.");
	chart_timeline(out, t);
	details(out);
	html_table(out, "Logins are of class login; a refusal may be of an elevation, too.",
		columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < t->n; i++) {
		fprintf(out, "<tr><td class=\"t\">%s</td>",
			chart_time(t->begin + i * timeline_width(t), timeline_width(t), when));
		html_cell_number(out, t->span[i].logins);
		html_cell_number(out, t->span[i].peak > 0 ? (uint64_t)t->span[i].peak : 0);
		html_cell_number(out, t->span[i].refused);
		html_cell_number(out, t->span[i].ended);
		fputs("</tr>\n", out);
	}
	html_table_end(out);
	details_end(out);
	fputs("</section>\n", out);
}

/* --- By name --- */

static void section_names(FILE *out, const char *id, const char *title, const struct tally *t,
	const struct ranking *n)
{
	heading(out, id, title);
	if (t->n == 0) {
		nothing(out, "There is nobody in the period.");
	} else {
		ranking_chart(out, t, n);
		details(out);
		ranking_table(out, t, n);
		details_end(out);
	}
	fputs("</section>\n", out);
}

void section_users(FILE *out, const struct survey *s)
{
	static const struct ranking names = {
		.words = {"users-chart", "Logins and refusals by user",
			"A bar for each of the users with the most logins. The table below has the "
			"numbers.",
			"logins", "refusals"},
		.caption = "The last column counts the elevations to this user.",
		.title = "User",
		.nameless = "(no name)",
		.became = true};

	section_names(out, "users", "By user", &s->users, &names);
}

void section_sources(FILE *out, const struct survey *s)
{
	static const struct ranking names = {
		.words = {"sources-chart", "Logins and refusals by source",
			"A bar for each of the addresses with the most logins. The table below has "
			"the numbers.",
			"logins", "refusals"},
		.caption = "Where logins came from, as PAM was told.",
		.title = "Source",
		.nameless = "(none: a console)"};

	section_names(out, "sources", "By source", &s->sources, &names);
}

/* --- By reason --- */

static size_t reason_bars(const uint64_t counts[SURVEY_REASONS], struct chart_bar bars[])
{
	size_t i, n = 0;

	for (i = 1; i < SURVEY_REASONS; i++)
		if (counts[i] > 0)
			bars[n++] = (struct chart_bar){
				.name = reason_name((enum reason)i), .first = counts[i]};
	if (counts[0] > 0)
		bars[n++] = (struct chart_bar){.name = "(none given)", .first = counts[0]};
	return n;
}

static int by_count(const void *a, const void *b)
{
	const struct chart_bar *x = a, *y = b;

	return x->first > y->first ? -1 : x->first < y->first;
}

static void reasons_chart(
	FILE *out, const struct chart_words *words, const uint64_t counts[SURVEY_REASONS])
{
	struct chart_bar bars[SURVEY_REASONS];
	size_t n = reason_bars(counts, bars);

	qsort(bars, n, sizeof(bars[0]), by_count);
	chart_bars(out, words, bars, n);
}

static void ends_row(FILE *out, const struct survey *s, enum reason reason)
{
	const struct spread *spread = &s->ends[reason];

	fputs("<tr>", out);
	html_cell(out, reason == REASON_NONE ? "(none given)" : reason_name(reason));
	html_cell(out, reason == REASON_NONE ? "" : reason_words(reason));
	html_cell_number(out, s->ended[reason]);
	html_cell_number(out, spread->n);
	if (spread->n == 0) {
		fputs("<td class=\"n\">\u2013</td><td class=\"n\">\u2013</td>"
		      "<td class=\"n\">\u2013</td>",
			out);
	} else {
		html_cell_span(out, spread_percentile(spread, 50));
		html_cell_span(out, spread_percentile(spread, 95));
		html_cell_span(out, spread->longest);
	}
	fputs("</tr>\n", out);
}

static bool is_empty(const uint64_t counts[SURVEY_REASONS])
{
	size_t i;

	for (i = 0; i < SURVEY_REASONS; i++)
		if (counts[i] > 0)
			return false;
	return true;
}

void section_ends(FILE *out, const struct survey *s)
{
	static const struct html_column columns[] = {{"Reason", ""}, {"As the user reads it", ""},
		{"Sessions", "n"}, {"By sessd", "n"}, {"Half within", "n"}, {"95% within", "n"},
		{"Longest", "n"}};
	static const struct chart_words words = {"ends-chart", "Ends of sessions by reason",
		"A bar for each reason. The table below has the numbers.", "sessions", ""};
	size_t i;

	heading(out, "ends", "Ends of sessions");
	if (is_empty(s->ended)) {
		nothing(out, "No session ended in the period.");
		fputs("</section>\n", out);
		return;
	}
	reasons_chart(out, &words, s->ended);
	html_table(out,
		"Of those that sessd ended: the time from the order until the last process was "
		"gone.",
		columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < SURVEY_REASONS; i++)
		if (s->ended[i] > 0)
			ends_row(out, s, (enum reason)i);
	html_table_end(out);
	if (s->facts[FACT_SURVIVED].n > 0)
		extract_table(out, "Processes that were still there 10 seconds after the kill",
			&s->facts[FACT_SURVIVED].kept);
	fputs("</section>\n", out);
}

void section_refusals(FILE *out, const struct survey *s)
{
	static const struct chart_words words = {"refusals-chart", "Refusals by reason",
		"A bar for each reason. The table below has the last of them.", "refusals", ""};

	heading(out, "refusals", "Refusals");
	if (!is_empty(s->refused))
		reasons_chart(out, &words, s->refused);
	extract_details(out, "The last refusals", &s->facts[FACT_REFUSED].kept,
		"Nobody was refused in the period.");
	fputs("</section>\n", out);
}

/* --- What people did --- */

void section_locks(FILE *out, const struct survey *s)
{
	heading(out, "locks", "Locks");
	extract_details(out, "Locks that were set, lifted, or ran out",
		&s->facts[FACT_LOCK_HISTORY].kept, "There was no lock in the period.");
	fputs("</section>\n", out);
}

void section_elevations(FILE *out, const struct survey *s)
{
	static const struct ranking names = {
		.words = {"elevations-chart", "Elevations by who became whom",
			"A bar for each pair of users. The table below has the last of them.",
			"let in", "refused"}};

	heading(out, "elevations", "Elevations");
	if (s->elevations.n > 0)
		ranking_chart(out, &s->elevations, &names);
	extract_details(out, "The last elevations that were let in",
		&s->facts[FACT_ELEVATIONS].kept, "Nobody became another user in the period.");
	fputs("</section>\n", out);
}

static void actors_table(FILE *out, const struct tally *t)
{
	static const struct html_column columns[] = {
		{"Who", ""}, {"Orders and what they ended", "n"}};
	struct tally_row rest = ranking_rest(t, RANKING_ROWS);
	size_t i;

	html_table(out, "By whom, as the ledger knows him: the user of the session he spoke from",
		columns, 2);
	for (i = 0; i < t->n && i < RANKING_ROWS; i++) {
		fputs("<tr>", out);
		html_cell(out, t->rows[i].name);
		html_cell_number(out, t->rows[i].logins);
		fputs("</tr>\n", out);
	}
	if (!ranking_is_empty(&rest)) {
		fputs("<tr>", out);
		html_cell(out, "all others");
		html_cell_number(out, rest.logins);
		fputs("</tr>\n", out);
	}
	html_table_end(out);
}

void section_acts(FILE *out, const struct survey *s)
{
	heading(out, "acts", "Orders of administrators and users");
	if (s->actors.n > 0)
		actors_table(out, &s->actors);
	extract_details(out, "The last orders", &s->facts[FACT_ACTS].kept,
		"No order was given in the period.");
	if (s->facts[FACT_CONFIGS].n > 0)
		extract_table(out, "Configurations that were loaded", &s->facts[FACT_CONFIGS].kept);
	fputs("</section>\n", out);
}

/* --- Limits --- */

static void limits_table(FILE *out, const struct limits *l)
{
	static const struct html_column columns[] = {{"Limit", ""}, {"Value", "n"}, {"Policy", ""},
		{"Accounts", "n"}, {"Among them", ""}};
	char text[LIMIT_TEXT];
	size_t i;

	html_table(out, "For a login by sshd now, of the accounts that logged in in the period",
		columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < l->n; i++) {
		fprintf(out, "<tr><td>%s</td><td class=\"n\">%s</td>", l->rows[i].what,
			limit_text(&l->rows[i], text));
		html_cell(out, l->rows[i].policy);
		html_cell_number(out, l->rows[i].accounts);
		html_cell(out, l->rows[i].example);
		fputs("</tr>\n", out);
	}
	html_table_end(out);
	if (l->unknown > 0 || l->left_out > 0)
		fprintf(out,
			"<p class=\"soft\">%" PRIu64
			" are no accounts of this machine now; %" PRIu64
			" were not asked about.</p>\n",
			l->unknown, l->left_out);
}

static void policies_table(FILE *out, const struct tally *t)
{
	static const struct html_column columns[] = {{"Policy", ""}, {"Logins", "n"},
		{"Shortest lifetime given", "n"}, {"Longest", "n"}};
	size_t i;

	html_table(out,
		"Policies that set the lifetime of a login, or exempted it, as the ledger has it",
		columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < t->n && i < RANKING_ROWS; i++) {
		fputs("<tr>", out);
		html_cell(out, t->rows[i].name[0] ? t->rows[i].name : "(none)");
		html_cell_number(out, t->rows[i].logins);
		html_cell_span(out, t->rows[i].least);
		html_cell_span(out, t->rows[i].longest);
		fputs("</tr>\n", out);
	}
	html_table_end(out);
}

void section_limits(FILE *out, const struct examination *x)
{
	heading(out, "limits", "Limits");
	if (x->limits.asked)
		limits_table(out, &x->limits);
	else
		fprintf(out, "<p class=\"soft\">What is configured now is not known: %s.</p>\n",
			x->limits.why_not);
	if (x->survey.policies.n > 0)
		policies_table(out, &x->survey.policies);
	fputs("</section>\n", out);
}
