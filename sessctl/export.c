#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "common/timestamp.h"
#include "sessctl/conn.h"
#include "sessctl/export.h"

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
static void take_page(struct export *e, const struct wire_page *page)
{
	const char *line;
	size_t at = 0, len;

	while (conn_line(page, &at, &line, &len))
		e->events++;
	fwrite(page->body.data, 1, page->body.len, e->out);
}

/* EXIT_NO: it cannot be written; context_finish() or the commit says why. */
static int write_page(void *arg, const struct wire_page *page)
{
	struct export *e = arg;
	const char *line;
	size_t at = 0, len;
	int r = EXIT_DONE;

	if (e->format->write == NULL && filter_takes_all(&e->filter))
		take_page(e, page);
	else
		while (r == EXIT_DONE && conn_line(page, &at, &line, &len))
			r = take_line(e, line, len);
	if (r != EXIT_DONE)
		return r;
	progress_tick(&e->ctx->progress, clock_boot(), e->events, 0);
	if (e->to_file)
		return outfile_flush(&e->file) < 0 ? EXIT_NO : EXIT_DONE;
	return context_flush(e->ctx) ? EXIT_DONE : EXIT_NO;
}

static int read_ledger(struct export *e, struct conn *c)
{
	uint64_t after = 0;
	int r;

	if (!e->follow)
		progress_begin(&e->ctx->progress, "exporting; events", clock_boot());
	r = conn_ledger(c, &after, write_page, e);
	progress_end(&e->ctx->progress);
	if (r == EXIT_DONE && e->follow)
		r = conn_follow(c, after, write_page, e);
	return r;
}

/* The kernel takes any bytes for a name. */
static void name_host(char *ret)
{
	char name[HOST_NAME_MAX + 1] = "localhost";

	/* one that is cut off has no end of its own */
	gethostname(name, sizeof(name) - 1);
	text_escape(name, strlen(name), ret, EXPORT_HOST);
}

static int export_all(struct export *e)
{
	struct conn c;
	int r;

	r = conn_open(&c, e->ctx);
	if (r != EXIT_DONE)
		return r;
	name_host(e->host);
	if (e->format->begin != NULL)
		e->format->begin(e->out);
	r = read_ledger(e, &c);
	conn_close(&c);
	if (r != EXIT_DONE && !e->to_file && e->events > 0 && !e->follow)
		context_error(
			e->ctx, "the export is not complete: it has %" PRIu64 " events", e->events);
	if (r == EXIT_DONE && e->damaged > 0) {
		context_error(e->ctx,
			"the export lacks %" PRIu64 " of %" PRIu64
			" lines, which are damaged (see sessctl audit verify)",
			e->damaged, e->lines);
		return EXIT_NO;
	}
	return r;
}

int export_save(struct export *e, const char *path)
{
	struct outfile *file = &e->file;
	struct context *ctx = e->ctx;
	int r, error;

	error = outfile_open(file, path);
	if (error < 0) {
		context_error(ctx, "%s: %s", path,
			error == -EEXIST ? "not a regular file; use standard output"
					 : strerror(-error));
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
