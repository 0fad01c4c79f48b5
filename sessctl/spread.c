#include "sessctl/spread.h"

#define SUB_BITS 3
#define SUBS	 (1u << SUB_BITS)

static unsigned bin_of(uint64_t ns)
{
	unsigned power;

	if (ns < SUBS)
		return (unsigned)ns;
	power = 63u - (unsigned)__builtin_clzll(ns);
	return (power - SUB_BITS + 1) * SUBS + (unsigned)(ns >> (power - SUB_BITS) & (SUBS - 1));
}

/* The greatest that falls into the bin. */
static uint64_t end_of(unsigned bin)
{
	unsigned power;

	if (bin < SUBS)
		return bin;
	power = bin / SUBS + SUB_BITS - 1;
	return ((uint64_t)(SUBS + bin % SUBS + 1) << (power - SUB_BITS)) - 1;
}

void spread_add(struct spread *s, uint64_t ns)
{
	s->n++;
	s->bin[bin_of(ns)]++;
	if (ns > s->longest)
		s->longest = ns;
}

uint64_t spread_percentile(const struct spread *s, unsigned percent)
{
	uint64_t seen = 0, wanted = (s->n * percent + 99) / 100;
	unsigned i;

	for (i = 0; i < SPREAD_BINS; i++) {
		seen += s->bin[i];
		if (seen > 0 && seen >= wanted)
			return end_of(i) < s->longest ? end_of(i) : s->longest;
	}
	return 0;
}
