#include <stdarg.h>
#include <string.h>

#include "sessctl/help.h"
#include "sessctl/output.h"

static void print_usage(FILE *out, const struct command *command)
{
	const struct option_row *row;
	size_t i;

	if (command == NULL) {
		fputs("usage: sessctl [OPTION...] COMMAND [ARGUMENT...]\n", out);
		return;
	}
	fprintf(out, "usage: sessctl %s", command->name);
	for (i = 0; i < command->n_options; i++) {
		row = &command->options[i];
		if (row->help == NULL)
			continue;
		fprintf(out, " [--%s%s%s]", row->name, row->arg ? " " : "",
			row->arg ? row->arg : "");
	}
	fprintf(out, "%s%s\n", command->operands[0] ? " " : "", command->operands);
}

static void print_option(FILE *out, const struct option_row *row)
{
	char left[64], letter[8] = "    ";

	if (row->help == NULL)
		return;
	if (row->letter != 0)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name, row->arg ? " " : "",
		row->arg ? row->arg : "");
	/* what is too long for its column has a line of its own */
	fprintf(out, strlen(left) > 31 ? "  %s\n  %31s  %s\n" : "  %-31s%s  %s\n", left, "",
		row->help);
}

static void print_options(
	FILE *out, bool bold, const char *title, const struct option_row *rows, size_t n)
{
	size_t i;

	if (n == 0)
		return;
	fputc('\n', out);
	output_bold(out, bold, title);
	fputc('\n', out);
	for (i = 0; i < n; i++)
		print_option(out, &rows[i]);
}

void help_all(FILE *out, bool bold)
{
	size_t i;

	print_usage(out, NULL);
	fputs("Lists, watches and ends the sessions of this machine's users, through sessd(8).\n\n",
		out);
	output_bold(out, bold, "commands:");
	fputc('\n', out);
	for (i = 0; i < n_commands; i++)
		fprintf(out, "  %-14s  %s\n", commands[i]->name, commands[i]->summary);
	print_options(out, bold, "options:", global_options, N_GLOBALS);
	fputs("\n`sessctl help COMMAND` says more of one command, and sessctl(8) of all.\n", out);
}

void help_command(FILE *out, bool bold, const struct command *command)
{
	print_usage(out, command);
	fprintf(out, "%s.\n", command->summary);
	if (command->text[0] != '\0')
		fprintf(out, "\n%s", command->text);
	print_options(out, bold, "options:", command->options, command->n_options);
	print_options(out, bold, "options of every command:", global_options, N_GLOBALS);
}

static void print_word(
	FILE *out, const char *name, const struct option_row *row, const char *choices)
{
	const char *arg = choices != NULL ? choices : row->arg != NULL ? row->arg : "-";

	if (row->help == NULL)
		return;
	fprintf(out, "%s\t--%s\t%s\n", name, row->name, arg);
	if (row->letter != 0)
		fprintf(out, "%s\t-%c\t%s\n", name, row->letter, arg);
}

static void print_words(FILE *out, const struct command *c)
{
	bool named;
	size_t i;

	fprintf(out, "%s\t-\t%s\n", c->name, c->operands[0] ? c->operands : "-");
	for (i = 0; i < c->n_options; i++) {
		named = c->repeats != NULL && strcmp(c->options[i].name, c->repeats) == 0;
		print_word(out, c->name, &c->options[i], named ? c->choices : NULL);
	}
}

void help_words(FILE *out)
{
	size_t i;

	for (i = 0; i < N_GLOBALS; i++)
		print_word(out, "-", &global_options[i], NULL);
	for (i = 0; i < n_commands; i++)
		print_words(out, commands[i]);
}

int help_usage_error(struct context *ctx, const struct command *command, const char *format, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	if (command != NULL)
		context_error(ctx, "%s: %s", command->name, what);
	else
		context_error(ctx, "%s", what);
	print_usage(ctx->err, command);
	if (command == NULL)
		fputs("`sessctl help` lists the commands.\n", ctx->err);
	return EXIT_USAGE;
}
