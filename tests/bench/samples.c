#include <assert.h>
#include <err.h>
#include <stdlib.h>
#include <time.h>

#include "common/duration.h"
#include "tests/bench/samples.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

void samples_init(struct samples *s, size_t max)
{
	*s = (struct samples){.ns = calloc(max, sizeof(uint64_t)), .max = max};
	if (s->ns == NULL)
		err(1, "memory for %zu samples", max);
}

void samples_fini(struct samples *s)
{
	free(s->ns);
	*s = (struct samples){0};
}

void samples_add(struct samples *s, uint64_t ns)
{
	assert(s->n < s->max);
	s->ns[s->n++] = ns;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t samples_percentile(struct samples *s, unsigned percent)
{
	assert(s->n > 0 && percent <= 100);
	qsort(s->ns, s->n, sizeof(uint64_t), by_value);
	return s->ns[(s->n - 1) * percent / 100];
}
