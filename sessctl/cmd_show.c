#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/record.h"

enum { SHOW_JSON };

static const struct option_row options[] = {
	[SHOW_JSON] = {"json", 'j', NULL, "one JSON object"},
};

/* `session`, then `done`. */
static int show(struct conn *c, const struct wire_show *ask, bool json)
{
	static const struct record_style style = {0};
	struct wire_session session;
	int r;

	r = conn_ask(c, WIRE_show, ask);
	if (r == EXIT_DONE)
		r = conn_next(c);
	if (r != EXIT_DONE)
		return r;
	if (c->frame.type != WIRE_session)
		return conn_strange(c);
	session = c->frame.u.session;
	r = conn_next(c);
	if (r != EXIT_DONE)
		return r;
	if (c->frame.type != WIRE_done)
		return conn_strange(c);
	if (json)
		record_json(c->ctx->out, WIRE_session, &session);
	else
		record_print(c->ctx->out, WIRE_session, &session, &style);
	return EXIT_DONE;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_show ask = {0};
	struct conn c;
	int r;

	if (!sid_prefix_valid(args->operand[0]))
		return help_usage_error(ctx, &cmd_show,
			"%s is no session's id: give 4 to 32 of its hex digits", args->operand[0]);
	snprintf(ask.prefix, sizeof(ask.prefix), "%s", args->operand[0]);
	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	c.subject = ask.prefix;
	r = show(&c, &ask, args->value[SHOW_JSON] != NULL);
	conn_close(&c);
	return r;
}

const struct command cmd_show = {
	.name = "show",
	.summary = "Show all that is known of one session",
	OPTIONS(options),
	.operands = "SID",
	.min_operands = 1,
	.max_operands = 1,
	.text = "SID is the session's id or the first 4 or more digits of it.\n",
	.exec = exec,
};
