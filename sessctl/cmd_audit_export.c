#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/filter.h"
#include "sessctl/format.h"
#include "sessctl/help.h"
#include "sessctl/moment.h"
#include "sessctl/outfile.h"

enum {
	EXPORT_FORMAT,
	EXPORT_SINCE,
	EXPORT_UNTIL,
	EXPORT_USER,
	EXPORT_EVENT,
	EXPORT_FOLLOW,
	EXPORT_OUTPUT,
};

static const struct option_row options[] = {
	[EXPORT_FORMAT] = {.name = "format",
		.letter = 'f',
		.arg = FORMAT_NAMES,
		.help = "how a line is written (jsonl, as the ledger has it)"},
	[EXPORT_SINCE] = {.name = "since", .arg = "TIME", .help = "what happened then or later"},
	[EXPORT_UNTIL] = {.name = "until", .arg = "TIME", .help = "what happened before"},
	[EXPORT_USER] = {.name = "user",
		.letter = 'u',
		.arg = "USER",
		.help = "only what is about USER"},
	[EXPORT_EVENT] = {.name = "event",
		.letter = 'e',
		.arg = "EVENT",
		.help = "only events of this kind; several, or with commas",
		.choices = KIND_NAMES,
		.repeats = true},
	[EXPORT_FOLLOW] = {.name = "follow", .help = "go on with what happens, until interrupted"},
	[EXPORT_OUTPUT] = {.name = "output",
		.letter = 'o',
		.arg = "FILE",
		.help = "write to FILE, whole or not at all"},
};

#define HOST_NAME 256

struct job {
	struct context *ctx;
	struct outfile *file; /* NULL: standard output */
	FILE *out;
	const struct format *format;
	struct filter filter;
	bool follow;
	char host[HOST_NAME];
	uint64_t lines;	  /* read */
	uint64_t events;  /* written */
	uint64_t damaged; /* lines that are no events */
};

static bool write_line(struct job *job, const struct line *line)
{
	job->events++;
	if (job->format->write != NULL)
		return job->format->write(job->out, line, job->host);
	fwrite(line->text, 1, line->len, job->out);
	fputc('\n', job->out);
	return true;
}

static int take_line(struct job *job, const char *text, size_t len)
{
	struct line line;
	bool ok = true;

	job->lines++;
	if (line_parse(text, len, &line) < 0) {
		context_error(job->ctx,
			"line %" PRIu64 " of the ledger is damaged: it is no event, and left out",
			job->lines);
		job->damaged++;
		return EXIT_DONE;
	}
	if (filter_takes(&job->filter, &line))
		ok = write_line(job, &line);
	line_fini(&line);
	if (ok)
		return EXIT_DONE;
	context_error(job->ctx, "%s", strerror(ENOMEM));
	return EXIT_NO;
}

/* The ledger's bytes as they came. Nothing looks into them, so nothing can be wrong with them. */
static void take_page(struct job *job, const struct wire_page *page)
{
	const char *line;
	size_t at = 0, len;

	while (conn_line(page, &at, &line, &len))
		job->events++;
	fwrite(page->body.data, 1, page->body.len, job->out);
}

/* EXIT_NO: it cannot be written; context_finish() or the commit says why. */
static int write_page(void *arg, const struct wire_page *page)
{
	struct job *job = arg;
	const char *line;
	size_t at = 0, len;
	int r = EXIT_DONE;

	if (job->format->write == NULL && filter_takes_all(&job->filter))
		take_page(job, page);
	else
		while (r == EXIT_DONE && conn_line(page, &at, &line, &len))
			r = take_line(job, line, len);
	if (r != EXIT_DONE)
		return r;
	progress_tick(&job->ctx->progress, clock_boot(), job->events, 0);
	if (job->file != NULL)
		return outfile_flush(job->file) < 0 ? EXIT_NO : EXIT_DONE;
	return context_flush(job->ctx) ? EXIT_DONE : EXIT_NO;
}

static int read_ledger(struct job *job, struct conn *c)
{
	uint64_t after = 0;
	int r;

	if (!job->follow)
		progress_begin(&job->ctx->progress, "exporting; events", clock_boot());
	r = conn_ledger(c, &after, write_page, job);
	progress_end(&job->ctx->progress);
	if (r == EXIT_DONE && job->follow)
		r = conn_follow(c, after, write_page, job);
	return r;
}

static int export(struct job *job)
{
	struct conn c;
	int r;

	r = conn_open(&c, job->ctx);
	if (r != EXIT_DONE)
		return r;
	if (job->format->begin != NULL)
		job->format->begin(job->out);
	r = read_ledger(job, &c);
	conn_close(&c);
	if (r != EXIT_DONE && job->file == NULL && job->events > 0 && !job->follow)
		context_error(job->ctx, "the export is not complete: it has %" PRIu64 " events",
			job->events);
	if (r == EXIT_DONE && job->damaged > 0) {
		context_error(job->ctx,
			"the export lacks %" PRIu64 " of %" PRIu64
			" lines, which are damaged (see sessctl audit verify)",
			job->damaged, job->lines);
		return EXIT_NO;
	}
	return r;
}

