#include "common/timestamp.h"
#include "sessctl/help.h"
#include "sessctl/moment.h"
#include "sessctl/period.h"

struct reader {
	struct context *ctx;
	const struct command *command;
	uint64_t now;
};

static int read_time(const struct reader *r, const char *option, const char *text, uint64_t *ret)
{
	if (text == NULL || moment_parse(text, r->now, ret))
		return EXIT_DONE;
	return help_usage_error(
		r->ctx, r->command, "%s: %s is no time (say %s)", option, text, moment_forms);
}

int period_read(struct context *ctx, const struct command *command, const char *since,
	const char *until, uint64_t *ret_since, uint64_t *ret_until)
{
	const struct reader reader = {.ctx = ctx, .command = command, .now = clock_wall()};
	uint64_t from = 0, to = UINT64_MAX;
	int r;

	r = read_time(&reader, "--since", since, &from);
	if (r == EXIT_DONE)
		r = read_time(&reader, "--until", until, &to);
	if (r == EXIT_DONE && from > to)
		r = help_usage_error(ctx, command, "--since is later than --until");
	if (r != EXIT_DONE)
		return r;
	*ret_since = from;
	*ret_until = to;
	return EXIT_DONE;
}
