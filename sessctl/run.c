#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/version.h"
#include "common/wire.h"
#include "sessctl/args.h"
#include "sessctl/help.h"
#include "sessctl/run.h"

#define DEFAULT_RUNTIME_DIR "/run/sessd"
#define DEFAULT_TIMEOUT	    (10 * NS_PER_SEC)

static bool socket_path(const char *dir, const char *name, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%s/%s", dir, name);

	return n >= 0 && (size_t)n < size;
}

static int set_sockets(struct context *ctx, const char *dir)
{
	if (dir == NULL)
		dir = DEFAULT_RUNTIME_DIR;
	if (!socket_path(dir, WIRE_CTL_SOCKET, ctx->socket, sizeof(ctx->socket)) ||
		!socket_path(
			dir, WIRE_REAUTH_SOCKET, ctx->reauth_socket, sizeof(ctx->reauth_socket)))
		return help_usage_error(ctx, NULL, "--runtime-dir is too long for a socket");
	return EXIT_DONE;
}

static int set_timeout(struct context *ctx, const char *timeout)
{
	ctx->timeout = DEFAULT_TIMEOUT;
	ctx->timeout_given = timeout != NULL;
	if (timeout != NULL && !duration_parse(timeout, &ctx->timeout))
		return help_usage_error(
			ctx, NULL, "--timeout: %s is no time (say 500ms, 10s, 1m30s)", timeout);
	return EXIT_DONE;
}

/* What a terminal of today's is assumed to be able to do, unless the user says no. */
static bool terminal_has_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	int fd = fileno(out);

	if ((no != NULL && no[0] != '\0') || term == NULL || strcmp(term, "dumb") == 0)
		return false;
	return fd >= 0 && isatty(fd) == 1;
}

static int set_colour(struct context *ctx, const char *when)
{
	if (when == NULL || strcmp(when, "auto") == 0)
		ctx->bold = terminal_has_colour(ctx->out);
	else if (strcmp(when, "always") == 0)
		ctx->bold = true;
	else if (strcmp(when, "never") == 0)
		ctx->bold = false;
	else
		return help_usage_error(
			ctx, NULL, "--color: %s is not auto, always or never", when);
	return EXIT_DONE;
}

static int set_globals(struct context *ctx, const char *const *values)
{
	int r = set_colour(ctx, values[GLOBAL_COLOR]);

	if (r == EXIT_DONE)
		r = set_sockets(ctx, values[GLOBAL_RUNTIME_DIR]);
	if (r == EXIT_DONE)
		r = set_timeout(ctx, values[GLOBAL_TIMEOUT]);
	return r;
}

static int check_operands(
	struct context *ctx, const struct command *command, const struct args *args)
{
	if (args->n_operands < command->min_operands)
		return help_usage_error(ctx, command, "%s is missing", command->operands);
	if (args->n_operands > command->max_operands)
		return help_usage_error(
			ctx, command, "%s is one too many", args->operand[command->max_operands]);
	return EXIT_DONE;
}

/* The rest of the line, behind the command's name. */
static int run_command(struct context *ctx, const struct command *command, char **argv, int n,
	const char **globals)
{
	struct args args = {.operand = argv};
	const struct option_set sets[] = {
		{command->options, command->n_options, args.value},
		{global_options, N_GLOBALS, globals},
	};
	const struct args_parser parser = {.ctx = ctx,
		.command = command,
		.sets = sets,
		.n_sets = 2,
		.repeats = &args.repeats};
	int r;

	r = args_parse(&parser, argv, n, &args.n_operands);
	if (r == EXIT_DONE)
		r = set_globals(ctx, globals);
	if (r != EXIT_DONE)
		return r;
	if (globals[GLOBAL_HELP] != NULL) {
		help_command(ctx->out, ctx->bold, command);
		return EXIT_DONE;
	}
	r = check_operands(ctx, command, &args);
	return r == EXIT_DONE ? command->exec(ctx, &args) : r;
}

static int no_command(struct context *ctx, char **words, int n, const char *const *globals)
{
	int r = set_globals(ctx, globals);

	if (r != EXIT_DONE)
		return r;
	if (globals[GLOBAL_HELP] != NULL) {
		help_all(ctx->out, ctx->bold);
		return EXIT_DONE;
	}
	if (n == 0)
		return help_usage_error(ctx, NULL, "a command is missing");
	if (command_is_group(words[0]))
		return help_usage_error(ctx, NULL, "%s %s: there is no such command", words[0],
			n > 1 ? words[1] : "alone");
	return help_usage_error(ctx, NULL, "%s: there is no such command", words[0]);
}

static int run(struct context *ctx, char **argv, int n)
{
	const char *globals[N_GLOBALS] = {NULL};
	const struct option_set set = {global_options, N_GLOBALS, globals};
	const struct args_parser parser = {.ctx = ctx, .sets = &set, .n_sets = 1, .stop = true};
	const struct command *command;
	int r, left, used = 0;

	r = args_parse(&parser, argv, n, &left);
	if (r != EXIT_DONE)
		return r;
	if (globals[GLOBAL_VERSION] != NULL) {
		fprintf(ctx->out, "sessctl %s\n", SESSD_VERSION);
		return EXIT_DONE;
	}
	command = command_find(argv, left, &used);
	if (command == NULL)
		return no_command(ctx, argv, left, globals);
	return run_command(ctx, command, argv + used, left - used, globals);
}

int sessctl_run(int argc, char **argv, FILE *out, FILE *err)
{
	struct context ctx;
	int code;

	context_init(&ctx, out, err);
	code = run(&ctx, argv + 1, argc > 0 ? argc - 1 : 0);
	code = context_finish(&ctx, code);
	fflush(err);
	return code;
}
