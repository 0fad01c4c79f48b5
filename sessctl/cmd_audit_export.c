#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/outfile.h"

enum { EXPORT_OUTPUT };

static const struct option_row options[] = {
	[EXPORT_OUTPUT] = {"output", 'o', "FILE", "write to FILE, whole or not at all"},
};

struct job {
	struct context *ctx;
	struct outfile *file; /* NULL: standard output */
	uint64_t events;
};

/* EXIT_NO: it cannot be written; context_finish() or the commit says why. */
static int write_page(void *arg, const struct wire_page *page)
{
	struct job *job = arg;
	const char *body = page->body.data;
	size_t i;

	for (i = 0; i < page->body.len; i++)
		job->events += body[i] == '\n';
	progress_tick(&job->ctx->progress, clock_boot(), job->events, 0);
	if (job->file != NULL)
		return outfile_write(job->file, body, page->body.len) < 0 ? EXIT_NO : EXIT_DONE;
	fwrite(body, 1, page->body.len, job->ctx->out);
	return context_flush(job->ctx) ? EXIT_DONE : EXIT_NO;
}

static int export(struct job *job)
{
	struct conn c;
	int r;

	r = conn_open(&c, job->ctx);
	if (r != EXIT_DONE)
		return r;
	progress_begin(&job->ctx->progress, "exporting; events", clock_boot());
	r = conn_ledger(&c, write_page, job);
	progress_end(&job->ctx->progress);
	conn_close(&c);
	if (r != EXIT_DONE && job->file == NULL && job->events > 0)
		context_error(job->ctx, "the export is not complete: it has %" PRIu64 " events",
			job->events);
	return r;
}

static int export_to(struct context *ctx, const char *path)
{
	struct outfile file;
	struct job job = {.ctx = ctx, .file = &file};
	int r, e;

	e = outfile_open(&file, path);
	if (e < 0) {
		context_error(ctx, "%s: %s", path,
			e == -EEXIST ? "not a regular file; use standard output" : strerror(-e));
		return EXIT_NO;
	}
	r = export(&job);
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

static int exec(struct context *ctx, const struct args *args)
{
	const char *path = args->value[EXPORT_OUTPUT];
	struct job job = {.ctx = ctx};

	if (path != NULL && strcmp(path, "-") != 0)
		return export_to(ctx, path);
	return export(&job);
}

const struct command cmd_audit_export = {
	.name = "audit export",
	.summary = "Print the ledger, one event a line",
	OPTIONS(options),
	.operands = "",
	.text = "The lines are JSON, and the very bytes that the hash chain is made of.\n"
		"A plain user is given the events of his own sessions.\n",
	.exec = exec,
};
