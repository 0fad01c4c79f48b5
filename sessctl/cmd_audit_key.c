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
	r = conn_seal(&c, false, &sealed);
	if (r == EXIT_DONE) {
		output_text(ctx->out, sealed.key, strlen(sealed.key));
		fputc('\n', ctx->out);
	}
	conn_close(&c);
	return r;
}

const struct command cmd_audit_key = {
	.name = "audit key",
	.summary = "Print the first public key of the ledger's seal",
	.operands = "",
	.text = "Keep it on another machine: `sessctl audit verify --key` needs it.\n",
	.exec = exec,
};
