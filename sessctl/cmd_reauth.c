#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/keyboard.h"
#include "sessctl/output.h"

enum { REAUTH_QUIET, REAUTH_STDIN };

static const struct option_row options[] = {
	[REAUTH_QUIET] = {"quiet", 'q', NULL, "say nothing when it is done"},
	[REAUTH_STDIN] = {"stdin", 'S', NULL, "read the answers from standard input"},
};

static int explain(struct context *ctx, int error)
{
	switch (error) {
	case -ENOTTY:
		context_error(
			ctx, "there is no terminal to ask on (run it on one, or use --stdin)");
		return EXIT_USAGE;
	case -EPIPE:
		context_error(ctx, "no answer was given");
		return EXIT_NO;
	case -E2BIG:
		context_error(ctx, "an answer may have %d bytes", WIRE_REPLY_MAX);
		return EXIT_NO;
	default:
		context_error(ctx, "the terminal: %s", strerror(-error));
		return EXIT_UNAVAILABLE;
	}
}

static int answer(struct conn *c, const struct wire_prompt *prompt, bool from_stdin)
{
	const struct keyboard_question q = {.text = prompt->text,
		.secret = prompt->style == WIRE_STYLE_SECRET,
		.from_stdin = from_stdin,
		.wake = c->client.fd};
	char typed[WIRE_REPLY_MAX + 1];
	struct wire_reply reply = {.secret.data = typed};
	int r;

	r = keyboard_ask(&q, typed, sizeof(typed));
	/* it has something else to say: no time is left */
	if (r == -ECANCELED)
		return EXIT_DONE;
	if (r < 0)
		return explain(c->ctx, r);
	reply.secret.len = strlen(typed);
	r = conn_ask(c, WIRE_reply, &reply);
	explicit_bzero(typed, sizeof(typed));
	explicit_bzero(c->client.buf, sizeof(c->client.buf));
	return r;
}

static int take_prompt(struct conn *c, bool from_stdin)
{
	const struct wire_prompt prompt = c->frame.u.prompt;

	switch (prompt.style) {
	case WIRE_STYLE_SECRET:
	case WIRE_STYLE_PLAIN:
		return answer(c, &prompt, from_stdin);
	case WIRE_STYLE_ERROR:
	case WIRE_STYLE_INFO:
		output_line(c->ctx->err, prompt.text);
		return EXIT_DONE;
	default:
		return conn_strange(c);
	}
}

static int converse(struct conn *c, bool from_stdin)
{
	const struct wire_prove ask;
	int r = conn_ask(c, WIRE_prove, &ask);

	while (r == EXIT_DONE && (r = conn_next(c)) == EXIT_DONE) {
		if (c->frame.type == WIRE_done)
			return EXIT_DONE;
		if (c->frame.type == WIRE_refused) {
			context_error(c->ctx, "%s", c->frame.u.refused.text);
			return EXIT_NO;
		}
		if (c->frame.type != WIRE_prompt)
			return conn_strange(c);
		r = take_prompt(c, from_stdin);
	}
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct conn c;
	int r;

	/* what is typed is in no core, and no debugger of the user's other programs sees it */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	r = conn_open_reauth(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	/* a key is looked for, a finger is laid on it: as long as it takes */
	if (!ctx->timeout_given)
		c.timeout = 0;
	r = converse(&c, args->value[REAUTH_STDIN] != NULL);
	if (r == EXIT_DONE && args->value[REAUTH_QUIET] == NULL)
		fputs("authenticated again\n", ctx->out);
	conn_close(&c);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return r;
}

const struct command cmd_reauth = {
	.name = "reauth",
	.summary = "Prove again that you are the user of this session",
	OPTIONS(options),
	.operands = "",
	.text = "Asks what the PAM service sessd-reauth wants to know, a password as a rule.\n"
		"What needs a recent authentication is allowed again afterwards.\n",
	.exec = exec,
};
