/*
 * Where the ledger's lines go besides: the live mirror, journald and the kernel's audit log, each
 * with a feed, as the configuration says.
 */
#ifndef SESSD_OUTLETS_H
#define SESSD_OUTLETS_H

#include "common/wire.h"
#include "sessd/config.h"
#include "sessd/ledger.h"
#include "sessd/loop.h"

struct outlets;

/* All off. -errno. */
int outlets_new(struct loop *loop, struct ledger *ledger, struct outlets **ret);
/* After the loop has stopped. NULL is nothing. */
void outlets_free(struct outlets *outlets);

/* As the configuration has them; what is open is opened anew (SIGHUP). */
void outlets_set_config(struct outlets *outlets, const struct config *config);

/* Their part of what `status` is told. */
void outlets_describe(struct outlets *outlets, struct wire_state *ret);

#endif
