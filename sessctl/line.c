#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "sessctl/line.h"
#include "sessctl/moment.h"

/* The longest number, with its sign and decimals. */
#define NUMBER_TEXT 400

static bool read_members(struct line *line)
{
	const char *time = line_str(line, "time");
	const json_t *seq = json_object_get(line->members, "seq");

	line->event = line_str(line, "event");
	if (line->event == NULL || time == NULL || !moment_parse_exact(time, &line->time) ||
		!json_is_integer(seq) || json_integer_value(seq) <= 0)
		return false;
	line->seq = (uint64_t)json_integer_value(seq);
	line->kind = kind_of(line->event);
	return true;
}

int line_parse(const char *text, size_t len, struct line *ret)
{
	struct line line = {.text = text, .len = len};

	line.members = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(line.members) || !read_members(&line)) {
		json_decref(line.members);
		return -EBADMSG;
	}
	*ret = line;
	return 0;
}

void line_fini(struct line *line)
{
	json_decref(line->members);
	line->members = NULL;
}

const char *line_str(const struct line *line, const char *name)
{
	return json_string_value(json_object_get(line->members, name));
}

const char *line_locked_user(const struct line *line)
{
	static const char prefix[] = "user ";
	const char *lock = line_str(line, "lock");

	if (lock == NULL || strncmp(lock, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	return lock + sizeof(prefix) - 1;
}

static char *escaped(const char *s)
{
	size_t len = strlen(s), size = 4 * len + 1;
	char *out = malloc(size);

	if (out != NULL)
		text_escape(s, len, out, size);
	return out;
}

static char *text_of_json(const json_t *value)
{
	char *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY), *out = NULL;

	if (json != NULL)
		out = escaped(json);
	free(json);
	return out;
}

char *line_text(const json_t *value)
{
	char number[NUMBER_TEXT];

	if (json_is_string(value))
		return escaped(json_string_value(value));
	if (json_is_integer(value))
		snprintf(
			number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(number, sizeof(number), "%.6f", json_real_value(value));
	else
		return text_of_json(value);
	return strdup(number);
}
