#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/version.h"
#include "sessctl/extract.h"
#include "sessctl/html.h"
#include "sessctl/page.h"
#include "sessctl/report.h"
#include "sessctl/section.h"
#include "sessctl/statement.h"

/* A sign, a class and a word: none of them is needed to understand the others. */
static const struct {
	const char *sign, *class;
} signs[] = {
	[VERDICT_NO_DATA] = {"\u25cb", "nodata"},
	[VERDICT_EXCEPTIONS] = {"\u25b2", "exceptions"},
	[VERDICT_SUPPORTED] = {"\u2713", "supported"},
};

static void print_verdict(FILE *out, enum verdict v)
{
	fprintf(out, "<span class=\"verdict %s\"><span aria-hidden=\"true\">%s</span> %s</span>",
		signs[v].class, signs[v].sign, verdict_words(v));
}

/* --- The head --- */

static void print_bound(FILE *out, const char *word, uint64_t ns, bool is_open, const char *open)
{
	fputs(word, out);
	if (is_open)
		fputs(open, out);
	else
		html_time(out, ns);
}

static void print_head(const struct report *r, FILE *out)
{
	const struct survey *s = &r->x->survey;

	fputs("<header>\n<h1>Sessions of ", out);
	if (r->subject != NULL) {
		fputs("the ledger ", out);
		html_text(out, r->subject);
	} else {
		html_text(out, r->host);
	}
	fputs("</h1>\n<p class=\"lead\">", out);
	print_bound(out, "From ", s->since, s->since == 0, "the beginning of the ledger");
	print_bound(out, " to ", s->until, s->until == UINT64_MAX, "its end");
	fputs("; events from ", out);
	html_time(out, s->first);
	fputs(" to ", out);
	html_time(out, s->last);
	fputs(". All times are UTC. Made ", out);
	html_time(out, r->made_at);
	fputs(" on ", out);
	html_text(out, r->host);
	fprintf(out, " by sessctl %s.</p>\n</header>\n", SESSD_VERSION);
}

static void print_contents(FILE *out)
{
	static const char *const parts[][2] = {{"ledger", "The ledger"}, {"controls", "Controls"},
		{"time", "Over time"}, {"users", "Users"}, {"sources", "Sources"}, {"ends", "Ends"},
		{"refusals", "Refusals"}, {"locks", "Locks"}, {"elevations", "Elevations"},
		{"acts", "Orders"}, {"limits", "Limits"}, {"evidence", "Evidence by control"}};
	size_t i;

	fputs("<nav aria-label=\"Contents\">", out);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		fprintf(out, "<a href=\"#%s\">%s</a>\n", parts[i][0], parts[i][1]);
	fputs("</nav>\n", out);
}

static void tile(FILE *out, const char *name, uint64_t n)
{
	fprintf(out, "<div><dt>%s</dt><dd>", name);
	html_number(out, n);
	fputs("</dd></div>\n", out);
}

static void print_tiles(const struct survey *s, FILE *out)
{
	uint64_t ended = 0, longest = 0;
	char text[HTML_SPAN];
	size_t i;

	for (i = 0; i < SURVEY_REASONS; i++) {
		ended += s->ends[i].n;
		if (s->ends[i].longest > longest)
			longest = s->ends[i].longest;
	}
	fputs("<dl class=\"tiles\">\n", out);
	tile(out, "Logins", s->facts[FACT_LOGINS].n + s->facts[FACT_ADOPTED].n);
	tile(out, "Most at a time", s->most);
	tile(out, "Elevations", s->facts[FACT_ELEVATIONS].n);
	tile(out, "Refused", s->facts[FACT_REFUSED].n);
	tile(out, "Ended by sessd", ended);
	fprintf(out, "<div><dt>Longest end</dt><dd>%s</dd></div>\n</dl>\n",
		ended > 0 ? html_span(longest, text) : "\u2013");
}

/* --- The ledger --- */

/* The words of a verification, each line a paragraph. */
static void print_statement(const struct examination *x, FILE *out)
{
	char *text = NULL, *line, *rest;
	size_t len;
	FILE *words = open_memstream(&text, &len);

	if (words == NULL) {
		fprintf(out, "<p>%s</p>\n", strerror(errno));
		return;
	}
	if (x->survey.damaged > 0)
		fprintf(words, "%" PRIu64 " lines of it are no events.\n", x->survey.damaged);
	statement_print(&x->survey.verify, x->own, words);
	fclose(words);
	for (rest = text; rest != NULL && (line = strsep(&rest, "\n")) != NULL;) {
		if (line[0] == '\0')
			continue;
		fputs("<p>", out);
		html_text(out, line);
		fputs("</p>\n", out);
	}
	free(text);
}

static const char *ledger_words(const struct survey *s, bool good)
{
	if (!good)
		return "It does not verify: nothing behind the first wrong event is in this "
		       "report.";
	return s->verify.witness.checkpoints > 0
		       ? "The chain and its seal verify."
		       : "The chain is intact, and nothing of it is sealed.";
}

static void print_ledger(const struct examination *x, FILE *out)
{
	bool good = x->survey.verify.wrong == NULL && x->survey.damaged == 0;

	fputs("<section id=\"ledger\">\n<h2>The ledger</h2>\n<p>", out);
	fprintf(out,
		"<span class=\"verdict %s\"><span aria-hidden=\"true\">%s</span> %s</span></p>\n",
		good ? "supported" : "wrong", good ? "\u2713" : "\u25b2",
		ledger_words(&x->survey, good));
	fprintf(out, "<div class=\"statement %s\">\n", good ? "good" : "bad");
	print_statement(x, out);
	fputs("</div>\n<p class=\"soft\">Anybody can verify the same, also without sessd: "
	      "<code>sessctl audit verify</code>, with a key and a checkpoint that were kept "
	      "elsewhere.</p>\n</section>\n",
		out);
}

