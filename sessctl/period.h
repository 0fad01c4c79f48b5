/* From when to when, as a command line says it. */
#ifndef SESSCTL_PERIOD_H
#define SESSCTL_PERIOD_H

#include "sessctl/command.h"

/* Times as moment.h has them; NULL: from the beginning, or to the end. EXIT_USAGE, and it is said
 * what is wrong. */
int period_read(struct context *ctx, const struct command *command, const char *since,
	const char *until, uint64_t *ret_since, uint64_t *ret_until);

#endif
