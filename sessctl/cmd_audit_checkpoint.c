#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/output.h"

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_sealed sealed;
	int r = conn_seal(ctx, true, &sealed);

	(void)args;
	if (r == EXIT_DONE)
		output_line(ctx->out, sealed.checkpoint);
	return r;
}

const struct command cmd_audit_checkpoint = {
	.name = "audit checkpoint",
	.summary = "Seal the ledger now, and print the checkpoint",
	.operands = "",
	.text = "Keep it on another machine: `sessctl audit verify --anchor` compares the\n"
		"ledger with it. For administrators.\n",
	.exec = exec,
};
