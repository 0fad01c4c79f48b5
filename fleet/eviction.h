/* One session is ordered to end, so that there is place: the order goes to the host that has it. */
#ifndef FLEET_EVICTION_H
#define FLEET_EVICTION_H

#include "fleet/roll.h"

struct eviction;

/* done() is called once, not from within, and the eviction is gone then. ordered: the store has the
 * order; otherwise it may have. NULL: no memory. */
struct eviction *eviction_begin(struct agent *a, const struct listed *e, const char *policy,
	uint64_t deadline, void (*done)(void *ctx, bool ordered), void *ctx);
/* done() is not called; NULL is none. */
void eviction_cancel(struct eviction *v);

/* Operation of a transaction that takes the order back, where it has not been begun. */
json_t *eviction_withdrawal(const char *host, const char *sid);

#endif
