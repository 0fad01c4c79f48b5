#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/duration.h"
#include "sessctl/chart.h"
#include "sessctl/html.h"
#include "sessctl/output.h"

/* In units of the drawing, which the page scales. */
#define WIDTH	 900
#define ROW	 24  /* of one bar */
#define NAMES	 210 /* for names, on the left of bars */
#define VALUES	 130 /* for values, on their right */
#define NAME_MAX 26  /* columns of a name; the whole is in the table */

#define MARGIN	56  /* for numbers, on the left of a timeline */
#define PANEL	64  /* height of one count over time */
#define SPACING 36  /* between two of them, with the title of the lower */
#define LABELS	6   /* points in time that are named, at the most */
#define LABEL	110 /* that one of them takes */

static void begin(FILE *out, const struct chart_words *w, unsigned height)
{
	fprintf(out,
		"<div class=\"scroll\"><svg class=\"chart\" viewBox=\"0 0 %d %u\" role=\"img\" "
		"tabindex=\"0\" aria-labelledby=\"%s-title %s-desc\">\n<title id=\"%s-title\">%s"
		"</title><desc id=\"%s-desc\">%s</desc>\n",
		WIDTH, height, w->id, w->id, w->id, w->title, w->id, w->description);
}

static void end(FILE *out)
{
	fputs("</svg></div>\n", out);
}

/* --- Bars by name --- */

static uint64_t greatest(const struct chart_bar *bars, size_t n)
{
	uint64_t max = 1;
	size_t i;

	for (i = 0; i < n; i++)
		if (bars[i].first + bars[i].second > max)
			max = bars[i].first + bars[i].second;
	return max;
}

static void part(FILE *out, const char *class, double x, unsigned y, double width)
{
	if (width > 0)
		fprintf(out,
			"<rect class=\"%s\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\"/>",
			class, x, y, width < 1 ? 1 : width, ROW - 9);
}

static void one_bar(FILE *out, const struct chart_words *w, const struct chart_bar *bar, unsigned y,
	double scale)
{
	double first = (double)bar->first * scale, second = (double)bar->second * scale;
	char name[OUTPUT_CELL];

	fputs("<g><title>", out);
	html_text(out, bar->name);
	fprintf(out, ": %" PRIu64 " %s", bar->first, w->first);
	if (w->second[0] != '\0')
		fprintf(out, ", %" PRIu64 " %s", bar->second, w->second);
	fprintf(out, "</title><text class=\"end\" x=\"%d\" y=\"%u\">", NAMES - 10, y + 13);
	html_text(out, output_fit(bar->name, NAME_MAX, name));
	fputs("</text>", out);
	part(out, "first", NAMES, y + 2, first);
	part(out, "second", NAMES + first + (bar->first > 0 ? 1 : 0), y + 2, second);
	fprintf(out, "<text x=\"%.1f\" y=\"%u\">", NAMES + first + second + 8, y + 13);
	html_number(out, bar->first);
	if (bar->second > 0) {
		fputs(" <tspan class=\"soft\">+ ", out);
		html_number(out, bar->second);
		fputs("</tspan>", out);
	}
	fputs("</text></g>\n", out);
}

static void legend(FILE *out, const struct chart_words *w)
{
	if (w->second[0] != '\0')
		fprintf(out,
			"<p class=\"legend\"><span class=\"key first\"></span>%s "
			"<span class=\"key second\"></span>%s</p>\n",
			w->first, w->second);
}

void chart_bars(FILE *out, const struct chart_words *words, const struct chart_bar *bars, size_t n)
{
	double scale = (double)(WIDTH - NAMES - VALUES) / (double)greatest(bars, n);
	size_t i;

	legend(out, words);
	begin(out, words, (unsigned)(n * ROW + 4));
	fprintf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"0\" y2=\"%zu\"/>\n", NAMES,
		NAMES, n * ROW + 2);
	for (i = 0; i < n; i++)
		one_bar(out, words, &bars[i], (unsigned)(i * ROW), scale);
	end(out);
}

/* --- Over time --- */

char *chart_time(uint64_t ns, uint64_t width, char out[CHART_TIME])
{
	time_t t = (time_t)(ns / NS_PER_SEC);
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
		strftime(out, CHART_TIME,
			width < (uint64_t)86400 * NS_PER_SEC ? "%Y-%m-%d %H:%M" : "%Y-%m-%d",
			&tm) == 0)
		out[0] = '\0';
	return out;
}