/* --- Controls --- */

static void overview_row(const struct evidence *e, size_t i, FILE *out)
{
	const struct control *c = e->control;

	fprintf(out,
		"<tr data-verdict=\"%s\"><td class=\"t\"><a href=\"#control-%zu\">%s</a></td><td>",
		signs[e->verdict].class, i, c->id);
	print_verdict(out, e->verdict);
	fprintf(out, "</td><td>%s</td><td class=\"t\">%s</td>", c->title, c->source);
	html_cell_number(out, e->counts.supports);
	html_cell_number(out, e->counts.exceptions + e->weak);
	fputs("</tr>\n", out);
}

static void print_overview(const struct examination *x, FILE *out)
{
	static const struct html_column columns[] = {{"Control", ""}, {"The ledger shows", ""},
		{"What it asks for", ""}, {"Of", ""}, {"Facts for it", "n"}, {"Exceptions", "n"}};
	struct evidence e;
	size_t i;

	fprintf(out, "<section id=\"controls\">\n<h2>Controls</h2>\n<p>%s</p>\n", evidence_caution);
	html_table(out, "Exceptions are what somebody should be able to explain.", columns,
		sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n_controls; i++) {
		evidence_judge(&controls[i], &x->survey, &x->limits, &e);
		overview_row(&e, i, out);
	}
	html_table_end(out);
	fputs("</section>\n", out);
}

static void fact_row(const struct evidence *e, const struct control_fact *f, FILE *out)
{
	static const char *const roles[] = {[ROLE_SUPPORTS] = "supports it",
		[ROLE_TELLS] = "belongs to it",
		[ROLE_EXCEPTS] = "exception"};
	char worst[EVIDENCE_WORST];
	uint64_t n = e->survey->facts[f->fact].n;

	fprintf(out, "<tr><td%s>%s</td>",
		f->role == ROLE_EXCEPTS && n > 0 ? " class=\"exceptions\"" : "", roles[f->role]);
	html_cell(out, fact_rows[f->fact].words);
	html_cell_number(out, n);
	html_cell(out, evidence_worst(e, f->fact, worst));
	fputs("</tr>\n", out);
}

static void print_limits(const struct evidence *e, FILE *out)
{
	const struct limit_row *row;
	char text[LIMIT_TEXT];
	size_t at = 0;
	bool weak;

	if (e->control->limits[0].what == NULL)
		return;
	fputs("<p class=\"soft\">Configured: ", out);
	if (!e->limits->asked)
		fprintf(out, "not known; %s.", e->limits->why_not);
	while ((row = evidence_limit(e, &at, &weak)) != NULL) {
		fprintf(out, "%s %s for ", row->what, limit_text(row, text));
		html_number(out, row->accounts);
		fprintf(out, " account%s%s; ", row->accounts == 1 ? "" : "s",
			weak ? " (<span class=\"exceptions\">the control wants less</span>)" : "");
	}
	fputs("</p>\n", out);
}

static void print_facts(const struct evidence *e, FILE *out)
{
	static const struct html_column columns[] = {
		{"Role", ""}, {"Fact", ""}, {"Count", "n"}, {"The worst", ""}};
	const struct control_fact *f = e->control->facts;
	size_t i;

	html_table(out, "Facts of the period", columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < CONTROL_FACTS_MAX && f[i].role != 0; i++)
		fact_row(e, &f[i], out);
	html_table_end(out);
	for (i = 0; i < CONTROL_FACTS_MAX && f[i].role != 0; i++)
		if (f[i].role == ROLE_EXCEPTS && e->survey->facts[f[i].fact].n > 0)
			extract_table(
				out, fact_rows[f[i].fact].words, &e->survey->facts[f[i].fact].kept);
}

static void print_evidence(const struct examination *x, FILE *out)
{
	struct evidence e;
	size_t i;

	fputs("<section id=\"evidence\">\n<h2>Evidence by control</h2>\n", out);
	for (i = 0; i < n_controls; i++) {
		evidence_judge(&controls[i], &x->survey, &x->limits, &e);
		fprintf(out,
			"<article class=\"control\" id=\"control-%zu\" data-verdict=\"%s\">\n"
			"<h3>%s \u00b7 %s</h3>\n<p>",
			i, signs[e.verdict].class, e.control->id, e.control->title);
		print_verdict(out, e.verdict);
		fprintf(out, " <span class=\"soft\">%s</span></p>\n", e.control->source);
		print_limits(&e, out);
		print_facts(&e, out);
		fputs("</article>\n", out);
	}
	fputs("</section>\n", out);
}

void report_write(const struct report *r, FILE *out)
{
	const struct survey *s = &r->x->survey;

	page_begin(out, "Sessions: a report from the ledger of sessd");
	print_head(r, out);
	print_tiles(s, out);
	print_contents(out);
	page_filter(out);
	print_ledger(r->x, out);
	print_overview(r->x, out);
	section_time(out, s);
	section_users(out, s);
	section_sources(out, s);
	section_ends(out, s);
	section_refusals(out, s);
	section_locks(out, s);
	section_elevations(out, s);
	section_acts(out, s);
	section_limits(out, r->x);
	print_evidence(r->x, out);
	page_end(out);
}
