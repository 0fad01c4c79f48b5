#include <inttypes.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/output.h"
#include "sessctl/record.h"

enum { STATUS_JSON };

static const struct option_row options[] = {
	[STATUS_JSON] = {"json", 'j', NULL, "one JSON object"},
};

static void print_trouble(struct context *ctx, const char *what, const char *why)
{
	if (why[0] == '\0')
		return;
	output_alarm(ctx->out, ctx->bold, what);
	fputs(": ", ctx->out);
	output_line(ctx->out, why);
}

static void print_state(struct context *ctx, const struct wire_state *s)
{
	/* what the first lines have said */
	static const char *const said[] = {"program", "pid", "started_at", "config_error",
		"ledger_error", "seal_error", "mirror_error", "journal_error", "auditd_error",
		NULL};
	static const struct record_style style = {.zeros = true, .skip = said};
	char since[TIMESTAMP_TEXT];

	output_text(ctx->out, s->program, strlen(s->program));
	fprintf(ctx->out, " is running, pid %" PRIu64 ", since %s\n", s->pid,
		timestamp_brief(s->started_at, clock_wall(), since));
	print_trouble(ctx, "TROUBLE: the ledger cannot be written", s->ledger_error);
	print_trouble(ctx, "TROUBLE: the ledger is not sealed", s->seal_error);
	print_trouble(ctx, "TROUBLE: the mirror of the ledger cannot be written", s->mirror_error);
	print_trouble(ctx, "TROUBLE: events do not reach journald", s->journal_error);
	print_trouble(ctx, "TROUBLE: events do not reach the audit log", s->auditd_error);
	print_trouble(ctx, "TROUBLE: the new configuration has a mistake, the one before holds",
		s->config_error);
	record_print(ctx->out, WIRE_state, s, &style);
}

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_state state;
	struct conn c;
	int r;

	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = conn_status(&c, &state);
	conn_close(&c);
	if (r != EXIT_DONE)
		return r;
	if (args->value[STATUS_JSON] != NULL)
		record_json(ctx->out, WIRE_state, &state);
	else
		print_state(ctx, &state);
	return EXIT_DONE;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "Say how sessd is doing",
	OPTIONS(options),
	.operands = "",
	.text = "Exits 0 when sessd runs, also where it reports trouble with its ledger or\n"
		"configuration: read ledger_error, seal_error and config_error for that.\n",
	.exec = exec,
};
