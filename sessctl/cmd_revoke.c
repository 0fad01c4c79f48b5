#include <pwd.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/outcome.h"

enum {
	REVOKE_USER,
	REVOKE_ALL,
	REVOKE_CRON,
	REVOKE_REASON,
	REVOKE_GRACE,
	REVOKE_MESSAGE,
	REVOKE_FLEET,
	REVOKE_JSON
};

static const struct option_row options[] = {
	[REVOKE_USER] = {"user", 'u', "USER", "end all sessions of USER, and what outlived one"},
	[REVOKE_ALL] = {"all", 'a', NULL, "end everybody's but the one that you speak from"},
	[REVOKE_CRON] = {"cron", 'c', NULL, "with --user or --all: cron jobs, too"},
	[REVOKE_REASON] = {"reason", 'r', "TEXT", "why, for the ledger"},
	[REVOKE_GRACE] = {"grace", 'g', "DURATION", "let processes end by themselves for so long"},
	[REVOKE_MESSAGE] = {"message", 'm', "TEXT", "say this on the session's terminals"},
	[REVOKE_FLEET] = {"fleet", 'F', NULL, "on all hosts of the fleet"},
	[REVOKE_JSON] = {"json", 'j', NULL, "one JSON object for each session"},
};

static int revoke(struct conn *c, const struct wire_revoke *ask, bool json)
{
	struct outcomes o = {.json = json, .reason = REASON_REVOKED};
	int r;

	c->subject = ask->all ? "all" : ask->prefix[0] != '\0' ? ask->prefix : ask->user;
	r = conn_ask(c, WIRE_revoke, ask);
	if (r == EXIT_DONE)
		r = outcomes_read(c, &o);
	if (r != EXIT_DONE || o.n > 0 || ask->all)
		return r;
	context_error(c->ctx, "%s: no such session%s", c->subject,
		ask->user[0] != '\0' ? ", nor anything left over" : "");
	return EXIT_NO_SESSION;
}

static int revoke_each(struct conn *c, struct wire_revoke *ask, const struct args *args)
{
	bool json = args->value[REVOKE_JSON] != NULL;
	int i, code = EXIT_DONE;

	if (args->n_operands == 0)
		return revoke(c, ask, json);
	for (i = 0; i < args->n_operands; i++) {
		snprintf(ask->prefix, sizeof(ask->prefix), "%s", args->operand[i]);
		code = outcomes_graver(code, revoke(c, ask, json));
		if (code == EXIT_UNAVAILABLE)
			break;
	}
	if (code == EXIT_UNAVAILABLE && args->n_operands > 1)
		context_error(c->ctx, "what became of %s, and of those behind it, is not known",
			args->operand[i]);
	return code;
}

/* What is left over is known by the user's id, which is looked up here, so that the daemon need not
 * wait for a directory. Without one, only sessions of that name tell. */
static int find_user(struct context *ctx, const char *name, struct wire_revoke *ret)
{
	const struct passwd *pw;
	int r;

	r = context_copy(ctx, "--user", name, ret->user);
	pw = r == EXIT_DONE ? getpwnam(name) : NULL;
	if (pw != NULL)
		ret->id = (struct opt_uid){.set = true, .uid = pw->pw_uid};
	return r;
}

/* Everything that can be wrong on the command line is found before anything is ended. */
static int check(struct context *ctx, const struct args *args, struct wire_revoke *ret)
{
	bool user = args->value[REVOKE_USER] != NULL, all = args->value[REVOKE_ALL] != NULL;
	int i, r = EXIT_DONE;

	if (user + all + (args->n_operands > 0) != 1)
		return help_usage_error(
			ctx, &cmd_revoke, "give either session ids, --user or --all");
	if (args->value[REVOKE_CRON] != NULL && !user && !all)
		return help_usage_error(ctx, &cmd_revoke, "--cron goes with --user or --all");
	for (i = 0; i < args->n_operands; i++)
		if (!sid_prefix_valid(args->operand[i]))
			return help_usage_error(ctx, &cmd_revoke,
				"%s is no session's id: give 4 to 32 of its hex digits",
				args->operand[i]);
	if (args->value[REVOKE_GRACE] != NULL &&
		(!duration_parse(args->value[REVOKE_GRACE], &ret->grace) || ret->grace == 0 ||
			ret->grace > WIRE_GRACE_MAX))
		return help_usage_error(ctx, &cmd_revoke,
			"%s is no grace: give a time (say 30s, 2m) of at most 1h",
			args->value[REVOKE_GRACE]);
	ret->all = all;
	ret->fleet = args->value[REVOKE_FLEET] != NULL;
	ret->cron = args->value[REVOKE_CRON] != NULL;
	if (user)
		r = find_user(ctx, args->value[REVOKE_USER], ret);
	if (r == EXIT_DONE && args->value[REVOKE_REASON] != NULL)
		r = context_copy(ctx, "--reason", args->value[REVOKE_REASON], ret->text);
	if (r == EXIT_DONE && args->value[REVOKE_MESSAGE] != NULL)
		r = context_copy(ctx, "--message", args->value[REVOKE_MESSAGE], ret->message);
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
	.text = "Give either ids of sessions (or the first 4 or more digits of each), --user or\n"
		"--all.\n"
		"It comes back when every process is gone, or says which are not and exits 1.\n",
	.exec = exec,
};
