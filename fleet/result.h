/*
 * What came of an order on one host, as it stands in the store: a list, JSON, which that host
 * writes, and who gave the order reads. Of many sessions some are told one by one, and before all
 * those of which processes are left; the rest is summed up.
 */
#ifndef FLEET_RESULT_H
#define FLEET_RESULT_H

#include <jansson.h>

#include "common/wire.h"

/* -ENOMEM: it is not told. */
int result_add(json_t *list, const struct wire_outcome *outcome);
/* The order is not carried out at all, or not to its end: why. The same. */
int result_add_refusal(json_t *list, const char *why);
int result_add_failure(json_t *list, const char *why);
/* It is to be carried out once more: what is not over is told again then. */
void result_again(json_t *list);

/* One of a list that a host has written; no word of it is believed for its form. */
void result_read(const json_t *one, struct wire_outcome *ret);

#endif
