/*
 * The user and his groups are looked up here, by whoever asks, so that a slow directory holds up
 * nobody's login.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>

#include "common/duration.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/output.h"
#include "sessctl/record.h"

enum { EXPLAIN_SERVICE, EXPLAIN_FROM, EXPLAIN_JSON };

static const struct option_row options[] = {
	[EXPLAIN_SERVICE] = {"service", 's', "SERVICE",
		"of a login through this PAM service (sshd)"},
	[EXPLAIN_FROM] = {"from", 'f', "ADDR", "of a login from there (from nowhere: a console)"},
	[EXPLAIN_JSON] = {"json", 'j', NULL, "one JSON object for each limit"},
};

/* What is beyond the module's own bound is cut off, as the module does. */
static void fill_groups(const struct passwd *pw, struct gids *ret)
{
	int n = FIELD_GIDS_MAX;

	if (getgrouplist(pw->pw_name, pw->pw_gid, ret->gid, &n) < 0)
		n = FIELD_GIDS_MAX;
	ret->n = (uint32_t)n;
}

static int check(struct context *ctx, const struct args *args, struct wire_explain *ret)
{
	const char *service = args->value[EXPLAIN_SERVICE], *from = args->value[EXPLAIN_FROM];
	const struct passwd *pw;
	int r;

	r = context_copy(ctx, "USER", args->operand[0], ret->user);
	if (r == EXIT_DONE)
		r = context_copy(ctx, "--service", service ? service : "sshd", ret->service);
	if (r == EXIT_DONE && from != NULL)
		r = context_copy(ctx, "--from", from, ret->rhost);
	if (r != EXIT_DONE)
		return r;
	errno = 0;
	pw = getpwnam(ret->user);
	if (pw == NULL) {
		context_error(ctx, "%s: %s", ret->user,
			errno == 0 || errno == ENOENT ? "no such user" : strerror(errno));
		return EXIT_USAGE;
	}
	ret->uid = pw->pw_uid;
	fill_groups(pw, &ret->gids);
	return EXIT_DONE;
}

static void print_policy(FILE *out, const char *before, const char *policy, const char *after)
{
	fprintf(out, "%spolicy \"", before);
	output_text(out, policy, strlen(policy));
	fprintf(out, "\"%s", after);
}

static void print_class(FILE *out, enum session_class class)
{
	static const char *const means[] = {
		[CLASS_IGNORED] = " (not tracked)",
		[CLASS_BACKGROUND] = " (tracked, not limited)",
		[CLASS_ELEVATION] =
			" (ends with the session that it is made in; no cap, no lifetime)",
		[CLASS_LOGIN] = "",
	};

	fprintf(out, "class: %s%s\n", class_name(class), means[class] ? means[class] : "");
}

static void print_limit(FILE *out, const struct wire_limit *l)
{
	char time[DURATION_TEXT];

	if (strcmp(l->what, "class") == 0) {
		print_class(out, l->class);
	} else if (strcmp(l->what, "exempt") == 0) {
		print_policy(out, "exempt: from every limit (", l->policy, ")\n");
	} else if (strcmp(l->what, "max_sessions") == 0) {
		fprintf(out, "max_sessions: %" PRIu64 ", of which %" PRIu64 " are there, then ",
			l->max, l->count);
		output_text(out, l->at_limit, strlen(l->at_limit));
		print_policy(out, " (", l->policy, ")\n");
	} else if (strcmp(l->what, "leftovers") == 0) {
		fputs("leftovers: ", out);
		output_text(out, l->leftovers, strlen(l->leftovers));
		print_policy(out, " (", l->policy, ")\n");
	} else if (strcmp(l->what, "no_match") == 0) {
		print_policy(out, "", l->policy, " does not apply: ");
		output_text(out, l->why, strlen(l->why));
		fputc('\n', out);
	} else {
		output_text(out, l->what, strlen(l->what));
		fprintf(out, ": %s", duration_format(l->time, time));
		print_policy(out, " (", l->policy, ")\n");
	}
}

/* Limits, each for itself, then `done`. */
static int read_limits(struct conn *c, bool json)
{
	int r;

	while ((r = conn_next(c)) == EXIT_DONE && c->frame.type == WIRE_limit)
		if (json)
			record_json(c->ctx->out, WIRE_limit, &c->frame.u.limit);
		else
			print_limit(c->ctx->out, &c->frame.u.limit);
	if (r == EXIT_DONE && c->frame.type != WIRE_done)
		r = conn_strange(c);
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_explain ask = {0};
	struct conn c;
	int r;

	r = check(ctx, args, &ask);
	if (r == EXIT_DONE)
		r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	c.subject = ask.user;
	r = conn_ask(&c, WIRE_explain, &ask);
	if (r == EXIT_DONE)
		r = read_limits(&c, args->value[EXPLAIN_JSON] != NULL);
	conn_close(&c);
	return r;
}

const struct command cmd_policy_explain = {
	.name = "policy explain",
	.summary = "Say which limits a login would be under, and why",
	OPTIONS(options),
	.operands = "USER",
	.min_operands = 1,
	.max_operands = 1,
	.text = "Every limit with the policy that sets it, and the policies that do not apply.\n",
	.exec = exec,
};
