/*
 * RFC 4180, with a header: a column for each member of a line, and at the end one more, `other`,
 * with the members that have none, as a JSON object.
 *
 * A spreadsheet takes what begins with = + - or @ for a formula (also in their wide forms), and a
 * user can choose what stands in a line: such a value gets an apostrophe in front, and so does one
 * that begins with an apostrophe, so that taking one away always gives back what was there.
 */
#include <stdlib.h>
#include <string.h>

#include "sessctl/format.h"

static const char *const columns[] = {"seq", "prev", "time", "event", "sid", "parent", "class",
	"user", "uid", "service", "tty", "rhost", "ruser", "auth", "leader_pid", "audit_session",
	"opened_at", "expires_at", "policy", "reason", "by", "by_sid", "text", "limit", "count",
	"signalled", "elapsed", "survivors", "survivor_list", "boot_id", "old_expires_at", "lock",
	"grace", "message", "other_sid", "key", "next_key", "signature", "first", "last", "hash",
	"fleet"};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

void format_csv_begin(FILE *out)
{
	size_t i;

	for (i = 0; i < N_COLUMNS; i++)
		fprintf(out, "%s,", columns[i]);
	fputs("other\r\n", out);
}

static bool looks_like_formula(const char *s)
{
	static const char *const begin[] = {
		"=", "+", "-", "@", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20"};
	size_t i;

	for (i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (strncmp(s, begin[i], strlen(begin[i])) == 0)
			return true;
	return false;
}

/* Control characters, line ends among them, are escaped already. */
static void put_cell(FILE *out, const char *s)
{
	bool formula = looks_like_formula(s);

	if (strpbrk(s, ",\"") == NULL && s[0] != ' ' && (s[0] == '\0' || s[strlen(s) - 1] != ' ')) {
		if (formula)
			fputc('\'', out);
		fputs(s, out);
		return;
	}
	fputs(formula ? "\"'" : "\"", out);
	for (; *s != '\0'; s++) {
		if (*s == '"')
			fputc('"', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

static bool put_value(FILE *out, const json_t *value)
{
	char *text = line_text(value);

	if (text != NULL)
		put_cell(out, text);
	free(text);
	return text != NULL;
}

static bool put_others(FILE *out, json_t *others)
{
	return json_object_size(others) == 0 || put_value(out, others);
}

bool format_csv_write(FILE *out, const struct line *line, const char *host)
{
	json_t *others = json_copy(line->members);
	const json_t *value;
	bool ok = others != NULL;
	size_t i;

	(void)host;
	for (i = 0; i < N_COLUMNS && ok; i++) {
		value = json_object_get(line->members, columns[i]);
		if (value != NULL) {
			ok = put_value(out, value);
			json_object_del(others, columns[i]);
		}
		fputc(',', out);
	}
	ok = ok && put_others(out, others);
	fputs("\r\n", out);
	json_decref(others);
	return ok;
}
