#include "tests/unit/seeded.h"

#include <ctype.h>
#include <string.h>

#include "common/duration.h"
#include "sessd/metrics.h"

#define N(array)     (sizeof(array) / sizeof((array)[0]))
#define FAMILIES_MAX 100
#define SERIES_MAX   1000

/* What a reader of the text holds. Names and series point into the text, which is cut up. */
struct reader {
	char *text;
	struct family {
		const char *name, *type, *unit, *help;
	} families[FAMILIES_MAX];
	size_t n_families;
	struct series {
		const char *name, *labels, *value;
		const struct family *family;
	} series[SERIES_MAX];
	size_t n_series;
	bool ended;
};

static void read_name(const char *s)
{
	assert_true(isalpha((unsigned char)*s) || *s == '_');
	for (; *s != '\0'; s++)
		assert_true(isalnum((unsigned char)*s) || *s == '_');
}

/* One word up to `end`, which is cut off. */
static char *word(char **at, char end)
{
	char *s = *at, *stop = strchr(s, end);

	assert_non_null(stop);
	*stop = '\0';
	*at = stop + 1;
	return s;
}

static void read_metadata(struct reader *r, char *line)
{
	char *kind = word(&line, ' '), *name;
	struct family *f;
	size_t i;

	name = word(&line, ' ');
	read_name(name);
	if (strcmp(kind, "TYPE") == 0) {
		for (i = 0; i < r->n_families; i++)
			assert_string_not_equal(r->families[i].name, name);
		assert_true(r->n_families < FAMILIES_MAX);
		r->families[r->n_families++] = (struct family){.name = name, .type = line};
		return;
	}
	assert_true(r->n_families > 0);
	f = &r->families[r->n_families - 1];
	assert_string_equal(name, f->name);
	/* before its samples, in this order, each once */
	assert_true(r->n_series == 0 || r->series[r->n_series - 1].family != f);
	assert_null(f->help);
	if (strcmp(kind, "UNIT") == 0) {
		assert_null(f->unit);
		f->unit = line;
		assert_true(strlen(name) > strlen(line) + 1);
		assert_string_equal(name + strlen(name) - strlen(line), line);
		assert_int_equal(name[strlen(name) - strlen(line) - 1], '_');
		assert_string_not_equal(f->type, "info");
	} else {
		assert_string_equal(kind, "HELP");
		f->help = line;
		assert_true(*line != '\0');
		assert_null(strpbrk(line, "\"\\"));
	}
}

static void read_labels(char *labels)
{
	char *value;

	for (;;) {
		read_name(word(&labels, '='));
		assert_int_equal(*labels++, '"');
		value = word(&labels, '"');
		assert_null(strpbrk(value, "\\\n"));
		if (*labels == '\0')
			return;
		assert_int_equal(*labels++, ',');
	}
}

static void read_sample(struct reader *r, char *line)
{
	char *brace = strchr(line, '{'), *copy;
	struct series s = {.name = line, .labels = ""};
	size_t i;

	if (brace != NULL) {
		word(&line, '{');
		s.labels = word(&line, '}');
		assert_int_equal(*line++, ' ');
		copy = strdup(s.labels);
		assert_non_null(copy);
		read_labels(copy);
		free(copy);
	} else {
		word(&line, ' ');
	}
	read_name(s.name);
	s.value = line;
	assert_true(*s.value != '\0');
	assert_int_equal(strspn(s.value, "0123456789."), strlen(s.value));
	assert_true(r->n_families > 0);
	s.family = &r->families[r->n_families - 1];
	for (i = 0; i < r->n_series; i++) {
		if (strcmp(r->series[i].name, s.name) != 0)
			continue;
		assert_string_not_equal(r->series[i].labels, s.labels);
		assert_ptr_equal(r->series[i].family, s.family);
	}
	assert_true(r->n_series < SERIES_MAX);
	r->series[r->n_series++] = s;
}

static struct reader *read_text(const struct metrics *m, const struct metrics_now *now)
{
	struct reader *r = calloc(1, sizeof(*r));
	char *line, *next;
	size_t len = 0;

	assert_non_null(r);
	assert_int_equal(metrics_text(m, now, &r->text, &len), 0);
	assert_int_equal(len, strlen(r->text));
	assert_null(strchr(r->text, '\r'));
	for (next = r->text; *next != '\0';) {
		line = word(&next, '\n');
		assert_false(r->ended);
		if (strcmp(line, "# EOF") == 0)
			r->ended = true;
		else if (strncmp(line, "# ", 2) == 0)
			read_metadata(r, line + 2);
		else
			read_sample(r, line);
	}
	assert_true(r->ended);
	return r;
}

static void reader_free(struct reader *r)
{
	free(r->text);
	free(r);
}

