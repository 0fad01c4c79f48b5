#include <string.h>

#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/event.h"

enum { WATCH_JSON };

static const struct option_row options[] = {
	[WATCH_JSON] = {"json", 'j', NULL, "the ledger's own lines: one JSON object each"},
};

static void print_line(struct context *ctx, const char *line, size_t len, bool json)
{
	if (!json) {
		event_print(ctx->out, line, len);
	} else {
		fwrite(line, 1, len, ctx->out);
		fputc('\n', ctx->out);
	}
}

/* False: nobody reads any more. */
static bool print_page(struct context *ctx, const struct wire_page *page, bool json)
{
	const char *body = page->body.data, *newline;
	size_t at, len;

	for (at = 0; at < page->body.len; at += len + 1) {
		newline = memchr(body + at, '\n', page->body.len - at);
		len = newline ? (size_t)(newline - body) - at : page->body.len - at;
		print_line(ctx, body + at, len, json);
		if (!context_flush(ctx))
			return false;
	}
	return true;
}

static int watch(struct conn *c, bool json)
{
	struct wire_read ask = {.wait = true};
	struct wire_state state;
	int r;

	r = conn_status(c, &state);
	ask.after = state.ledger_seq;
	c->timeout = 0;
	while (r == EXIT_DONE && (r = conn_ask(c, WIRE_read, &ask)) == EXIT_DONE &&
		(r = conn_next(c)) == EXIT_DONE) {
		if (c->frame.type != WIRE_page)
			return conn_strange(c);
		if (!print_page(c->ctx, &c->frame.u.page, json))
			break;
		/* a page without lines may say nothing new */
		if (c->frame.u.page.last > ask.after)
			ask.after = c->frame.u.page.last;
	}
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct conn c;
	int r;

	ctx->pipe_ends = true;
	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = watch(&c, args->value[WATCH_JSON] != NULL);
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
