#include <string.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/host.h"
#include "sessctl/knowledge.h"
#include "sessctl/outfile.h"
#include "sessctl/report.h"

enum { REPORT_SINCE, REPORT_UNTIL, REPORT_KEY, REPORT_ANCHOR, REPORT_OUTPUT };

static const struct option_row options[] = {
	[REPORT_SINCE] = {"since", 0, "TIME", "what happened then or later"},
	[REPORT_UNTIL] = {"until", 0, "TIME", "what happened before"},
	[REPORT_KEY] = KNOWLEDGE_KEY,
	[REPORT_ANCHOR] = KNOWLEDGE_ANCHOR,
	[REPORT_OUTPUT] = {"output", 'o', "FILE", "write to FILE, whole or not at all"},
};

/* The file that a report is about, or the first of several. */
static const char *subject(const struct args *args)
{
	if (args->n_operands == 0)
		return NULL;
	return strcmp(args->operand[0], "-") == 0 ? "standard input" : args->operand[0];
}

static int save(struct context *ctx, const struct report *report, const char *path)
{
	struct outfile file;
	int error = outfile_open(&file, path);

	if (error == 0) {
		report_write(report, file.f);
		error = outfile_commit(&file);
	}
	if (error == 0)
		return EXIT_DONE;
	context_error(ctx, "%s: %s", path, outfile_words(error));
	return EXIT_NO;
}

static int write_page(struct context *ctx, const struct args *args, const struct examination *x)
{
	const char *path = args->value[REPORT_OUTPUT];
	char host[HOST_TEXT];
	const struct report report = {.x = x,
		.host = host_name(host),
		.subject = x->own ? NULL : subject(args),
		.made_at = clock_wall()};
	int r = EXIT_DONE;

	if (path != NULL && strcmp(path, "-") != 0)
		r = save(ctx, &report, path);
	else
		report_write(&report, ctx->out);
	if (r == EXIT_DONE && (x->survey.verify.wrong != NULL || x->survey.damaged > 0)) {
		context_error(ctx, "the ledger does not verify; the report says so");
		r = EXIT_NO;
	}
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct examination x;
	int r;

	r = examination_run(&x, &(struct examination_order){.ctx = ctx,
					.command = &cmd_report,
					.args = args,
					.since = args->value[REPORT_SINCE],
					.until = args->value[REPORT_UNTIL],
					.anchor = args->value[REPORT_ANCHOR],
					.files = args->operand,
					.n_files = args->n_operands});
	if (r == EXIT_DONE)
		r = write_page(ctx, args, &x);
	examination_fini(&x);
	return r;
}

const struct command cmd_report = {
	.name = "report",
	.summary = "Write a page about the ledger, to be read by an auditor",
	OPTIONS(options),
	.operands = "[FILE...]",
	.max_operands = OPERANDS_ANY,
	.repeats = "key",
	.text = "One page of HTML that stands alone: sessions over time, by user and source, how\n"
		"they ended and how long that took, refusals, locks, elevations, orders, the\n"
		"evidence for each control, and whether the ledger verifies. Of this machine's\n"
		"ledger, or of FILE as `sessctl audit verify` takes it. Exits 1 where the ledger\n"
		"does not verify. For administrators.\n",
	.exec = exec,
};
