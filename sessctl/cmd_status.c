#include <inttypes.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/linger.h"
#include "sessctl/output.h"
#include "sessctl/record.h"

enum { STATUS_FLEET, STATUS_JSON };

static const struct option_row options[] = {
	[STATUS_FLEET] = {"fleet", 'F', NULL, "the fleet that this host belongs to, and its hosts"},
	[STATUS_JSON] = {"json", 'j', NULL, "one JSON object; with --fleet one for each host, too"},
};

static void print_trouble(struct context *ctx, const char *what, const char *why)
{
	if (why[0] == '\0')
		return;
	output_alarm(ctx->out, ctx->bold, what);
	fputs(": ", ctx->out);
	output_line(ctx->out, why);
}

static void print_state(
	struct context *ctx, const struct wire_state *s, const struct linger *lingering)
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
	linger_print(lingering, ctx->out);
}

static void state_json(
	struct context *ctx, const struct wire_state *s, const struct linger *lingering)
{
	record_json_open(ctx->out, WIRE_state, s);
	if (lingering->n > 0) {
		fputs(",\"lingering\":", ctx->out);
		linger_json(lingering, ctx->out);
	}
	fputs("}\n", ctx->out);
}

static void print_fleet(struct context *ctx, const struct wire_fleet_state *s)
{
	static const char *const said[] = {"trouble", "head_broken", NULL};
	static const struct record_style style = {.zeros = true, .skip = said};

	print_trouble(ctx,
		s->joined ? "TROUBLE: the name of this host cannot be confirmed"
			  : "TROUBLE: this host has not joined the fleet",
		s->trouble);
	if (s->head_broken)
		print_trouble(ctx, "TROUBLE: the ledger lacks the event that the fleet keeps of it",
			s->checkpoint);
	record_print(ctx->out, WIRE_fleet_state, s, &style);
}

static void print_host(struct context *ctx, const struct wire_fleet_host *host)
{
	fputs("host ", ctx->out);
	output_text(ctx->out, host->host, strlen(host->host));
	fprintf(ctx->out, ": %s%s\n", host->reachable ? "reachable" : "UNREACHABLE",
		host->asked ? " (this one)" : "");
}

static int fleet_next(struct conn *c, bool json)
{
	const struct wire_frame *frame = &c->frame;

	if (frame->type != WIRE_fleet_state && frame->type != WIRE_fleet_host)
		return conn_strange(c);
	if (json)
		record_json(c->ctx->out, frame->type, &frame->u);
	else if (frame->type == WIRE_fleet_state)
		print_fleet(c->ctx, &frame->u.fleet_state);
	else
		print_host(c->ctx, &frame->u.fleet_host);
	return EXIT_DONE;
}

/* Exits 1 where a host is out of reach, or this one is. */
static int fleet_status(struct context *ctx, bool json)
{
	const struct wire_status ask = {.fleet = true};
	int r, code = EXIT_DONE;
	struct conn c;

	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = conn_ask(&c, WIRE_status, &ask);
	while (r == EXIT_DONE && (r = conn_next(&c)) == EXIT_DONE && c.frame.type != WIRE_done) {
		r = fleet_next(&c, json);
		if ((c.frame.type == WIRE_fleet_state && !c.frame.u.fleet_state.joined) ||
			(c.frame.type == WIRE_fleet_host && !c.frame.u.fleet_host.reachable))
			code = EXIT_NO;
	}
	conn_close(&c);
	return r != EXIT_DONE ? r : code;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct linger lingering;
	struct wire_state state;
	struct conn c;
	int r;

	if (args->value[STATUS_FLEET] != NULL)
		return fleet_status(ctx, args->value[STATUS_JSON] != NULL);
	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = conn_status(&c, &state);
	conn_close(&c);
	if (r != EXIT_DONE)
		return r;
	linger_read(ctx, &lingering);
	if (args->value[STATUS_JSON] != NULL)
		state_json(ctx, &state, &lingering);
	else
		print_state(ctx, &state, &lingering);
	linger_fini(&lingering);
	return EXIT_DONE;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "Say how sessd is doing",
	OPTIONS(options),
	.operands = "",
	.text = "Exits 0 when sessd runs, also where it reports trouble with its ledger or\n"
		"configuration: read ledger_error, seal_error and config_error for that. With\n"
		"--fleet it exits 1 where this host has not joined or another one is out of\n"
		"reach, and 3 where the store is.\n",
	.exec = exec,
};
