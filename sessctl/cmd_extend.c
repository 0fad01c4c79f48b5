#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/output.h"
#include "sessctl/record.h"

enum { EXTEND_REASON, EXTEND_JSON };

static const struct option_row options[] = {
	[EXTEND_REASON] = {"reason", 'r', "TEXT", "why, for the ledger"},
	[EXTEND_JSON] = {"json", 'j', NULL, "one JSON object"},
};

static void print_extended(FILE *out, const struct wire_extended *e)
{
	char sid[SID_HEX + 1], before[TIMESTAMP_TEXT], after[TIMESTAMP_TEXT];
	uint64_t now = clock_wall();

	sid_hex(&e->sid, sid)[SID_SHORT] = '\0';
	fprintf(out, "%s ", sid);
	output_text(out, e->user, strlen(e->user));
	fputc(' ', out);
	output_text(out, e->service, strlen(e->service));
	fprintf(out, ": ends %s, not %s\n", timestamp_brief(e->expires_at, now, after),
		timestamp_brief(e->old_expires_at, now, before));
}

static int check(struct context *ctx, const struct args *args, struct wire_extend *ret)
{
	if (!sid_prefix_valid(args->operand[0]))
		return help_usage_error(ctx, &cmd_extend,
			"%s is no session's id: give 4 to 32 of its hex digits", args->operand[0]);
	if (!duration_parse(args->operand[1], &ret->time) || ret->time == 0)
		return help_usage_error(
			ctx, &cmd_extend, "%s is no time (say 30m, 1h30m, 2d)", args->operand[1]);
	snprintf(ret->prefix, sizeof(ret->prefix), "%s", args->operand[0]);
	if (args->value[EXTEND_REASON] == NULL)
		return EXIT_DONE;
	return context_copy(ctx, "--reason", args->value[EXTEND_REASON], ret->text);
}

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_extend ask = {0};
	struct conn c;
	int r;

	r = check(ctx, args, &ask);
	if (r == EXIT_DONE)
		r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	c.subject = ask.prefix;
	r = conn_ask(&c, WIRE_extend, &ask);
	if (r == EXIT_DONE)
		r = conn_next(&c);
	if (r == EXIT_DONE && c.frame.type != WIRE_extended)
		r = conn_strange(&c);
	if (r == EXIT_DONE && args->value[EXTEND_JSON] != NULL)
		record_json(ctx->out, WIRE_extended, &c.frame.u.extended);
	else if (r == EXIT_DONE)
		print_extended(ctx->out, &c.frame.u.extended);
	conn_close(&c);
	return r;
}

const struct command cmd_extend = {
	.name = "extend",
	.summary = "Let a session last longer than its lifetime",
	OPTIONS(options),
	.operands = "SID DURATION",
	.min_operands = 2,
	.max_operands = 2,
	.text = "Moves the end of the session by DURATION (30m, 1h30m, 2d), up to the "
		"max_lifetime\n"
		"of its policy. For administrators.\n",
	.exec = exec,
};
