#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "sessctl/moment.h"
#include "sessctl/tree.h"

/* The longest name within a path. */
#define NAME_MAX_BYTES 64

void tree_init(struct tree *t, const struct line *line)
{
	*t = (struct tree){.root = json_object(), .left = json_copy(line->members)};
	t->failed = t->root == NULL || t->left == NULL;
}

void tree_fini(struct tree *t)
{
	json_decref(t->root);
	json_decref(t->left);
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

bool tree_has(const struct tree *t, const char *path)
{
	const json_t *at = t->root;
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

void tree_put(struct tree *t, const char *path, json_t *value)
{
	char name[NAME_MAX_BYTES];
	json_t *parent = parent_of(t->root, path, name);

	/* takes the value over also where it fails, and fails where there is none */
	if (json_object_set_new(parent, name, value) < 0)
		t->failed = true;
}

void tree_put_string(struct tree *t, const char *path, const char *s)
{
	tree_put(t, path, json_string(s));
}

void tree_put_integer(struct tree *t, const char *path, uint64_t n)
{
	tree_put(t, path, json_integer((json_int_t)n));
}

void tree_drop(struct tree *t, const char *member)
{
	json_object_del(t->left, member);
}

/* NULL: it has not the form that is wanted. */
static json_t *converted(json_t *value, enum tree_as as)
{
	const char *s = json_string_value(value);
	uint64_t ns;

	switch (as) {
	case TREE_SAME:
		return json_incref(value);
	case TREE_STRING:
		if (!json_is_integer(value))
			return NULL;
		return json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case TREE_MS:
		if (s == NULL || !moment_parse_exact(s, &ns))
			return NULL;
		return json_integer((json_int_t)(ns / NS_PER_MS));
	case TREE_NS:
		/* beyond 2^53 ns, 104 days, the last microseconds are not what they were */
		if (!json_is_number(value) || json_number_value(value) < 0 ||
			json_number_value(value) > 9e9)
			return NULL;
		return json_integer((json_int_t)(json_number_value(value) * 1e6 + 0.5) * 1000);
	}
	return NULL;
}

void tree_move(struct tree *t, const struct tree_place *places, size_t n, unsigned situation)
{
	json_t *value;
	size_t i;

	for (i = 0; i < n && !t->failed; i++) {
		value = json_object_get(t->left, places[i].member);
		if (value == NULL || !(places[i].when & situation) || tree_has(t, places[i].path))
			continue;
		value = converted(value, places[i].as);
		if (value == NULL)
			continue;
		tree_put(t, places[i].path, value);
		tree_drop(t, places[i].member);
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

bool tree_print(struct tree *t, const char *rest, FILE *out)
{
	/* six decimals of a span of time, and not the digits behind them that a double makes up */
	const size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15);

	char *text;

	if (!t->failed && json_object_size(t->left) > 0)
		tree_put(t, rest, json_incref(t->left));
	text = t->failed ? NULL : json_dumps(t->root, flags);
	if (text != NULL)
		print_text(text, out);
	free(text);
	return text != NULL;
}
