/* Durations in ns, and what can be said of them. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
	uint64_t *ns;
	size_t n;
	size_t max;
};

/* CLOCK_MONOTONIC */
uint64_t now_ns(void);

/* Room for `max`; ends the program where there is no memory. */
void samples_init(struct samples *s, size_t max);
void samples_fini(struct samples *s);

void samples_add(struct samples *s, uint64_t ns);

/* The value that `percent` of them do not exceed. There must be at least one. Sorts them. */
uint64_t samples_percentile(struct samples *s, unsigned percent);

#endif
