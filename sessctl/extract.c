#include <stdlib.h>
#include <string.h>

#include "sessctl/extract.h"
#include "sessctl/html.h"
#include "sessctl/line.h"

static const char *const members[] = {"event", "user", "rhost", "service", "reason", "policy", "by",
	"lock", "ruser", "limit", "count", "survivors", "elapsed", "text"};

/* In words that need no column of their own: `from 192.0.2.7`. The rest stands as it is. */
static const char *const leads[] = {"", "", "from ", "by ", "", "policy ", "ordered by ",
	"lock of ", "as asked by ", "limit ", "found ", "survivors ", "took ", ""};

#define N_MEMBERS (sizeof(members) / sizeof(members[0]))
#define IN_FRONT  2 /* of them have columns */

static void member_cell(FILE *out, const struct line *line, const char *name)
{
	char *text = line_text(json_object_get(line->members, name));

	html_cell(out, text != NULL && json_object_get(line->members, name) != NULL ? text : "");
	free(text);
}

static void the_rest(FILE *out, const struct line *line)
{
	const char *separator = "";
	const json_t *value;
	char *text;
	size_t i;

	fputs("<td class=\"long\">", out);
	for (i = IN_FRONT; i < N_MEMBERS; i++) {
		value = json_object_get(line->members, members[i]);
		text = value != NULL ? line_text(value) : NULL;
		if (text == NULL)
			continue;
		fprintf(out, "%s%s", separator, leads[i]);
		html_text(out, text);
		fputs(strcmp(members[i], "elapsed") == 0 ? " s" : "", out);
		separator = " \u00b7 ";
		free(text);
	}
	fputs("</td>", out);
}

static void event_row(FILE *out, const char *text)
{
	struct line line;
	size_t i;

	if (line_parse(text, strlen(text), &line) < 0)
		return;
	fputs("<tr>", out);
	html_cell_time(out, line.time);
	html_cell_number(out, line.seq);
	for (i = 0; i < IN_FRONT; i++)
		member_cell(out, &line, members[i]);
	the_rest(out, &line);
	fputs("</tr>\n", out);
	line_fini(&line);
}

void extract_table(FILE *out, const char *caption, const struct listing *l)
{
	static const struct html_column columns[] = {{"Time (UTC)", ""}, {"Number", "n"},
		{"Event", ""}, {"User", ""}, {"What it says", ""}};
	size_t i;

	html_table(out, caption, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < l->kept; i++)
		event_row(out, listing_line(l, i));
	html_table_end(out);
	if (l->n > l->kept) {
		fputs("<p class=\"soft\">There were ", out);
		html_number(out, l->n - l->kept);
		fputs(" more, which the ledger has: <code>sessctl audit export</code>.</p>\n", out);
	}
}

static void summary(FILE *out, const char *title, const struct listing *l)
{
	fprintf(out, "<details><summary>%s (", title);
	html_number(out, l->kept);
	if (l->n > l->kept) {
		fputs(" of ", out);
		html_number(out, l->n);
	}
	fputs(")</summary>\n", out);
}

void extract_details(FILE *out, const char *title, const struct listing *l, const char *words)
{
	if (l->n == 0) {
		fprintf(out, "<p class=\"soft\">%s</p>\n", words);
		return;
	}
	summary(out, title, l);
	extract_table(out, "", l);
	fputs("</details>\n", out);
}
