#include <inttypes.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessctl/event.h"
#include "sessctl/evidence.h"
#include "sessctl/output.h"
#include "sessctl/statement.h"

const char evidence_caution[] =
	"This is what the ledger shows. Whether the control is met is for people to judge.";

/* --- The judgement --- */

const struct limit_row *evidence_limit(const struct evidence *e, size_t *at, bool *ret_weak)
{
	const struct control_limit *limit = e->control->limits;
	const struct limit_row *row;
	size_t i;

	for (; *at < e->limits->n; (*at)++) {
		row = &e->limits->rows[*at];
		for (i = 0; i < CONTROL_LIMITS_MAX && limit[i].what != NULL; i++) {
			if (strcmp(limit[i].what, row->what) != 0)
				continue;
			*ret_weak = limit_exceeds(row, limit[i].most);
			(*at)++;
			return row;
		}
	}
	return NULL;
}

void evidence_judge(const struct control *control, const struct survey *survey,
	const struct limits *limits, struct evidence *ret)
{
	struct evidence e = {.control = control, .survey = survey, .limits = limits};
	const struct limit_row *row;
	size_t at = 0;
	bool weak;

	e.counts = control_count(control, survey->facts);
	while ((row = evidence_limit(&e, &at, &weak)) != NULL)
		e.weak += weak ? row->accounts : 0;
	e.intact = survey->verify.wrong == NULL && survey->damaged == 0;
	e.verdict = control_verdict(e.counts);
	if (!e.intact || e.weak > 0)
		e.verdict = VERDICT_EXCEPTIONS;
	*ret = e;
}

/* --- For people --- */

static void worst_text(const struct fact *fact, enum fact_measure measure, char *out, size_t size)
{
	switch (measure) {
	case FACT_COUNTED:
		break;
	case FACT_ELAPSED:
		snprintf(out, size, "the longest took %.3f s", (double)fact->worst / NS_PER_SEC);
		break;
	case FACT_FOUND:
		snprintf(out, size, "at the most %" PRIu64, fact->worst);
		break;
	case FACT_SURVIVORS:
		snprintf(out, size, "at the most %" PRIu64 " processes", fact->worst);
		break;
	case FACT_LATE:
		snprintf(out, size, "at the most %.0f s late", (double)fact->worst / NS_PER_SEC);
		break;
	}
}

char *evidence_worst(const struct evidence *e, enum fact_id id, char out[EVIDENCE_WORST])
{
	const struct fact *fact = &e->survey->facts[id];
	size_t len;
	struct line line;

	out[0] = '\0';
	if (fact->worst_line == NULL)
		return out;
	worst_text(fact, fact_rows[id].measure, out, EVIDENCE_WORST);
	len = strlen(out);
	if (line_parse(fact->worst_line, strlen(fact->worst_line), &line) == 0) {
		snprintf(out + len, EVIDENCE_WORST - len, " (event %" PRIu64 ")", line.seq);
		line_fini(&line);
	}
	return out;
}

static void print_period(const struct survey *s, FILE *out)
{
	char from[TIMESTAMP_TEXT], to[TIMESTAMP_TEXT];

	if (s->since == 0 && s->until == UINT64_MAX)
		fputs("period: all of the ledger", out);
	else
		fprintf(out, "period: %s to %s",
			s->since ? timestamp_local(s->since, from) : "its beginning",
			s->until != UINT64_MAX ? timestamp_local(s->until, to) : "its end");
	if (s->events == 0)
		fputs("; no event\n", out);
	else
		fprintf(out, "; %" PRIu64 " event%s from %s to %s\n", s->events,
			s->events == 1 ? "" : "s", timestamp_local(s->first, from),
			timestamp_local(s->last, to));
	fprintf(out, "logins at a time: %" PRIu64 " at the most, %" PRIu64 " at the end\n", s->most,
		s->left);
}

