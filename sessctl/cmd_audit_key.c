#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/output.h"
#include "sessctl/qr.h"

enum { KEY_QR };

static const struct option_row options[] = {
	[KEY_QR] = {"qr", 0, NULL, "as a QR code, too, also where it does not go to a terminal"},
};

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_sealed sealed;
	bool terminal = isatty(fileno(ctx->out)) == 1;
	int r = conn_seal(ctx, false, &sealed);

	if (r != EXIT_DONE)
		return r;
	output_line(ctx->out, sealed.key);
	if (!terminal && args->value[KEY_QR] == NULL)
		return EXIT_DONE;
	if (qr_print(ctx->out, sealed.key, terminal))
		return EXIT_DONE;
	context_error(ctx, "the QR code: %s", strerror(errno));
	return EXIT_NO;
}

const struct command cmd_audit_key = {
	.name = "audit key",
	.summary = "Print the first public key of the ledger's seal",
	OPTIONS(options),
	.operands = "",
	.text = "Keep it on another machine: `sessctl audit verify --key` needs it. On a terminal\n"
		"it stands there as a QR code, too.\n",
	.exec = exec,
};
