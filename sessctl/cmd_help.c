#include "sessctl/command.h"
#include "sessctl/help.h"

enum { HELP_WORDS };

static const struct option_row options[] = {
	[HELP_WORDS] = {"words", 0, NULL, NULL},
};

static int exec(struct context *ctx, const struct args *args)
{
	const struct command *command;
	int used = 0;

	if (args->value[HELP_WORDS] != NULL) {
		help_words(ctx->out);
		return EXIT_DONE;
	}
	if (args->n_operands == 0) {
		help_all(ctx->out, ctx->bold);
		return EXIT_DONE;
	}
	command = command_find(args->operand, args->n_operands, &used);
	if (command == NULL || used != args->n_operands)
		return help_usage_error(ctx, NULL, "%s%s%s: there is no such command",
			args->operand[0], args->n_operands > 1 ? " " : "",
			args->n_operands > 1 ? args->operand[1] : "");
	help_command(ctx->out, ctx->bold, command);
	return EXIT_DONE;
}

const struct command cmd_help = {
	.name = "help",
	.summary = "Say how to use sessctl or one of its commands",
	OPTIONS(options),
	.operands = "[COMMAND]",
	.max_operands = 2, /* `audit verify` */
	.text = "",
	.exec = exec,
};
