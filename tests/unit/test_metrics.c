#include "tests/unit/openmetrics.h"

#include "common/duration.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void valid_openmetrics(void **state)
{
	struct metrics m = {0};
	struct metrics_now now = {0};
	size_t i;

	(void)state;
	check(&m, &now);
	/* every number at its largest: the text has room for it. Not the histograms: they add up */
	memset(&m, 0xff, offsetof(struct metrics, lookup));
	memset(&now, 0xff, sizeof(now));
	now.ledger_failing = 1;
	check(&m, &now);
	seed();
	for (i = 0; i < 1000; i++) {
		histogram_add(&m.lookup, any(NS_PER_MS));
		histogram_add(&m.open, any(20 * NS_PER_SEC));
		histogram_add(&m.revoke, 60 * NS_PER_SEC);
	}
	check(&m, &now);
}

static void histogram_bounds(void **state)
{
	static const struct {
		uint64_t ns;
		const char *first; /* the smallest bucket that counts it */
		const char *below; /* the one before, which does not */
	} rows[] = {
		{0, "5e-05", NULL},
		{50000, "5e-05", NULL},
		{50001, "0.0001", "5e-05"},
		{250 * NS_PER_US, "0.00025", "0.0001"},
		{NS_PER_MS, "0.001", "0.0005"},
		{NS_PER_MS + 1, "0.0025", "0.001"},
		{25 * NS_PER_MS, "0.025", "0.01"},
		{NS_PER_SEC, "1.0", "0.5"},
		{10 * NS_PER_SEC, "10.0", "5.0"},
		{10 * NS_PER_SEC + 1, "+Inf", "10.0"},
		{DURATION_MAX, "+Inf", "10.0"},
	};
	const struct metrics_now now = {0};
	char label[40], sum[60];
	struct reader *r;
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		struct metrics m = {0};

		histogram_add(&m.commit, rows[i].ns);
		r = read_text(&m, &now);
		snprintf(label, sizeof(label), "le=\"%s\"", rows[i].first);
		assert_value(r, "sessd_commit_seconds_bucket", label, 1);
		snprintf(label, sizeof(label), "le=\"%s\"", rows[i].below ? rows[i].below : "");
		if (rows[i].below != NULL)
			assert_value(r, "sessd_commit_seconds_bucket", label, 0);
		assert_value(r, "sessd_commit_seconds_bucket", "le=\"+Inf\"", 1);
		assert_value(r, "sessd_commit_seconds_count", "", 1);
		snprintf(sum, sizeof(sum), "%llu.%09llu",
			(unsigned long long)(rows[i].ns / NS_PER_SEC),
			(unsigned long long)(rows[i].ns % NS_PER_SEC));
		assert_string_equal(find(r, "sessd_commit_seconds_sum", ""), sum);
		reader_free(r);
	}
}

/* Each number is found under its own name. */
static void numbers(void **state)
{
	const struct metrics m = {
		.opened = {[CLASS_BACKGROUND] = 1, [CLASS_ELEVATION] = 2, [CLASS_LOGIN] = 3},
		.adopted = 4,
		.kills = 5,
		.signalled = 6,
		.survivors = 7,
		.connections = 8,
		.refused_connections = 9,
		.malformed = 10,
		.refused = {[REASON_CAP] = 11, [REASON_UNAVAILABLE] = 12},
		.ended = {[REASON_LOGOUT] = 13, [REASON_REBOOT] = 14},
	};
	const struct metrics_now now = {
		.active = {[CLASS_BACKGROUND] = 15, [CLASS_ELEVATION] = 16, [CLASS_LOGIN] = 17},
		.ending = 18,
		.ledger_seq = 19,
		.ledger_queued = 20,
		.ledger_lost = 21,
		.ledger_commits = 22,
		.ledger_errors = 23,
		.ledger_failing = 1,
		.started_at = 24 * NS_PER_SEC + 999999999,
	};
	static const struct {
		const char *name, *labels;
		uint64_t value;
	} rows[] = {
		{"sessd_sessions_opened_total", "class=\"background\"", 1},
		{"sessd_sessions_opened_total", "class=\"elevation\"", 2},
		{"sessd_sessions_opened_total", "class=\"login\"", 3},
		{"sessd_sessions_adopted_total", "", 4},
		{"sessd_kills_total", "", 5},
		{"sessd_processes_signalled_total", "", 6},
		{"sessd_survivors_total", "", 7},
		{"sessd_connections_total", "", 8},
		{"sessd_connections_refused_total", "", 9},
		{"sessd_malformed_total", "", 10},
		{"sessd_sessions_refused_total", "reason=\"cap\"", 11},
		{"sessd_sessions_refused_total", "reason=\"unavailable\"", 12},
		{"sessd_sessions_refused_total", "reason=\"locked\"", 0},
		{"sessd_sessions_refused_total", "reason=\"reauth\"", 0},
		{"sessd_sessions_ended_total", "reason=\"logout\"", 13},
		{"sessd_sessions_ended_total", "reason=\"reboot\"", 14},
		{"sessd_sessions_ended_total", "reason=\"lifetime\"", 0},
		{"sessd_sessions_active", "class=\"background\"", 15},
		{"sessd_sessions_active", "class=\"elevation\"", 16},
		{"sessd_sessions_active", "class=\"login\"", 17},
		{"sessd_sessions_ending", "", 18},
		{"sessd_ledger_seq", "", 19},
		{"sessd_ledger_queued", "", 20},
		{"sessd_ledger_lost_total", "", 21},
		{"sessd_ledger_commits_total", "", 22},
		{"sessd_ledger_errors_total", "", 23},
		{"sessd_ledger_failing", "", 1},
		{"sessd_start_time_seconds", "", 24},
	};
	struct reader *r = read_text(&m, &now);
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++)
		assert_value(r, rows[i].name, rows[i].labels, rows[i].value);
	/* a login is not refused because somebody logged out, nor ended for want of proof */
	assert_null(find(r, "sessd_sessions_refused_total", "reason=\"logout\""));
	assert_null(find(r, "sessd_sessions_ended_total", "reason=\"token_mismatch\""));
	reader_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_openmetrics),
		cmocka_unit_test(histogram_bounds),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
