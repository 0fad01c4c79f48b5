#include <string.h>

#include "sessd/members.h"

/* The end of the string that begins at p, behind its first quote; NULL: it has none. */
static const char *string_end(const char *p, const char *end)
{
	for (; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p : NULL;
}

static bool read_value(const char *p, const char *end, struct member *ret)
{
	const char *stop;

	ret->string = p < end && *p == '"';
	if (ret->string) {
		p++;
		stop = string_end(p, end);
	} else {
		for (stop = p; stop < end && *stop != ',' && *stop != '}'; stop++)
			;
	}
	if (stop == NULL || stop == end)
		return false;
	ret->value = p;
	ret->value_len = (size_t)(stop - p);
	return true;
}

bool members_next(const char **at, const char *end, struct member *ret)
{
	struct member m = {.name = *at + 2};
	const char *stop;

	/* `{"` or `,"` stands in front of each */
	if (end - *at < 2 || (**at != '{' && **at != ',') || (*at)[1] != '"')
		return false;
	stop = string_end(m.name, end);
	if (stop == NULL || end - stop < 2 || stop[1] != ':' || !read_value(stop + 2, end, &m))
		return false;
	m.name_len = (size_t)(stop - m.name);
	*at = m.value + m.value_len + (m.string ? 1 : 0);
	*ret = m;
	return true;
}

bool members_find(const char *line, size_t len, const char *name, struct member *ret)
{
	const char *at = line;
	struct member m;

	while (members_next(&at, line + len, &m))
		if (m.name_len == strlen(name) && memcmp(m.name, name, m.name_len) == 0) {
			*ret = m;
			return true;
		}
	return false;
}

size_t members_text(const struct member *m, char *out, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < m->value_len && n + 1 < size; i++) {
		if (m->string && m->value[i] == '\\' && i + 1 < m->value_len &&
			(m->value[i + 1] == '"' || m->value[i + 1] == '\\'))
			i++;
		out[n++] = m->value[i];
	}
	out[n] = '\0';
	return n;
}

uint64_t members_seq(const char *line, size_t len)
{
	const char *at = line;
	struct member m;
	uint64_t seq = 0;
	size_t i;

	if (!members_next(&at, line + len, &m) || m.name_len != 3 ||
		memcmp(m.name, "seq", 3) != 0 || m.string || m.value_len == 0 || m.value_len > 19)
		return 0;
	for (i = 0; i < m.value_len; i++) {
		if (m.value[i] < '0' || m.value[i] > '9')
			return 0;
		seq = seq * 10 + (uint64_t)(m.value[i] - '0');
	}
	return seq;
}
