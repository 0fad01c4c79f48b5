#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sessctl/export.h"
#include "sessctl/host.h"
#include "sessctl/reading.h"

static bool write_line(struct export *e, const struct line *line)
{
	e->events++;
	if (e->format->write != NULL)
		return e->format->write(e->out, line, e->host);
	fwrite(line->text, 1, line->len, e->out);
	fputc('\n', e->out);
	return true;
}

static int take_line(struct export *e, const char *text, size_t len)
{
	struct line line;
	bool ok = true;

	e->lines++;
	if (line_parse(text, len, &line) < 0) {
		context_error(e->ctx,
			"line %" PRIu64 " of the ledger is damaged: it is no event, and left out",
			e->lines);
		e->damaged++;
		return EXIT_DONE;
	}
	if (filter_takes(&e->filter, &line))
		ok = write_line(e, &line);
	line_fini(&line);
	if (ok)
		return EXIT_DONE;
	context_error(e->ctx, "%s", strerror(ENOMEM));
	return EXIT_NO;
}

/* The ledger's bytes as they came. Nothing looks into them, so nothing can be wrong with them. */
static void take_all(struct export *e, const char *text, size_t len)
{
	const char *line;
	size_t at = 0, n;

	while (reading_line(text, len, &at, &line, &n)) {
		e->lines++;
		e->events++;
	}
	fwrite(text, 1, len, e->out);
}

/* What stands above the first line, once it is known that there is something to read. */
static void begin(struct export *e)
{
	if (!e->begun && e->format->begin != NULL)
		e->format->begin(e->out);
	e->begun = true;
}

/* EXIT_NO: it cannot be written; context_finish() or the commit says why. */
static int take_piece(void *arg, const char *text, size_t len)
{
	struct export *e = arg;
	const char *line;
	size_t at = 0, n;
	int r = EXIT_DONE;

	begin(e);
	if (e->format->write == NULL && filter_takes_all(&e->filter))
		take_all(e, text, len);
	else
		while (r == EXIT_DONE && reading_line(text, len, &at, &line, &n))
			r = take_line(e, line, n);
	if (r != EXIT_DONE)
		return r;
	if (e->to_file)
		return outfile_flush(&e->file) < 0 ? EXIT_NO : EXIT_DONE;
	return context_flush(e->ctx) ? EXIT_DONE : EXIT_NO;
}

/* Whether it is whole is said in any case. */
static int judge(struct export *e, const struct reading *reading, int r)
{
	if (r == EXIT_DONE && reading->wrong != NULL) {
		context_error(e->ctx, "behind line %" PRIu64 ": %s", e->lines, reading->wrong);
		r = EXIT_NO;
	}
	if (r != EXIT_DONE && !e->to_file && e->events > 0 && !e->follow)
		context_error(
			e->ctx, "the export is not complete: it has %" PRIu64 " events", e->events);
	if (r == EXIT_DONE && e->damaged > 0) {
		context_error(e->ctx,
			"the export lacks %" PRIu64 " of %" PRIu64
			" lines, which are damaged (see sessctl audit verify)",
			e->damaged, e->lines);
		r = EXIT_NO;
	}
	return r;
}

static int export_all(struct export *e)
{
	struct reading reading = {.ctx = e->ctx,
		.what = "exporting",
		.files = e->files,
		.n_files = e->n_files,
		.follow = e->follow,
		.take = take_piece,
		.arg = e};
	int r;

	host_name(e->host);
	r = reading_run(&reading);
	if (r == EXIT_DONE)
		begin(e);
	return judge(e, &reading, r);
}

int export_save(struct export *e, const char *path)
{
	struct outfile *file = &e->file;
	struct context *ctx = e->ctx;
	int r, error;

	error = outfile_open(file, path);
	if (error < 0) {
		context_error(ctx, "%s: %s", path, outfile_words(error));
		return EXIT_NO;
	}
	e->to_file = true;
	e->out = file->f;
	r = export_all(e);
	/* a file that cannot be written fails in the commit, which knows why */
	if (r != EXIT_DONE && file->error == 0) {
		outfile_abort(file);
		return r;
	}
	error = outfile_commit(file);
	if (error == 0)
		return EXIT_DONE;
	context_error(ctx, "%s: %s", path, strerror(-error));
	return EXIT_NO;
}

int export_print(struct export *e)
{
	e->out = e->ctx->out;
	return export_all(e);
}
