#include <assert.h>
#include <string.h>

#include "sessctl/filter.h"

bool filter_breaks_chain(const struct filter *f)
{
	return f->user != NULL || f->some_kinds;
}

bool filter_takes_all(const struct filter *f)
{
	return f->since == 0 && f->until == UINT64_MAX && !filter_breaks_chain(f);
}

const char *filter_add_kinds(struct filter *f, const char *names, int *ret_len)
{
	const struct kind *kind;
	size_t len;

	assert(n_kinds <= 64);
	for (;; names += len + 1) {
		len = strcspn(names, ",");
		kind = kind_find(names, len);
		if (kind == NULL) {
			*ret_len = (int)len;
			return names;
		}
		f->some_kinds = true;
		f->kind |= UINT64_C(1) << (kind - kinds);
		if (names[len] == '\0')
			return NULL;
	}
}

/* A lock has no user, but may be of one. */
static bool is_of_user(const struct line *line, const char *name)
{
	const char *user = line_str(line, "user");

	if (user == NULL)
		user = line_locked_user(line);
	return user != NULL && strcmp(user, name) == 0;
}

static bool is_of_kinds(const struct filter *f, const struct line *line)
{
	const struct kind *kind = kind_find(line->event, strlen(line->event));

	return kind != NULL && (f->kind & UINT64_C(1) << (kind - kinds));
}

bool filter_takes(const struct filter *f, const struct line *line)
{
	if (line->time < f->since || line->time >= f->until)
		return false;
	if (f->user != NULL && !is_of_user(line, f->user))
		return false;
	return !f->some_kinds || is_of_kinds(f, line);
}
