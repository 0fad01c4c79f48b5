/* What a verification found, in words and as JSON. */
#ifndef SESSCTL_STATEMENT_H
#define SESSCTL_STATEMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "sessctl/verify.h"

/* Lines for people, after verify_end(). `own`: it is this machine's ledger, and not a file. */
void statement_print(const struct verify *v, bool own, FILE *out);

/* The same as an object. NULL: no memory. The caller frees it. */
json_t *statement_json(const struct verify *v);

#endif
