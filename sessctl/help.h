/* What sessctl says about itself, all of it from the tables of command.h. */
#ifndef SESSCTL_HELP_H
#define SESSCTL_HELP_H

#include "sessctl/command.h"

void help_all(FILE *out, bool bold);
void help_command(FILE *out, bool bold, const struct command *command);

/*
 * For the completion: a line for each word, `COMMAND TAB --option TAB ARGUMENT`, with `-` for what
 * is not there. A line without an option gives the command's operands; one without a command, a
 * global option.
 */
void help_words(FILE *out);

/* The message, and on the next line how the command (NULL: sessctl) is used. Returns EXIT_USAGE. */
int help_usage_error(struct context *ctx, const struct command *command, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
