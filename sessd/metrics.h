/*
 * What is counted, and its OpenMetrics text. Plain numbers: whoever does the thing counts it.
 *
 * The text is OpenMetrics 1.0 (application/openmetrics-text; version=1.0.0). A test reads it back
 * and holds it to that: a family has its TYPE, UNIT and HELP in this order, each once, and then all
 * its samples; the name ends in its unit, and an info has none; the samples of a counter end in
 * _total, those of an info in _info with the value 1, those of a gauge in nothing; the bounds of a
 * histogram rise, are written in the canonical form (1.0, 5e-05) and end with +Inf, its buckets are
 * cumulative and the last is its _count; no series stands twice; `# EOF` is the last line. The
 * _created samples, which are a recommendation, are left out: start_time_seconds says as much.
 */
#ifndef SESSD_METRICS_H
#define SESSD_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/reason.h"
#include "common/terms.h"

#define METRICS_REASONS 16 /* more than the largest code */
#define METRICS_BUCKETS 14

/* Durations: cumulative counts under fixed bounds (50 µs to 10 s). */
struct histogram {
	uint64_t bucket[METRICS_BUCKETS + 1];
	uint64_t sum; /* ns */
	uint64_t count;
};

struct metrics {
	uint64_t opened[CLASS_LOGIN + 1];
	uint64_t adopted;
	uint64_t fleet_alone; /* decided about without the fleet */
	uint64_t fleet_overshoots;
	uint64_t refused[METRICS_REASONS];
	uint64_t ended[METRICS_REASONS];
	uint64_t kills;	    /* sessions that sessd ended itself */
	uint64_t signalled; /* processes */
	uint64_t survivors; /* processes still there after the patience ran out, ever */
	uint64_t connections, refused_connections, malformed;
	struct histogram lookup, open, commit, revoke;
};

/* What stands in other tables at the time of the text. */
struct metrics_now {
	uint32_t active[CLASS_LOGIN + 1];
	uint32_t ending;
	uint64_t ledger_seq, ledger_queued, ledger_lost, ledger_commits, ledger_errors;
	int ledger_failing;
	uint64_t ledger_bytes, ledger_oldest_at, ledger_unsealed, sealed_at; /* times: wall, ns */
	int seal_failing;
	uint64_t started_at; /* wall, ns */
};

void histogram_add(struct histogram *h, uint64_t ns);

/* The whole text, allocated with malloc; the caller frees it. -ENOMEM. */
int metrics_text(
	const struct metrics *m, const struct metrics_now *now, char **ret, size_t *ret_len);

#endif
