#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "sessctl/context.h"
#include "sessctl/output.h"

void context_init(struct context *ctx, FILE *out, FILE *err)
{
	int fd = fileno(err);

	*ctx = (struct context){.out = out, .err = err};
	ctx->progress = (struct progress){.err = err, .terminal = fd >= 0 && isatty(fd) == 1};
}

void context_error(struct context *ctx, const char *format, ...)
{
	char line[4096];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	progress_clear(&ctx->progress);
	/* so that the two streams keep their order where both go to one place */
	context_flush(ctx);
	fputs("sessctl: ", ctx->err);
	if (n > 0)
		output_text(ctx->err, line, strlen(line));
	fputc('\n', ctx->err);
}

bool context_flush(struct context *ctx)
{
	errno = 0;
	if ((fflush(ctx->out) == EOF || ferror(ctx->out)) && ctx->out_errno == 0)
		ctx->out_errno = errno ? errno : EIO;
	return ctx->out_errno == 0;
}

int context_finish(struct context *ctx, int code)
{
	progress_end(&ctx->progress);
	if (context_flush(ctx))
		return code;
	if (ctx->out_errno == EPIPE && ctx->pipe_ends)
		return EXIT_DONE;
	context_error(ctx, "standard output: %s", strerror(ctx->out_errno));
	return code == EXIT_DONE ? EXIT_NO : code;
}

int context_copy(struct context *ctx, const char *what, const char *value, char *ret)
{
	size_t n = strlen(value);

	if (n == 0 || n > TEXT_STR_MAX) {
		context_error(ctx, "%s must have 1 to %d bytes", what, TEXT_STR_MAX);
		return EXIT_USAGE;
	}
	memcpy(ret, value, n + 1);
	return EXIT_DONE;
}