static const char *find(const struct reader *r, const char *name, const char *labels)
{
	size_t i;

	for (i = 0; i < r->n_series; i++)
		if (strcmp(r->series[i].name, name) == 0 &&
			strcmp(r->series[i].labels, labels) == 0)
			return r->series[i].value;
	return NULL;
}

static void assert_value(const struct reader *r, const char *name, const char *labels, uint64_t want)
{
	const char *value = find(r, name, labels);

	if (value == NULL)
		fail_msg("%s{%s} is missing", name, labels);
	assert_null(strchr(value, '.'));
	assert_int_equal(strtoull(value, NULL, 10), want);
}

/* What stands behind the family's name in a sample's. */
static const char *suffix(const struct series *s)
{
	size_t len = strlen(s->family->name);

	assert_int_equal(strncmp(s->name, s->family->name, len), 0);
	return s->name + len;
}

/* Shortest text that gives the same number, with a point or an exponent. */
static void assert_canonical(const char *le)
{
	double d = strtod(le, NULL);
	char text[400];
	int digits = 1;

	do
		snprintf(text, sizeof(text), "%.*g", digits++, d);
	while (strtod(text, NULL) < d || strtod(text, NULL) > d);
	if (strpbrk(text, ".e") == NULL)
		strcat(text, ".0");
	assert_string_equal(le, text);
}

static void check_histogram(const struct series *s, size_t n)
{
	double le, last_le = -1;
	uint64_t count = 0, value;
	size_t i;

	assert_true(n >= 3);
	for (i = 0; i + 2 < n; i++) {
		assert_string_equal(suffix(&s[i]), "_bucket");
		assert_int_equal(strncmp(s[i].labels, "le=\"", 4), 0);
		assert_null(strpbrk(s[i].value, "."));
		value = strtoull(s[i].value, NULL, 10);
		assert_true(value >= count);
		count = value;
		if (i + 3 == n) {
			assert_string_equal(s[i].labels, "le=\"+Inf\"");
			break;
		}
		le = strtod(s[i].labels + 4, NULL);
		assert_true(le > last_le);
		last_le = le;
	}
	assert_string_equal(suffix(&s[n - 2]), "_sum");
	assert_non_null(strchr(s[n - 2].value, '.'));
	assert_string_equal(suffix(&s[n - 1]), "_count");
	assert_int_equal(strtoull(s[n - 1].value, NULL, 10), count);
}

static void check_family(const struct reader *r, const struct family *f)
{
	const struct series *s = r->series;
	size_t n = 0, i;

	while (s->family != f)
		s++;
	while (s + n < r->series + r->n_series && s[n].family == f)
		n++;
	assert_non_null(f->help);
	assert_true(strstr(f->name, "_seconds") == NULL || f->unit != NULL);
	if (strcmp(f->type, "histogram") == 0) {
		check_histogram(s, n);
		return;
	}
	for (i = 0; i < n; i++) {
		assert_null(strchr(s[i].value, '.'));
		if (strcmp(f->type, "counter") == 0) {
			assert_string_equal(suffix(&s[i]), "_total");
		} else if (strcmp(f->type, "info") == 0) {
			assert_string_equal(suffix(&s[i]), "_info");
			assert_string_equal(s[i].value, "1");
		} else {
			assert_string_equal(f->type, "gauge");
			assert_string_equal(suffix(&s[i]), "");
		}
	}
}

static void check(const struct metrics *m, const struct metrics_now *now)
{
	struct reader *r = read_text(m, now);
	size_t i;
	char *le;

	assert_true(r->n_families > 20);
	for (i = 0; i < r->n_families; i++)
		check_family(r, &r->families[i]);
	for (i = 0; i < r->n_series; i++) {
		if (strncmp(r->series[i].labels, "le=\"", 4) != 0 ||
			strcmp(r->series[i].labels, "le=\"+Inf\"") == 0)
			continue;
		le = strdup(r->series[i].labels + 4);
		assert_non_null(le);
		le[strlen(le) - 1] = '\0';
		assert_canonical(le);
		free(le);
	}
	reader_free(r);
}

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
		.adopted = 4, .kills = 5, .signalled = 6, .survivors = 7, .connections = 8,
		.refused_connections = 9, .malformed = 10,
		.refused = {[REASON_CAP] = 11, [REASON_UNAVAILABLE] = 12},
		.ended = {[REASON_LOGOUT] = 13, [REASON_REBOOT] = 14},
	};
	const struct metrics_now now = {
		.active = {[CLASS_BACKGROUND] = 15, [CLASS_ELEVATION] = 16, [CLASS_LOGIN] = 17},
		.ending = 18, .ledger_seq = 19, .ledger_queued = 20, .ledger_lost = 21,
		.ledger_commits = 22, .ledger_errors = 23, .ledger_failing = 1,
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
