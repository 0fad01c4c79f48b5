/*
 * Reads a command line by tables of options: `--name VALUE`, `--name=VALUE`, `-nVALUE`, flags in
 * one word (`-ab`), `--` before what only looks like an option.
 */
#ifndef SESSCTL_ARGS_H
#define SESSCTL_ARGS_H

#include "sessctl/command.h"

/* A table, and where the values that were given go (one for each row). */
struct option_set {
	const struct option_row *rows;
	size_t n;
	const char **values;
};

struct args_parser {
	struct context *ctx;
	const struct command *command; /* for the messages; NULL: none yet */
	const struct option_set *sets;
	size_t n_sets;
	struct repeats *repeats; /* of the option that the command lets repeat; NULL: none */
	bool stop;		 /* at the first operand */
};

/*
 * Takes the options out of argv[0] to argv[n - 1] and moves the operands to its front, in their
 * order; *ret_operands says how many there are (with `stop`: how many words are left). EXIT_USAGE,
 * said on ctx->err, where something is wrong.
 */
int args_parse(const struct args_parser *p, char **argv, int n, int *ret_operands);

#endif