static int export_to(struct job *job, const char *path)
{
	struct context *ctx = job->ctx;
	struct outfile file;
	int r, e;

	e = outfile_open(&file, path);
	if (e < 0) {
		context_error(ctx, "%s: %s", path,
			e == -EEXIST ? "not a regular file; use standard output" : strerror(-e));
		return EXIT_NO;
	}
	job->file = &file;
	job->out = file.f;
	r = export(job);
	/* a file that cannot be written fails in the commit, which knows why */
	if (r != EXIT_DONE && file.error == 0) {
		outfile_abort(&file);
		return r;
	}
	e = outfile_commit(&file);
	if (e == 0)
		return EXIT_DONE;
	context_error(ctx, "%s: %s", path, strerror(-e));
	return EXIT_NO;
}

static int read_time(
	struct context *ctx, const char *option, const char *text, uint64_t now, uint64_t *ret)
{
	if (text == NULL || moment_parse(text, now, ret))
		return EXIT_DONE;
	return help_usage_error(
		ctx, &cmd_audit_export, "%s: %s is no time (say %s)", option, text, moment_forms);
}

static int read_times(struct job *job, const struct args *args)
{
	uint64_t now = clock_wall();
	int r;

	r = read_time(job->ctx, "--since", args->value[EXPORT_SINCE], now, &job->filter.since);
	if (r == EXIT_DONE)
		r = read_time(
			job->ctx, "--until", args->value[EXPORT_UNTIL], now, &job->filter.until);
	if (r == EXIT_DONE && job->filter.since > job->filter.until)
		r = help_usage_error(job->ctx, &cmd_audit_export, "--since is later than --until");
	return r;
}

/* The names are shown with blanks between them. */
static int unknown_kind(struct context *ctx, const char *name, int len)
{
	char names[sizeof(" ") * 1024];
	size_t i, used = 0;

	for (i = 0; i < n_kinds && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", kinds[i].name);
	return help_usage_error(
		ctx, &cmd_audit_export, "--event: %.*s is none of%s", len, name, names);
}

static int read_kinds(struct job *job, const struct args *args)
{
	const char *wrong = NULL;
	size_t i;
	int len;

	for (i = 0; i < args->repeats.n && wrong == NULL; i++)
		wrong = filter_add_kinds(&job->filter, args->repeats.value[i], &len);
	return wrong == NULL ? EXIT_DONE : unknown_kind(job->ctx, wrong, len);
}

static int read_format(struct job *job, const char *name)
{
	job->format = name != NULL ? format_find(name) : &formats[0];
	if (job->format == NULL)
		return help_usage_error(job->ctx, &cmd_audit_export, "--format: %s is none of %s",
			name, FORMAT_NAMES);
	return EXIT_DONE;
}

/* That which has no end makes no whole file, and needs no time at which it would be over. */
static int check_follow(const struct job *job, const struct args *args, bool to_file)
{
	if (!job->follow)
		return EXIT_DONE;
	if (to_file)
		return help_usage_error(job->ctx, &cmd_audit_export,
			"--follow never makes a whole file: use standard output");
	if (args->value[EXPORT_UNTIL] != NULL)
		return help_usage_error(
			job->ctx, &cmd_audit_export, "--follow and --until exclude each other");
	return EXIT_DONE;
}

static int read_options(struct job *job, const struct args *args, bool to_file)
{
	int r;

	job->filter = FILTER_ALL;
	job->filter.user = args->value[EXPORT_USER];
	job->follow = args->value[EXPORT_FOLLOW] != NULL;
	r = read_format(job, args->value[EXPORT_FORMAT]);
	if (r == EXIT_DONE)
		r = read_times(job, args);
	if (r == EXIT_DONE)
		r = read_kinds(job, args);
	if (r == EXIT_DONE)
		r = check_follow(job, args, to_file);
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	const char *path = args->value[EXPORT_OUTPUT];
	struct job job = {.ctx = ctx, .out = ctx->out};
	bool to_file = path != NULL && strcmp(path, "-") != 0;
	int r;

	r = read_options(&job, args, to_file);
	if (r != EXIT_DONE)
		return r;
	/* what is cut off has no end of its own */
	if (gethostname(job.host, sizeof(job.host) - 1) < 0)
		strcpy(job.host, "localhost");
	ctx->pipe_ends = job.follow;
	r = to_file ? export_to(&job, path) : export(&job);
	if (r == EXIT_DONE && ctx->progress.terminal && job.format->write == NULL &&
		filter_breaks_chain(&job.filter))
		context_error(ctx, "the chain cannot be verified from this: lines are left out");
	return r;
}

const struct command cmd_audit_export = {
	.name = "audit export",
	.summary = "Print the ledger, one event a line",
	OPTIONS(options),
	.operands = "",
	.text = "The lines are JSON, and the very bytes that the hash chain is made of; other "
		"formats,\n"
		"and --user and --event, make something that cannot be verified.\n"
		"A TIME is 2026-11-22, \"2026-11-22 14:30\", 2026-11-22T14:30:00Z, -24h, "
		"yesterday, today\n"
		"or now. A plain user is given the events of his own sessions.\n",
	.exec = exec,
};
