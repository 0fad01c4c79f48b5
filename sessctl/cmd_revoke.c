#include <inttypes.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/output.h"
#include "sessctl/record.h"

enum { REVOKE_USER, REVOKE_REASON, REVOKE_JSON };

static const struct option_row options[] = {
	[REVOKE_USER] = {"user", 'u', "USER", "end all sessions of USER"},
	[REVOKE_REASON] = {"reason", 'r', "TEXT", "why, for the ledger"},
	[REVOKE_JSON] = {"json", 'j', NULL, "one JSON object for each session"},
};

/* The answer to several requests is the gravest of their answers; first the gravest. */
static const int gravity[] = {
	EXIT_UNAVAILABLE, EXIT_NO, EXIT_FORBIDDEN, EXIT_NO_SESSION, EXIT_USAGE, EXIT_DONE};

static int graver(int a, int b)
{
	size_t i;

	for (i = 0; gravity[i] != EXIT_DONE; i++)
		if (a == gravity[i] || b == gravity[i])
			return gravity[i];
	return EXIT_DONE;
}

static void print_outcome(FILE *out, const struct wire_outcome *o)
{
	char sid[SID_HEX + 1], took[DURATION_TEXT];

	sid_hex(&o->sid, sid)[SID_SHORT] = '\0';
	fprintf(out, "%s ", sid);
	output_text(out, o->user, strlen(o->user));
	fputc(' ', out);
	output_text(out, o->service, strlen(o->service));
	if (o->survivors > 0) {
		fprintf(out, ": not ended: %" PRIu64 " of %" PRIu64 " processes still there: ",
			o->survivors, o->signalled);
		output_text(out, o->survivor_list, strlen(o->survivor_list));
	} else {
		fprintf(out, ": ended, %" PRIu64 " process%s gone in %s", o->signalled,
			o->signalled == 1 ? "" : "es", duration_format(o->elapsed, took));
	}
	/* it may have been on its way already, for another reason */
	if (o->reason != REASON_REVOKED)
		fprintf(out, " (%s)", reason_name(o->reason));
	fputc('\n', out);
}

/* Reads the outcomes of one request as they come. */
static int read_outcomes(struct conn *c, bool json)
{
	const struct wire_outcome *o = &c->frame.u.outcome;
	int r, code = EXIT_DONE;
	uint64_t n;

	for (n = 0; (r = conn_next(c)) == EXIT_DONE; n++) {
		if (c->frame.type == WIRE_done && n == 0) {
			context_error(c->ctx, "%s: no such session", c->subject);
			return EXIT_NO_SESSION;
		}
		if (c->frame.type == WIRE_done)
			return code;
		if (c->frame.type != WIRE_outcome)
			return conn_strange(c);
		progress_clear(&c->ctx->progress);
		if (json)
			record_json(c->ctx->out, WIRE_outcome, o);
		else
			print_outcome(c->ctx->out, o);
		/* that it cannot be shown must not keep the rest from being ended: go on */
		context_flush(c->ctx);
		if (o->survivors > 0)
			code = EXIT_NO;
	}
	return graver(r, code);
}

static int revoke(struct conn *c, const struct wire_revoke *ask, bool json)
{
	int r;

	c->subject = ask->prefix[0] != '\0' ? ask->prefix : ask->user;
	r = conn_ask(c, WIRE_revoke, ask);
	return r == EXIT_DONE ? read_outcomes(c, json) : r;
}

static int revoke_each(struct conn *c, struct wire_revoke *ask, const struct args *args)
{
	bool json = args->value[REVOKE_JSON] != NULL;
	int i, code = EXIT_DONE;

	if (args->n_operands == 0)
		return revoke(c, ask, json);
	for (i = 0; i < args->n_operands; i++) {
		snprintf(ask->prefix, sizeof(ask->prefix), "%s", args->operand[i]);
		code = graver(code, revoke(c, ask, json));
		if (code == EXIT_UNAVAILABLE)
			break;
	}
	if (code == EXIT_UNAVAILABLE && args->n_operands > 1)
		context_error(c->ctx, "what became of %s, and of those behind it, is not known",
			args->operand[i]);
	return code;
}

/* Everything that can be wrong on the command line is found before anything is ended. */
static int check(struct context *ctx, const struct args *args, struct wire_revoke *ret)
{
	int i, r = EXIT_DONE;

	if ((args->value[REVOKE_USER] != NULL) == (args->n_operands > 0))
		return help_usage_error(ctx, &cmd_revoke, "give either session ids or --user");
	for (i = 0; i < args->n_operands; i++)
		if (!sid_prefix_valid(args->operand[i]))
			return help_usage_error(ctx, &cmd_revoke,
				"%s is no session's id: give 4 to 32 of its hex digits",
				args->operand[i]);
	if (args->value[REVOKE_USER] != NULL)
		r = context_copy(ctx, "--user", args->value[REVOKE_USER], ret->user);
	if (r == EXIT_DONE && args->value[REVOKE_REASON] != NULL)
		r = context_copy(ctx, "--reason", args->value[REVOKE_REASON], ret->text);
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_revoke ask = {0};
	struct conn c;
	int r;

	r = check(ctx, args, &ask);
	if (r == EXIT_DONE)
		r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	/* processes take as long to die as they take */
	if (!ctx->timeout_given)
		c.timeout = 0;
	progress_begin(&ctx->progress, "waiting for processes to end; sessions done", clock_boot());
	r = revoke_each(&c, &ask, args);
	progress_end(&ctx->progress);
	conn_close(&c);
	return r;
}

const struct command cmd_revoke = {
	.name = "revoke",
	.summary = "End sessions now, with all their processes",
	OPTIONS(options),
	.operands = "[SID...]",
	.max_operands = OPERANDS_ANY,
	.text = "Give either ids of sessions (or the first 4 or more digits of each) or --user.\n"
		"It comes back when every process is gone, or says which are not and exits 1.\n",
	.exec = exec,
};
