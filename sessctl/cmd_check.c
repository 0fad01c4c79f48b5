#include <string.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/output.h"

enum { CHECK_QUIET };

static const struct option_row options[] = {
	[CHECK_QUIET] = {"quiet", 'q', NULL, "say nothing: the exit status tells"},
};

static void print_live(FILE *out, const struct wire_session *s)
{
	char sid[SID_HEX + 1], at[TIMESTAMP_TEXT];
	uint64_t now = clock_wall();

	sid_hex(&s->sid, sid)[SID_SHORT] = '\0';
	fprintf(out, "%s ", sid);
	output_text(out, s->user, strlen(s->user));
	fputc(' ', out);
	output_text(out, s->service, strlen(s->service));
	fprintf(out, ": live since %s", timestamp_brief(s->opened_at, now, at));
	if (s->expires_at != 0)
		fprintf(out, ", ends %s", timestamp_brief(s->expires_at, now, at));
	fputc('\n', out);
}

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_check ask;
	struct conn c;
	int r;

	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	c.unsaid = args->value[CHECK_QUIET] != NULL ? WIRE_E_NO_SESSION : 0;
	r = conn_ask(&c, WIRE_check, &ask);
	if (r == EXIT_DONE)
		r = conn_next(&c);
	if (r == EXIT_DONE && c.frame.type != WIRE_session)
		r = conn_strange(&c);
	if (r == EXIT_DONE && args->value[CHECK_QUIET] == NULL)
		print_live(ctx->out, &c.frame.u.session);
	conn_close(&c);
	return r;
}

const struct command cmd_check = {
	.name = "check",
	.summary = "Is the session that this is run in live?",
	OPTIONS(options),
	.operands = "",
	.text = "Exits 0 when it is, and 5 when it is not: it has ended, or is no session of "
		"sessd's.\n",
	.exec = exec,
};
