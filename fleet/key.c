#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "fleet/key.h"

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-_.@", c) != NULL);
}

static char *put_part(char *out, const char *part)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *part != '\0'; part++) {
		if (is_plain(*part)) {
			*out++ = *part;
			continue;
		}
		*out++ = '%';
		*out++ = digits[(unsigned char)*part >> 4];
		*out++ = digits[(unsigned char)*part & 15];
	}
	return out;
}

bool key_make(struct key *ret, const char *kind, const char *const parts[KEY_PARTS], bool under)
{
	char *out = ret->s;
	size_t i;

	assert(strlen(kind) < 32);
	out = stpcpy(out, kind);
	for (i = 0; i < KEY_PARTS && parts[i] != NULL; i++) {
		if (parts[i][0] == '\0' || strlen(parts[i]) > TEXT_STR_MAX)
			return false;
		if (i > 0)
			*out++ = '/';
		out = put_part(out, parts[i]);
	}
	if (under && i > 0)
		*out++ = '/';
	*out = '\0';
	return true;
}

void key_range_end(const struct key *key, struct key *ret)
{
	size_t len = strlen(key->s);

	assert(len > 0 && key->s[len - 1] == '/');
	memcpy(ret->s, key->s, len + 1);
	ret->s[len - 1]++;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One part, up to a slash or the end. NULL: it is malformed. */
static const char *get_part(const char *at, const char *end, char ret[TEXT_STR_MAX + 1])
{
	size_t n = 0;
	char c;

	for (; at < end && *at != '/'; at++) {
		c = *at;
		if (c == '%') {
			if (end - at < 3 || digit(at[1]) < 0 || digit(at[2]) < 0)
				return NULL;
			c = (char)(digit(at[1]) * 16 + digit(at[2]));
			at += 2;
		} else if (!is_plain(c)) {
			return NULL;
		}
		if (c == '\0' || n == TEXT_STR_MAX)
			return NULL;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return n > 0 && text_valid(ret, n) ? at : NULL;
}

bool key_parse(const char *key, size_t len, const char *kind, size_t n,
	char ret[KEY_PARTS][TEXT_STR_MAX + 1])
{
	const char *end = key + len, *at = key + strlen(kind);
	size_t i;

	assert(n <= KEY_PARTS);
	if (len < strlen(kind) || memcmp(key, kind, strlen(kind)) != 0)
		return false;
	for (i = 0; i < n; i++) {
		if (i > 0 && (at == end || *at++ != '/'))
			return false;
		at = get_part(at, end, ret[i]);
		if (at == NULL)
			return false;
	}
	return at == end;
}
