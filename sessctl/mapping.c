#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "sessctl/moment.h"
#include "sessctl/mapping.h"

/* The longest name within a path. */
#define NAME_MAX_BYTES 64

void mapping_init(struct mapping *m, const struct line *line)
{
	*m = (struct mapping){.root = json_object(), .left = json_copy(line->members)};
	m->failed = m->root == NULL || m->left == NULL;
}

void mapping_fini(struct mapping *m)
{
	json_decref(m->root);
	json_decref(m->left);
}

/* The first name of the path, in `out`; returns what follows it, or NULL at the last. */
static const char *next_name(const char *path, char *out)
{
	size_t len = strcspn(path, ".");

	assert(len < NAME_MAX_BYTES);
	memcpy(out, path, len);
	out[len] = '\0';
	return path[len] == '.' ? path + len + 1 : NULL;
}

bool mapping_has(const struct mapping *m, const char *path)
{
	const json_t *at = m->root;
	char name[NAME_MAX_BYTES];

	while (path != NULL && at != NULL) {
		path = next_name(path, name);
		at = json_object_get(at, name);
	}
	return at != NULL;
}

/* The object in which the last name of the path is to be, made where it is missing. */
static json_t *parent_of(json_t *root, const char *path, char *ret_name)
{
	json_t *at = root, *child;

	while ((path = next_name(path, ret_name)) != NULL) {
		child = json_object_get(at, ret_name);
		if (child == NULL) {
			child = json_object();
			if (json_object_set_new(at, ret_name, child) < 0)
				return NULL;
		}
		at = child;
	}
	return at;
}

void mapping_put(struct mapping *m, const char *path, json_t *value)
{
	char name[NAME_MAX_BYTES];
	json_t *parent = parent_of(m->root, path, name);

	/* takes the value over also where it fails, and fails where there is none */
	if (json_object_set_new(parent, name, value) < 0)
		m->failed = true;
}

void mapping_put_string(struct mapping *m, const char *path, const char *s)
{
	mapping_put(m, path, json_string(s));
}

void mapping_put_integer(struct mapping *m, const char *path, uint64_t n)
{
	mapping_put(m, path, json_integer((json_int_t)n));
}

void mapping_drop(struct mapping *m, const char *member)
{
	json_object_del(m->left, member);
}

/* NULL: it has not the form that is wanted. */
static json_t *converted(json_t *value, enum mapping_as as)
{
	const char *s = json_string_value(value);
	uint64_t ns;

	switch (as) {
	case MAPPING_SAME:
		return json_incref(value);
	case MAPPING_STRING:
		if (!json_is_integer(value))
			return NULL;
		return json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case MAPPING_MS:
		if (s == NULL || !moment_parse_exact(s, &ns))
			return NULL;
		return json_integer((json_int_t)(ns / NS_PER_MS));
	case MAPPING_NS:
		/* beyond 2^53 ns, 104 days, the last microseconds are not what they were */
		if (!json_is_number(value) || json_number_value(value) < 0 ||
			json_number_value(value) > 9e9)
			return NULL;
		return json_integer((json_int_t)(json_number_value(value) * 1e6 + 0.5) * 1000);
	}
	return NULL;
}

void mapping_move(
	struct mapping *m, const struct mapping_place *places, size_t n, unsigned situation)
{
	json_t *value;
	size_t i;

	for (i = 0; i < n && !m->failed; i++) {
		value = json_object_get(m->left, places[i].member);
		if (value == NULL || !(places[i].when & situation) ||
			mapping_has(m, places[i].path))
			continue;
		value = converted(value, places[i].as);
		if (value == NULL)
			continue;
		mapping_put(m, places[i].path, value);
		mapping_drop(m, places[i].member);
	}
}

/* jansson takes DEL, alone of the control characters, for one that can be printed. */
static void print_text(const char *s, FILE *out)
{
	size_t n;

	for (n = strcspn(s, "\x7f"); s[n] != '\0'; s += n + 1, n = strcspn(s, "\x7f")) {
		fwrite(s, 1, n, out);
		fputs("\\u007f", out);
	}
	fwrite(s, 1, n, out);
	fputc('\n', out);
}

bool mapping_write(const json_t *object, FILE *out)
{
	/* six decimals of a span of time, and not the digits behind them that a double makes up */
	const size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15);
	char *text = json_dumps(object, flags);
	bool ok = text != NULL;

	if (ok)
		print_text(text, out);
	free(text);
	return ok;
}

bool mapping_print(struct mapping *m, const char *rest, FILE *out)
{
	if (!m->failed && json_object_size(m->left) > 0)
		mapping_put(m, rest, json_incref(m->left));
	return !m->failed && mapping_write(m->root, out);
}
