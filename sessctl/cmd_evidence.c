#include <errno.h>
#include <string.h>

#include "sessctl/command.h"
#include "sessctl/examination.h"
#include "sessctl/help.h"
#include "sessctl/knowledge.h"
#include "sessctl/table.h"

enum {
	EVIDENCE_LIST,
	EVIDENCE_SINCE,
	EVIDENCE_UNTIL,
	EVIDENCE_KEY,
	EVIDENCE_ANCHOR,
	EVIDENCE_JSON,
};

static const struct option_row options[] = {
	[EVIDENCE_LIST] = {"list", 'l', NULL, "print the controls that there are"},
	[EVIDENCE_SINCE] = {"since", 0, "TIME", "what happened then or later"},
	[EVIDENCE_UNTIL] = {"until", 0, "TIME", "what happened before"},
	[EVIDENCE_KEY] = KNOWLEDGE_KEY,
	[EVIDENCE_ANCHOR] = KNOWLEDGE_ANCHOR,
	[EVIDENCE_JSON] = {"json", 'j', NULL, "one JSON object for each control"},
};

static int list_controls(struct context *ctx)
{
	static const struct column columns[] = {
		{"CONTROL", 24}, {"OF", 24}, {"WHAT IT ASKS FOR", 60}, {"ALSO", 120}};
	struct table t;
	size_t i;
	int r = 0;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < n_controls && r == 0; i++)
		r = table_add(&t, i,
			(const char *const[]){controls[i].id, controls[i].source, controls[i].title,
				controls[i].aliases[0] ? controls[i].aliases : "-"});
	if (r == 0)
		table_print(&t, ctx->out, ctx->bold);
	else
		context_error(ctx, "%s", strerror(-r));
	table_fini(&t);
	return r == 0 ? EXIT_DONE : EXIT_NO;
}

/* EXIT_NO where the ledger does not simply support it. */
static int show(
	struct context *ctx, const struct examination *x, const struct control *control, bool json)
{
	struct evidence e;

	evidence_judge(control, &x->survey, &x->limits, &e);
	if (!json) {
		evidence_print(&e, x->own, ctx->bold, ctx->out);
	} else if (!evidence_json(&e, ctx->out)) {
		context_error(ctx, "%s", strerror(ENOMEM));
		return EXIT_NO;
	}
	return e.verdict == VERDICT_SUPPORTED ? EXIT_DONE : EXIT_NO;
}

static int show_all(struct context *ctx, const struct examination *x, bool json)
{
	int r = EXIT_DONE;
	size_t i;

	for (i = 0; i < n_controls; i++) {
		if (!json && i > 0)
			fputc('\n', ctx->out);
		if (show(ctx, x, &controls[i], json) != EXIT_DONE)
			r = EXIT_NO;
	}
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	const struct control *control = NULL;
	struct examination x;
	bool all;
	int r;

	if (args->value[EVIDENCE_LIST] != NULL)
		return list_controls(ctx);
	if (args->n_operands == 0)
		return help_usage_error(
			ctx, &cmd_evidence, "CONTROL is missing (--list prints them)");
	all = strcmp(args->operand[0], "all") == 0;
	if (!all)
		control = control_find(args->operand[0]);
	if (!all && control == NULL)
		return help_usage_error(ctx, &cmd_evidence,
			"%s is no control that is known here (--list prints them)",
			args->operand[0]);
	r = examination_run(&x, &(struct examination_order){.ctx = ctx,
					.command = &cmd_evidence,
					.args = args,
					.since = args->value[EVIDENCE_SINCE],
					.until = args->value[EVIDENCE_UNTIL],
					.anchor = args->value[EVIDENCE_ANCHOR],
					.files = args->operand + 1,
					.n_files = args->n_operands - 1});
	if (r == EXIT_DONE)
		r = all ? show_all(ctx, &x, args->value[EVIDENCE_JSON] != NULL)
			: show(ctx, &x, control, args->value[EVIDENCE_JSON] != NULL);
	examination_fini(&x);
	return r;
}

const struct command cmd_evidence = {
	.name = "evidence",
	.summary = "Say what the ledger shows of a control",
	OPTIONS(options),
	.operands = "[CONTROL [FILE...]]",
	.max_operands = OPERANDS_ANY,
	.repeats = "key",
	.text = "CONTROL is a number such as AC-12, PCI 8.2.8, 164.312(b) or RHEL-09-412040, or\n"
		"`all`. Of this machine's ledger, or of FILE as `sessctl audit verify` takes it.\n"
		"The limits that are configured, what supports the control, what is an exception\n"
		"to it, and whether the ledger verifies. Exits 0 where it is supported, 1 where\n"
		"there are exceptions or no data. Whether a control is met is for people to\n"
		"judge. For administrators.\n",
	.exec = exec,
};
