/* Whether the daemon is there and well, for doctor. */
#ifndef SESSCTL_VITALS_H
#define SESSCTL_VITALS_H

#include "sessctl/context.h"
#include "sessctl/finding.h"

/* Asks the daemon; what is wrong goes to the findings and not to ctx->err. -ENOMEM */
int vitals_check(const struct context *ctx, struct findings *findings);

#endif
