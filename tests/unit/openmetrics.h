/* Reads OpenMetrics text back, and holds it to the rules of version 1.0. */
#ifndef TESTS_UNIT_OPENMETRICS_H
#define TESTS_UNIT_OPENMETRICS_H

#include "tests/unit/seeded.h"

#include <ctype.h>
#include <string.h>

#include "sessd/metrics.h"

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

static inline void read_name(const char *s)
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

static inline void read_metadata(struct reader *r, char *line)
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

static inline void read_labels(char *labels)
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

static inline void read_sample(struct reader *r, char *line)
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

static inline struct reader *read_text(const struct metrics *m, const struct metrics_now *now)
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

static inline void reader_free(struct reader *r)
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

static inline void assert_value(
	const struct reader *r, const char *name, const char *labels, uint64_t want)
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

/* As Go prints it by %g, with a point or an exponent. Six digits are enough for our bounds. */
static inline void assert_canonical(const char *le)
{
	char text[40];

	snprintf(text, sizeof(text), "%.6g", strtod(le, NULL));
	if (strpbrk(text, ".e") == NULL)
		strcat(text, ".0");
	assert_string_equal(le, text);
}

static inline void check_histogram(const struct series *s, size_t n)
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

static inline void check_family(const struct reader *r, const struct family *f)
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

static inline void check(const struct metrics *m, const struct metrics_now *now)
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

#endif
