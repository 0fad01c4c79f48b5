#include "sessctl/command.h"
#include "sessctl/conn.h"

static int print_page(void *arg, const struct wire_page *page)
{
	struct context *ctx = arg;

	fwrite(page->body.data, 1, page->body.len, ctx->out);
	/* context_finish() tells of what could not be written */
	return context_flush(ctx) ? EXIT_DONE : EXIT_NO;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct conn c;
	int r;

	(void)args;
	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = conn_metrics(&c, print_page, ctx);
	conn_close(&c);
	return r;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.summary = "Print counters and latencies as OpenMetrics text",
	.operands = "",
	.text = "",
	.exec = exec,
};
