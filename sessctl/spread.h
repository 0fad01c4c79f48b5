/*
 * How long something took, over many times: how often, the longest exactly, and what share took no
 * longer than what, to an eighth. Of fixed size.
 */
#ifndef SESSCTL_SPREAD_H
#define SESSCTL_SPREAD_H

#include <stdint.h>

/* Eight of equal width for each power of two of ns. */
#define SPREAD_BINS 512

struct spread {
	uint64_t n;
	uint64_t longest; /* ns */
	uint64_t bin[SPREAD_BINS];
};

void spread_add(struct spread *s, uint64_t ns);

/*
 * The least time of which it is known that `percent` of 100 took no longer; never more than the
 * longest. 0 where there is nothing.
 */
uint64_t spread_percentile(const struct spread *s, unsigned percent);

#endif
