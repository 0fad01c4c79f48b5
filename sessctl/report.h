/* What an auditor reads: an examination as one page of HTML that stands alone. */
#ifndef SESSCTL_REPORT_H
#define SESSCTL_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "sessctl/examination.h"

struct report {
	const struct examination *x;
	const char *host;    /* on which it was made */
	const char *subject; /* the file whose ledger it is; NULL: the host's own */
	uint64_t made_at;    /* ns since the epoch */
};

/* Whether it could be written is the caller's to find out, by `out`. */
void report_write(const struct report *r, FILE *out);

#endif
