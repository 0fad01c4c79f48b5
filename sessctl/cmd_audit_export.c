#include <string.h>

#include "sessctl/command.h"
#include "sessctl/export.h"
#include "sessctl/help.h"
#include "sessctl/period.h"

enum {
	EXPORT_FORMAT,
	EXPORT_SINCE,
	EXPORT_UNTIL,
	EXPORT_USER,
	EXPORT_EVENT,
	EXPORT_FOLLOW,
	EXPORT_OUTPUT,
};

static const struct option_row options[] = {
	[EXPORT_FORMAT] = {"format", 'f', FORMAT_NAMES,
		"how a line is written (jsonl, as the ledger has it)"},
	[EXPORT_SINCE] = {"since", 0, "TIME", "what happened then or later"},
	[EXPORT_UNTIL] = {"until", 0, "TIME", "what happened before"},
	[EXPORT_USER] = {"user", 'u', "USER", "only what is about USER"},
	[EXPORT_EVENT] = {"event", 'e', "EVENT", "only such events; several, or with commas"},
	[EXPORT_FOLLOW] = {"follow", 0, NULL, "go on with what happens, until interrupted"},
	[EXPORT_OUTPUT] = {"output", 'o', "FILE", "write to FILE, whole or not at all"},
};

static int read_kinds(struct export *e, const struct args *args)
{
	const char *wrong = NULL;
	size_t i;
	int len;

	for (i = 0; i < args->repeats.n && wrong == NULL; i++)
		wrong = filter_add_kinds(&e->filter, args->repeats.value[i], &len);
	if (wrong == NULL)
		return EXIT_DONE;
	return help_usage_error(
		e->ctx, &cmd_audit_export, "--event: %.*s is none of %s", len, wrong, KIND_NAMES);
}

static int read_format(struct export *e, const char *name)
{
	e->format = name != NULL ? format_find(name) : &formats[0];
	if (e->format == NULL)
		return help_usage_error(e->ctx, &cmd_audit_export, "--format: %s is none of %s",
			name, FORMAT_NAMES);
	return EXIT_DONE;
}

/* That which has no end makes no whole file, and needs no time at which it would be over. */
static int check_follow(const struct export *e, const struct args *args, bool to_file)
{
	if (!e->follow)
		return EXIT_DONE;
	if (to_file)
		return help_usage_error(e->ctx, &cmd_audit_export,
			"--follow never makes a whole file: use standard output");
	if (args->value[EXPORT_UNTIL] != NULL)
		return help_usage_error(
			e->ctx, &cmd_audit_export, "--follow and --until exclude each other");
	if (e->n_files > 0)
		return help_usage_error(
			e->ctx, &cmd_audit_export, "--follow is of the live ledger: give no FILE");
	return EXIT_DONE;
}

static int read_options(struct export *e, const struct args *args, bool to_file)
{
	int r;

	e->filter = FILTER_ALL;
	e->filter.user = args->value[EXPORT_USER];
	e->follow = args->value[EXPORT_FOLLOW] != NULL;
	e->files = args->operand;
	e->n_files = args->n_operands;
	r = read_format(e, args->value[EXPORT_FORMAT]);
	if (r == EXIT_DONE)
		r = period_read(e->ctx, &cmd_audit_export, args->value[EXPORT_SINCE],
			args->value[EXPORT_UNTIL], &e->filter.since, &e->filter.until);
	if (r == EXIT_DONE)
		r = read_kinds(e, args);
	if (r == EXIT_DONE)
		r = check_follow(e, args, to_file);
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	const char *path = args->value[EXPORT_OUTPUT];
	struct export e = {.ctx = ctx};
	bool to_file = path != NULL && strcmp(path, "-") != 0;
	int r;

	r = read_options(&e, args, to_file);
	if (r != EXIT_DONE)
		return r;
	ctx->pipe_ends = e.follow;
	r = to_file ? export_save(&e, path) : export_print(&e);
	if (r == EXIT_DONE && ctx->progress.terminal && e.format->write == NULL &&
		filter_breaks_chain(&e.filter))
		context_error(ctx, "the chain cannot be verified from this: lines are left out");
	return r;
}

const struct command cmd_audit_export = {
	.name = "audit export",
	.summary = "Print the ledger, one event a line",
	OPTIONS(options),
	.operands = "[FILE...]",
	.max_operands = OPERANDS_ANY,
	.text = "Of this machine, or of FILE: an export as jsonl or a copied database (- for\n"
		"standard input). As jsonl, the lines are the very bytes that the hash chain is "
		"made of; in other\n"
		"formats, or with --user or --event, the chain cannot be verified. A TIME is\n"
		"2026-11-22, \"2026-11-22 14:30\", 2026-11-22T14:30:00Z, -24h, yesterday, today "
		"or\n"
		"now. A plain user is given the events of his own sessions.\n",
	.repeats = "event",
	.choices = KIND_NAMES,
	.exec = exec,
};
