#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "sessctl/finding.h"
#include "sessctl/output.h"

static const struct kind {
	const char *id;
	enum severity severity;
	const char *wrong;
	const char *remedy;
} kinds[] = {
#define FINDING_ROW(ID, id, severity, wrong, remedy) {id, SEVERITY_##severity, wrong, remedy},
	FINDINGS(FINDING_ROW)
#undef FINDING_ROW
};

static const char *const severity_names[SEVERITIES] = {"error", "warning", "note"};

static struct finding *find(
	const struct findings *f, enum finding_kind kind, struct where where, const char *detail)
{
	struct finding *row;
	size_t i;

	for (i = 0; i < f->n; i++) {
		row = &f->rows[i];
		if (row->kind == kind && row->line == where.line &&
			strcmp(row->place, where.place) == 0 && strcmp(row->detail, detail) == 0)
			return row;
	}
	return NULL;
}

/* Services are looked at one after another, so that the last one is the newest. */
static bool has_last(const char *services, const char *service)
{
	size_t all = strlen(services), n = strlen(service);

	return all >= n && strcmp(services + all - n, service) == 0 &&
	       (all == n || services[all - n - 1] == ' ');
}

static int add_service(struct finding *old, const char *service)
{
	char *both;

	if (service == NULL || has_last(old->services, service))
		return 0;
	if (asprintf(&both, "%s, %s", old->services, service) < 0)
		return -ENOMEM;
	free(old->services);
	old->services = both;
	return 0;
}

static void finding_fini(struct finding *finding)
{
	free(finding->place);
	free(finding->detail);
	free(finding->services);
}

static int add_row(
	struct findings *f, enum finding_kind kind, struct where where, const char *detail)
{
	struct finding *rows = realloc(f->rows, (f->n + 1) * sizeof(*rows)), *row;

	if (rows == NULL)
		return -ENOMEM;
	f->rows = rows;
	row = &rows[f->n];
	row->kind = kind;
	row->line = where.line;
	row->place = strdup(where.place);
	row->detail = strdup(detail);
	row->services = strdup(f->service != NULL ? f->service : "");
	if (row->place == NULL || row->detail == NULL || row->services == NULL) {
		finding_fini(row);
		return -ENOMEM;
	}
	f->n++;
	f->count[kinds[kind].severity]++;
	return 0;
}

void findings_add(
	struct findings *f, enum finding_kind kind, struct where where, const char *detail)
{
	struct finding *old = find(f, kind, where, detail);
	int r = 0;

	if (old != NULL)
		r = add_service(old, f->service);
	else if (f->n < FINDINGS_MAX)
		r = add_row(f, kind, where, detail);
	else
		f->more = true;
	if (r < 0)
		f->error = r;
}

void findings_fini(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		finding_fini(&f->rows[i]);
	free(f->rows);
	*f = (struct findings){0};
}

/* ---- for people ---- */

static void print_text(FILE *out, const char *s)
{
	output_text(out, s, strlen(s));
}

/* That a service's own file is of that service need not be said. */
static bool is_own_file(const struct finding *finding)
{
	const char *slash = strrchr(finding->place, '/');

	return strcmp(slash != NULL ? slash + 1 : finding->place, finding->services) == 0;
}

static void print_finding(const struct finding *finding, FILE *out, bool bold)
{
	const struct kind *kind = &kinds[finding->kind];
	const char *severity = severity_names[kind->severity];

	print_text(out, finding->place);
	if (finding->line > 0)
		fprintf(out, ":%u", finding->line);
	fputs(": ", out);
	if (kind->severity == SEVERITY_ERROR)
		output_alarm(out, bold, severity);
	else
		output_bold(out, bold, severity);
	fprintf(out, ": %s", kind->wrong);
	if (finding->detail[0] != '\0') {
		fputs(": ", out);
		print_text(out, finding->detail);
	}
	fprintf(out, " [%s]", kind->id);
	if (finding->services[0] != '\0' && !is_own_file(finding)) {
		fputs(" (", out);
		print_text(out, finding->services);
		fputc(')', out);
	}
	fprintf(out, "\n    \xe2\x86\x92 %s\n", kind->remedy);
}

static void print_count(const struct findings *f, FILE *out, enum severity s, const char *before)
{
	fprintf(out, "%s%zu %s%s", before, f->count[s], severity_names[s],
		f->count[s] == 1 ? "" : "s");
}

void findings_print(const struct findings *f, FILE *out, bool bold)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		print_finding(&f->rows[i], out, bold);
	print_count(f, out, SEVERITY_ERROR, "");
	print_count(f, out, SEVERITY_WARNING, ", ");
	if (f->count[SEVERITY_NOTE] > 0)
		print_count(f, out, SEVERITY_NOTE, ", ");
	fputs(f->more ? ", and more that are not shown\n" : "\n", out);
}

/* ---- for programs ---- */

/* Each byte may come out as six. */
#define JSON_MAX 65536

void findings_json(const struct findings *f, FILE *out)
{
	const struct finding *finding;
	const struct kind *kind;
	char line[JSON_MAX];
	struct json j;
	size_t i, len;

	for (i = 0; i < f->n; i++) {
		finding = &f->rows[i];
		kind = &kinds[finding->kind];
		json_begin(&j, line, sizeof(line));
		json_str(&j, "severity", severity_names[kind->severity]);
		json_str(&j, "id", kind->id);
		json_str(&j, "place", finding->place);
		if (finding->line > 0)
			json_u64(&j, "line", finding->line);
		if (finding->services[0] != '\0')
			json_str(&j, "services", finding->services);
		json_str(&j, "text", kind->wrong);
		if (finding->detail[0] != '\0')
			json_str(&j, "detail", finding->detail);
		json_str(&j, "remedy", kind->remedy);
		if (json_end(&j, &len) == 0)
			fprintf(out, "%s\n", line);
	}
}
