#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/output.h"

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_sealed sealed;
	int r = conn_seal(ctx, false, &sealed);

	(void)args;
	if (r == EXIT_DONE)
		output_line(ctx->out, sealed.key);
	return r;
}

const struct command cmd_audit_key = {
	.name = "audit key",
	.summary = "Print the first public key of the ledger's seal",
	.operands = "",
	.text = "Keep it on another machine: `sessctl audit verify --key` needs it.\n",
	.exec = exec,
};
