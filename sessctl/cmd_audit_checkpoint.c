#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/output.h"

#include <string.h>

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_sealed sealed;
	struct conn c;
	int r;

	(void)args;
	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = conn_seal(&c, true, &sealed);
	if (r == EXIT_DONE) {
		output_text(ctx->out, sealed.checkpoint, strlen(sealed.checkpoint));
		fputc('\n', ctx->out);
	}
	conn_close(&c);
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