/* The least that is not less and has one digit and zeros. */
static uint64_t round_up(uint64_t n)
{
	uint64_t unit = 1;

	while (n / unit >= 10)
		unit *= 10;
	return n > UINT64_MAX - unit ? n : (n + unit - 1) / unit * unit;
}

/* One of the counts. */
struct panel {
	const char *title, *class;
	uint64_t (*value)(const struct span *s);
};

static uint64_t logins(const struct span *s)
{
	return s->logins;
}

static uint64_t peak(const struct span *s)
{
	return s->peak > 0 ? (uint64_t)s->peak : 0;
}

static uint64_t refused(const struct span *s)
{
	return s->refused;
}

static uint64_t ended(const struct span *s)
{
	return s->ended;
}

static const struct panel panels[] = {
	{"Logins", "first", logins},
	{"Most sessions at a time", "level", peak},
	{"Refused", "second", refused},
	{"Ended by sessd", "third", ended},
};

#define N_PANELS (sizeof(panels) / sizeof(panels[0]))

/* Title, and the two lines between which the bars stand. */
static void draw_frame(FILE *out, const struct panel *p, unsigned top, uint64_t max)
{
	fprintf(out, "<text class=\"head\" x=\"%d\" y=\"%u\">%s</text>", MARGIN, top - 10,
		p->title);
	fprintf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%u\" y2=\"%u\"/>", MARGIN,
		WIDTH, top, top);
	fprintf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%u\" y2=\"%u\"/>", MARGIN,
		WIDTH, top + PANEL, top + PANEL);
	fprintf(out, "<text class=\"end soft\" x=\"%d\" y=\"%u\">", MARGIN - 8, top + 5);
	html_number(out, max);
	fprintf(out, "</text><text class=\"end soft\" x=\"%d\" y=\"%u\">0</text>\n", MARGIN - 8,
		top + PANEL + 4);
}

static void draw_panel(FILE *out, const struct timeline *t, const struct panel *p, unsigned top)
{
	double step = (double)(WIDTH - MARGIN) / (double)t->n, gap = step > 4 ? 1 : 0, height;
	uint64_t max = 1, value;
	char when[CHART_TIME];
	size_t i;

	for (i = 0; i < t->n; i++)
		if (p->value(&t->span[i]) > max)
			max = p->value(&t->span[i]);
	max = round_up(max);
	draw_frame(out, p, top, max);
	for (i = 0; i < t->n; i++) {
		value = p->value(&t->span[i]);
		if (value == 0)
			continue;
		height = (double)value / (double)max * PANEL;
		fprintf(out,
			"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">"
			"<title>%s: %" PRIu64 "</title></rect>\n",
			p->class, MARGIN + (double)i * step, top + PANEL - height, step - gap,
			height,
			chart_time(t->begin + i * timeline_width(t), timeline_width(t), when),
			value);
	}
}

static void draw_times(FILE *out, const struct timeline *t, unsigned y)
{
	double step = (double)(WIDTH - MARGIN) / (double)t->n;
	size_t i, every = (t->n + LABELS - 1) / LABELS;
	char when[CHART_TIME];

	for (i = 0; i < t->n && MARGIN + (double)i * step + LABEL <= WIDTH; i += every)
		fprintf(out,
			"<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%u\" y2=\"%u\"/>"
			"<text class=\"soft\" x=\"%.1f\" y=\"%u\">%s</text>\n",
			MARGIN + (double)i * step, MARGIN + (double)i * step, y, y + 5,
			MARGIN + (double)i * step, y + 19,
			chart_time(t->begin + i * timeline_width(t), timeline_width(t), when));
}

void chart_timeline(FILE *out, const struct timeline *t)
{
	static const struct chart_words words = {.id = "time",
		.title = "Sessions over time",
		.description =
			"Logins, the most sessions at a time, refusals, and ends by sessd, as "
			"bars over time. The table below has the numbers."};
	unsigned top = SPACING - 8;
	size_t i;

	if (t->n == 0)
		return;
	begin(out, &words, (unsigned)(N_PANELS * (PANEL + SPACING) + 20));
	for (i = 0; i < N_PANELS; i++, top += PANEL + SPACING)
		draw_panel(out, t, &panels[i], top);
	draw_times(out, t, top - SPACING);
	end(out);
}
