#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/sid.h"
#include "sessctl/event.h"
#include "sessctl/output.h"

/* Shown in front, or of no use to who watches. The JSON has them all. */
static const char *const left_out[] = {"seq", "prev", "time", "event", "user", "sid", "uid",
	"opened_at", "audit_session", "boot_id"};

/* These are long, and their first digits are what lists show. */
static const char *const ids[] = {"sid", "parent", "by_sid", "other_sid"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool is_among(const char *name, const char *const *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* RFC 3339 in UTC, as the local time; anything else as it is. */
static void print_time(FILE *out, const char *s)
{
	struct tm tm = {0}, local;
	char text[64];
	time_t t;

	if (strptime(s, "%Y-%m-%dT%H:%M:%S", &tm) != NULL) {
		t = timegm(&tm);
		if (localtime_r(&t, &local) != NULL &&
			strftime(text, sizeof(text), "%b %e %H:%M:%S", &local) > 0) {
			fputs(text, out);
			return;
		}
	}
	output_text(out, s, strlen(s));
}

/* As JSON has it: quoted, with control characters and quotes escaped. */
static void print_json(FILE *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

	if (text != NULL)
		output_text(out, text, strlen(text));
	free(text);
}

static void print_value(FILE *out, const char *name, const json_t *value)
{
	const char *s = json_string_value(value);
	size_t len = s != NULL ? strlen(s) : 0;

	if (s == NULL || len == 0) {
		print_json(out, value);
	} else if (strcmp(name, "expires_at") == 0 || strcmp(name, "old_expires_at") == 0) {
		fputc('"', out);
		print_time(out, s);
		fputc('"', out);
	} else if (is_among(name, ids, COUNT(ids))) {
		output_text(out, s, len < SID_SHORT ? len : SID_SHORT);
	} else if (strpbrk(s, " =\"\\") != NULL) {
		/* so that a value cannot look like the next member */
		print_json(out, value);
	} else {
		output_text(out, s, len);
	}
}

/* One of the members in front, `-` where it is missing. */
static void print_member(FILE *out, const json_t *event, const char *name)
{
	const json_t *value = json_object_get(event, name);

	if (value == NULL)
		fputc('-', out);
	else
		print_value(out, name, value);
}

static void print_event(FILE *out, json_t *event)
{
	static const char *const in_front[] = {"event", "user", "sid"};
	const char *name, *when = json_string_value(json_object_get(event, "time"));
	json_t *value;
	size_t i;

	print_time(out, when != NULL ? when : "-");
	for (i = 0; i < COUNT(in_front); i++) {
		fputc(' ', out);
		print_member(out, event, in_front[i]);
	}
	json_object_foreach(event, name, value)
	{
		if (is_among(name, left_out, COUNT(left_out)))
			continue;
		fputc(' ', out);
		output_text(out, name, strlen(name));
		fputc('=', out);
		print_value(out, name, value);
	}
	fputc('\n', out);
}

void event_print(FILE *out, const char *line, size_t len)
{
	json_t *event = json_loadb(line, len, 0, NULL);

	if (json_is_object(event)) {
		print_event(out, event);
	} else {
		output_text(out, line, len);
		fputc('\n', out);
	}
	json_decref(event);
}
