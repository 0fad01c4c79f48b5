#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/output.h"
#include "sessctl/record.h"

enum { CHECK_MAX_AGE, CHECK_QUIET, CHECK_JSON };

static const struct option_row options[] = {
	[CHECK_MAX_AGE] = {"max-age", 'a', "TIME", "its user has authenticated within that time"},
	[CHECK_QUIET] = {"quiet", 'q', NULL, "say nothing: the exit status tells"},
	[CHECK_JSON] = {"json", 'j', NULL, "one JSON object"},
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
	if (s->authenticated_at != 0)
		fprintf(out, ", authenticated %s", timestamp_brief(s->authenticated_at, now, at));
	if (s->expires_at != 0)
		fprintf(out, ", ends %s", timestamp_brief(s->expires_at, now, at));
	fputc('\n', out);
}

/* max_age: ns; 0: any. */
static int judge_age(
	struct context *ctx, const struct wire_session *s, uint64_t max_age, bool quiet)
{
	char age[DURATION_TEXT], max[DURATION_TEXT];
	uint64_t ns = s->authenticated_age;

	if (max_age == 0 || (ns != 0 && ns <= max_age))
		return EXIT_DONE;
	if (quiet)
		return EXIT_NO;
	duration_format(max_age, max);
	/* whole seconds, and more than there were: 15m 0.2s is not within 15m */
	duration_format((ns / NS_PER_SEC + 1) * NS_PER_SEC, age);
	if (ns == 0)
		context_error(ctx,
			"it is not known when the user of this session authenticated, so not "
			"within %s: run `sessctl reauth`",
			max);
	else
		context_error(ctx,
			"the user of this session authenticated %s ago, not within %s: run "
			"`sessctl reauth`",
			age, max);
	return EXIT_NO;
}

static void print_session(
	const struct context *ctx, const struct args *args, const struct wire_session *s)
{
	if (args->value[CHECK_QUIET] != NULL)
		return;
	if (args->value[CHECK_JSON] != NULL)
		record_json(ctx->out, WIRE_session, s);
	else
		print_live(ctx->out, s);
}

static int read_max_age(struct context *ctx, const struct args *args, uint64_t *ret)
{
	const char *value = args->value[CHECK_MAX_AGE];

	if (value == NULL || (duration_parse(value, ret) && *ret != 0))
		return EXIT_DONE;
	return help_usage_error(
		ctx, &cmd_check, "--max-age %s: give a duration such as 30s, 15m or 1h", value);
}

static int exec(struct context *ctx, const struct args *args)
{
	bool quiet = args->value[CHECK_QUIET] != NULL;
	uint64_t max_age = 0;
	struct wire_check ask;
	struct conn c;
	int r;

	r = read_max_age(ctx, args, &max_age);
	if (r == EXIT_DONE)
		r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	c.unsaid = quiet ? WIRE_E_NO_SESSION : 0;
	r = conn_ask(&c, WIRE_check, &ask);
	if (r == EXIT_DONE)
		r = conn_next(&c);
	if (r == EXIT_DONE && c.frame.type != WIRE_session)
		r = conn_strange(&c);
	if (r == EXIT_DONE) {
		print_session(ctx, args, &c.frame.u.session);
		r = judge_age(ctx, &c.frame.u.session, max_age, quiet);
	}
	conn_close(&c);
	return r;
}

const struct command cmd_check = {
	.name = "check",
	.summary = "Is the session that this is run in live?",
	OPTIONS(options),
	.operands = "",
	.text = "Exits 0 when it is, and 5 when it is not: it has ended, or is no session of "
		"sessd's.\n"
		"Exits 1 when it is live and its user's last authentication is older than "
		"--max-age,\nor not known.\n",
	.exec = exec,
};
