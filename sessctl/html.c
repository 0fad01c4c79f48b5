#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/duration.h"
#include "sessctl/html.h"
#include "sessctl/output.h"

static void put_entities(FILE *out, const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		switch (s[i]) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(s[i], out);
		}
}

void html_text(FILE *out, const char *s)
{
	output_pieces(out, s, strlen(s), put_entities);
}

void html_number(FILE *out, uint64_t n)
{
	if (n >= 1000) {
		html_number(out, n / 1000);
		fprintf(out, ",%03u", (unsigned)(n % 1000));
	} else {
		fprintf(out, "%u", (unsigned)n);
	}
}

void html_time(FILE *out, uint64_t ns)
{
	time_t t = (time_t)(ns / NS_PER_SEC);
	char text[64];
	struct tm tm;

	if (ns == 0 || ns == UINT64_MAX || gmtime_r(&t, &tm) == NULL ||
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		fputs("\u2013", out);
	else
		fprintf(out, "<time datetime=\"%.10sT%.8sZ\">%s</time>", text, text + 11, text);
}

char *html_span(uint64_t ns, char out[HTML_SPAN])
{
	if (ns < NS_PER_SEC)
		snprintf(out, HTML_SPAN, "%.3g ms", (double)ns / NS_PER_MS);
	else if (ns < 60 * NS_PER_SEC)
		snprintf(out, HTML_SPAN, "%.3g s", (double)ns / NS_PER_SEC);
	else if (ns < (uint64_t)3600 * NS_PER_SEC)
		snprintf(out, HTML_SPAN, "%" PRIu64 "m %02" PRIu64 "s", ns / NS_PER_SEC / 60,
			ns / NS_PER_SEC % 60);
	else
		snprintf(out, HTML_SPAN, "%" PRIu64 "h %02" PRIu64 "m", ns / NS_PER_SEC / 3600,
			ns / NS_PER_SEC / 60 % 60);
	return out;
}

void html_table(FILE *out, const char *caption, const struct html_column *columns, size_t n)
{
	size_t i;

	fputs("<div class=\"scroll\"><table>\n", out);
	if (caption[0] != '\0')
		fprintf(out, "<caption>%s</caption>\n", caption);
	fputs("<thead><tr>", out);
	for (i = 0; i < n; i++)
		fprintf(out, "<th scope=\"col\"%s%s%s>%s</th>",
			columns[i].class[0] ? " class=\"" : "", columns[i].class,
			columns[i].class[0] ? "\"" : "", columns[i].title);
	fputs("</tr></thead>\n<tbody>\n", out);
}

void html_table_end(FILE *out)
{
	fputs("</tbody></table></div>\n", out);
}

void html_cell(FILE *out, const char *s)
{
	fputs("<td>", out);
	html_text(out, s);
	fputs("</td>", out);
}

void html_cell_number(FILE *out, uint64_t n)
{
	fputs("<td class=\"n\">", out);
	html_number(out, n);
	fputs("</td>", out);
}

void html_cell_span(FILE *out, uint64_t ns)
{
	char text[HTML_SPAN];

	fprintf(out, "<td class=\"n\">%s</td>", ns > 0 ? html_span(ns, text) : "\u2013");
}

void html_cell_time(FILE *out, uint64_t ns)
{
	fputs("<td class=\"t\">", out);
	html_time(out, ns);
	fputs("</td>", out);
}
