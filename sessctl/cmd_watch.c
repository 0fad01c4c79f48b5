#include <string.h>

#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/event.h"
#include "sessctl/reading.h"

enum { WATCH_JSON };

static const struct option_row options[] = {
	[WATCH_JSON] = {"json", 'j', NULL, "the ledger's own lines: one JSON object each"},
};

struct job {
	struct context *ctx;
	bool json;
};

static void print_line(const struct job *job, const char *line, size_t len)
{
	if (!job->json) {
		event_print(job->ctx->out, line, len);
	} else {
		fwrite(line, 1, len, job->ctx->out);
		fputc('\n', job->ctx->out);
	}
}

/* EXIT_NO: nobody reads any more, with which context_finish() may find no fault. */
static int print_page(void *arg, const struct wire_page *page)
{
	const struct job *job = arg;
	const char *line;
	size_t at = 0, len;

	while (reading_line(page->body.data, page->body.len, &at, &line, &len)) {
		print_line(job, line, len);
		if (!context_flush(job->ctx))
			return EXIT_NO;
	}
	return EXIT_DONE;
}

static int watch(struct conn *c, struct job *job)
{
	struct wire_state state;
	int r;

	r = conn_status(c, &state);
	if (r != EXIT_DONE)
		return r;
	return conn_follow(c, state.ledger_seq, print_page, job);
}

static int exec(struct context *ctx, const struct args *args)
{
	struct job job = {.ctx = ctx, .json = args->value[WATCH_JSON] != NULL};
	struct conn c;
	int r;

	ctx->pipe_ends = true;
	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = watch(&c, &job);
	conn_close(&c);
	return r;
}

const struct command cmd_watch = {
	.name = "watch",
	.summary = "Print events as they happen, until interrupted",
	OPTIONS(options),
	.operands = "",
	.text = "Begins with the next event; `sessctl audit export` has those before.\n",
	.exec = exec,
};