static void print_limit(const struct limit_row *row, bool weak, bool bold, FILE *out)
{
	char text[LIMIT_TEXT];

	fprintf(out, "  %s %s", row->what, limit_text(row, text));
	if (row->policy[0] != '\0') {
		fputs(" (policy \"", out);
		output_text(out, row->policy, strlen(row->policy));
		fputs("\")", out);
	}
	fprintf(out, ": %" PRIu64 " account%s, ", row->accounts, row->accounts == 1 ? "" : "s");
	fputs(row->accounts == 1 ? "" : "among them ", out);
	output_text(out, row->example, strlen(row->example));
	if (weak)
		output_alarm(out, bold, "; the control wants less");
	fputc('\n', out);
}

static void print_limits(const struct evidence *e, bool bold, FILE *out)
{
	const struct limits *l = e->limits;
	const struct limit_row *row;
	size_t at = 0;
	bool weak;

	if (e->control->limits[0].what == NULL)
		return;
	output_bold(out, bold, "configured:");
	if (!l->asked) {
		fprintf(out, " not known: %s\n", l->why_not);
		return;
	}
	fprintf(out,
		" for logins by sshd now, of %" PRIu64 " account%s that logged in in the period\n",
		l->accounts, l->accounts == 1 ? "" : "s");
	while ((row = evidence_limit(e, &at, &weak)) != NULL)
		print_limit(row, weak, bold, out);
	if (l->unknown > 0)
		fprintf(out, "  %" PRIu64 " more are no accounts of this machine now\n",
			l->unknown);
	if (l->left_out > 0)
		fprintf(out, "  %" PRIu64 " more were not asked about\n", l->left_out);
}

static void print_fact(const struct evidence *e, enum fact_id id, FILE *out)
{
	char worst[EVIDENCE_WORST];

	evidence_worst(e, id, worst);
	fprintf(out, "  %8" PRIu64 "  %s%s%s\n", e->survey->facts[id].n, fact_rows[id].words,
		worst[0] ? "; " : "", worst);
}

static void print_kept(const struct fact *fact, FILE *out)
{
	const struct listing *l = &fact->kept;
	const char *text;
	struct line line;
	size_t i;

	for (i = 0; i < l->kept; i++) {
		text = listing_line(l, i);
		if (line_parse(text, strlen(text), &line) < 0)
			continue;
		fprintf(out, "            event %" PRIu64 ": ", line.seq);
		line_fini(&line);
		event_print(out, text, strlen(text));
	}
	if (l->n > l->kept)
		fprintf(out, "            and %" PRIu64 " before these\n", l->n - l->kept);
}

static void print_role(
	const struct evidence *e, enum fact_role role, const char *title, bool bold, FILE *out)
{
	const struct control_fact *f = e->control->facts;
	bool begun = false;
	size_t i;

	for (i = 0; i < CONTROL_FACTS_MAX && f[i].role != 0; i++) {
		if (f[i].role != role)
			continue;
		if (!begun) {
			output_bold(out, bold, title);
			fputc('\n', out);
		}
		begun = true;
		print_fact(e, f[i].fact, out);
		if (role == ROLE_EXCEPTS)
			print_kept(&e->survey->facts[f[i].fact], out);
	}
}

void evidence_print(const struct evidence *e, bool own, bool bold, FILE *out)
{
	char title[128];

	snprintf(title, sizeof(title), "%s (%s): %s", e->control->id, e->control->source,
		e->control->title);
	output_bold(out, bold, title);
	fputs("\nverdict: ", out);
	if (e->verdict == VERDICT_EXCEPTIONS)
		output_alarm(out, bold, verdict_words(e->verdict));
	else
		output_bold(out, bold, verdict_words(e->verdict));
	fputc('\n', out);
	print_period(e->survey, out);
	print_limits(e, bold, out);
	print_role(e, ROLE_SUPPORTS, "what supports it:", bold, out);
	print_role(e, ROLE_TELLS, "what belongs to the picture:", bold, out);
	print_role(e, ROLE_EXCEPTS, "exceptions:", bold, out);
	output_bold(out, bold, "the ledger:");
	fputc('\n', out);
	if (e->survey->damaged > 0)
		fprintf(out, "%" PRIu64 " lines of it are no events\n", e->survey->damaged);
	statement_print(&e->survey->verify, own, out);
	fprintf(out, "%s\n", evidence_caution);
}
