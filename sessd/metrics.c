#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/version.h"
#include "sessd/metrics.h"

/* Upper bounds in µs, and as the text has them. */
static const struct {
	uint64_t us;
	const char *le;
} bounds[METRICS_BUCKETS] = {
	{50, "5e-05"},
	{100, "0.0001"},
	{250, "0.00025"},
	{500, "0.0005"},
	{1000, "0.001"},
	{2500, "0.0025"},
	{5000, "0.005"},
	{10000, "0.01"},
	{25000, "0.025"},
	{100000, "0.1"},
	{500000, "0.5"},
	{1000000, "1.0"},
	{5000000, "5.0"},
	{10000000, "10.0"},
};

void histogram_add(struct histogram *h, uint64_t ns)
{
	size_t i = 0;

	while (i < METRICS_BUCKETS && ns > bounds[i].us * NS_PER_US)
		i++;
	h->bucket[i]++;
	h->sum += ns;
	h->count++;
}

/* Begins a family. Its unit, where it has one, is the end of its name. */
static void head(FILE *f, const char *name, const char *type, const char *help)
{
	const char *last = strrchr(name, '_');

	fprintf(f, "# TYPE sessd_%s %s\n", name, type);
	if (last != NULL && (strcmp(last + 1, "seconds") == 0 || strcmp(last + 1, "bytes") == 0))
		fprintf(f, "# UNIT sessd_%s %s\n", name, last + 1);
	fprintf(f, "# HELP sessd_%s %s\n", name, help);
}

static void counter(FILE *f, const char *name, uint64_t value, const char *help)
{
	head(f, name, "counter", help);
	fprintf(f, "sessd_%s_total %" PRIu64 "\n", name, value);
}

static void gauge(FILE *f, const char *name, uint64_t value, const char *help)
{
	head(f, name, "gauge", help);
	fprintf(f, "sessd_%s %" PRIu64 "\n", name, value);
}

/* One series for each reason of that use, from the start: a series that appears only with its first
 * event has no rate then. */
static void by_reason(FILE *f, const char *name, const uint64_t *values, unsigned use)
{
	static const unsigned uses[METRICS_REASONS] = {
#define REASON_USE(id, code, reason, use, words, pam) [REASON_##id] = (use),
		REASONS(REASON_USE)
#undef REASON_USE
	};
	unsigned i;

	for (i = 1; i < METRICS_REASONS; i++)
		if ((uses[i] & use) || (uses[i] != 0 && values[i] > 0))
			fprintf(f, "sessd_%s_total{reason=\"%s\"} %" PRIu64 "\n", name,
				reason_name((enum reason)i), values[i]);
}

static void seconds(FILE *f, const char *name, const struct histogram *h, const char *help)
{
	uint64_t sum = 0;
	size_t i;

	head(f, name, "histogram", help);
	for (i = 0; i < METRICS_BUCKETS; i++) {
		sum += h->bucket[i];
		fprintf(f, "sessd_%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, bounds[i].le, sum);
	}
	fprintf(f, "sessd_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, h->count);
	fprintf(f, "sessd_%s_sum %" PRIu64 ".%09" PRIu64 "\n", name, h->sum / NS_PER_SEC,
		h->sum % NS_PER_SEC);
	fprintf(f, "sessd_%s_count %" PRIu64 "\n", name, h->count);
}

static void by_class(FILE *f, const struct metrics *m, const struct metrics_now *now)
{
	enum session_class c;

	head(f, "sessions_active", "gauge", "Sessions that are active.");
	for (c = CLASS_BACKGROUND; c <= CLASS_LOGIN; c++)
		fprintf(f, "sessd_sessions_active{class=\"%s\"} %" PRIu32 "\n", class_name(c),
			now->active[c]);
	head(f, "sessions_opened", "counter", "Sessions that were let in.");
	for (c = CLASS_BACKGROUND; c <= CLASS_LOGIN; c++)
		fprintf(f, "sessd_sessions_opened_total{class=\"%s\"} %" PRIu64 "\n", class_name(c),
			m->opened[c]);
}

int metrics_text(
	const struct metrics *m, const struct metrics_now *now, char **ret, size_t *ret_len)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return -ENOMEM;
	head(f, "build", "info", "The version that runs.");
	fprintf(f, "sessd_build_info{version=\"%s\"} 1\n", SESSD_VERSION);
	gauge(f, "start_time_seconds", now->started_at / NS_PER_SEC,
		"When the daemon started (Unix time).");
	by_class(f, m, now);
	gauge(f, "sessions_ending", now->ending,
		"Sessions that are being ended and have processes left.");
	counter(f, "sessions_adopted", m->adopted,
		"Logins that were let in while the daemon was away.");
	counter(f, "fleet_alone", m->fleet_alone,
		"Logins under a cap over the fleet that were decided about without it.");
	counter(f, "fleet_overshoots", m->fleet_overshoots,
		"Times that this host found a cap over the fleet exceeded.");
	head(f, "sessions_refused", "counter", "Logins that were refused.");
	by_reason(f, "sessions_refused", m->refused, REASON_REFUSES);
	head(f, "sessions_ended", "counter", "Sessions that ended.");
	by_reason(f, "sessions_ended", m->ended, REASON_ENDS);
	counter(f, "kills", m->kills, "Sessions that the daemon ended itself.");
	counter(f, "processes_signalled", m->signalled, "Processes that were told to end.");
	counter(f, "survivors", m->survivors,
		"Processes that were still there when patience ran out.");
	counter(f, "connections", m->connections, "Connections that were accepted.");
	counter(f, "connections_refused", m->refused_connections, "Connections over a limit.");
	counter(f, "malformed", m->malformed, "Messages that were malformed or out of order.");
	counter(f, "ledger_commits", now->ledger_commits, "Commits of the ledger.");
	counter(f, "ledger_errors", now->ledger_errors, "Commits of the ledger that failed.");
	counter(f, "ledger_lost", now->ledger_lost, "Events that could not be kept.");
	gauge(f, "ledger_seq", now->ledger_seq, "Number of the newest event on disk.");
	gauge(f, "ledger_queued", now->ledger_queued, "Events that are not on disk yet.");
	gauge(f, "ledger_failing", (uint64_t)now->ledger_failing,
		"1 while the ledger cannot be written.");
	gauge(f, "ledger_size_bytes", now->ledger_bytes, "Size of the ledger's file.");
	gauge(f, "ledger_oldest_timestamp_seconds", now->ledger_oldest_at / NS_PER_SEC,
		"When the oldest event in the ledger happened (Unix time).");
	gauge(f, "ledger_unsealed", now->ledger_unsealed,
		"Events on disk that no checkpoint covers yet.");
	gauge(f, "ledger_sealed_timestamp_seconds", now->sealed_at / NS_PER_SEC,
		"When the last checkpoint was made (Unix time); 0: there is none.");
	gauge(f, "ledger_seal_failing", (uint64_t)now->seal_failing,
		"1 while the ledger cannot be sealed.");
	seconds(f, "lookup_seconds", &m->lookup, "Time to answer a lookup.");
	seconds(f, "open_seconds", &m->open, "Time to answer an open, commit included.");
	seconds(f, "commit_seconds", &m->commit, "Time of a commit of the ledger.");
	seconds(f, "revoke_seconds", &m->revoke,
		"Time from the order to end a session to its last exit, where it was to end at "
		"once.");
	fputs("# EOF\n", f);
	if (fclose(f) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}
