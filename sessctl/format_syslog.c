/*
 * RFC 5424, a message for each line, ended by a newline: facility authpriv (10), the structured
 * data `sessd@32473` with every member, and as the message what happened. 32473 is the number that
 * RFC 5612 keeps for those who have none of their own.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/version.h"
#include "sessctl/format.h"

#define AUTHPRIV 10

/* RFC 5424, 6.3.3 and 6.2.7: bytes of a parameter's name and of MSGID. */
#define NAME_MAX_BYTES 32
#define HOST_MAX_BYTES 255

/* RFC 5424, 7.3.1: counts from 1 to this, and again from 1. */
#define SEQUENCE_MAX 2147483647

/* A name: printable ASCII but what delimits one; `-` where nothing is left. */
static void put_name(FILE *out, const char *s, size_t most)
{
	size_t i;

	if (s[0] == '\0')
		fputc('-', out);
	for (i = 0; i < most && s[i] != '\0'; i++)
		fputc(s[i] > ' ' && s[i] <= '~' && strchr("=]\"", s[i]) == NULL ? s[i] : '_', out);
}

static bool put_param(FILE *out, const char *name, const json_t *value)
{
	char *text = line_text(value), *s;

	if (text == NULL)
		return false;
	fputc(' ', out);
	put_name(out, name, NAME_MAX_BYTES);
	fputs("=\"", out);
	for (s = text; *s != '\0'; s++) {
		if (strchr("\"\\]", *s) != NULL)
			fputc('\\', out);
		fputc(*s, out);
	}
	fputc('"', out);
	free(text);
	return true;
}

static void put_header(FILE *out, const struct line *line, const char *host)
{
	static const int severities[] = {
		[WEIGHT_INFO] = 6, [WEIGHT_NOTICE] = 5, [WEIGHT_WARNING] = 4, [WEIGHT_ALARM] = 3};

	fprintf(out, "<%d>1 ", AUTHPRIV * 8 + severities[line->kind->weight]);
	put_name(out, line_str(line, "time"), NAME_MAX_BYTES);
	fputc(' ', out);
	put_name(out, host, HOST_MAX_BYTES);
	fputs(" sessd - ", out);
	put_name(out, line->event, NAME_MAX_BYTES);
	fprintf(out,
		" [timeQuality tzKnown=\"1\"][origin software=\"sessd\" swVersion=\"%s\"]"
		"[meta sequenceId=\"%" PRIu64 "\"][sessd@32473",
		SESSD_VERSION, (line->seq - 1) % SEQUENCE_MAX + 1);
}

bool format_syslog_write(FILE *out, const struct line *line, const char *host)
{
	const char *name;
	json_t *value;
	char *user;
	bool ok = true;

	put_header(out, line, host);
	json_object_foreach(line->members, name, value)
	{
		ok = ok && put_param(out, name, value);
	}
	/* the byte order mark says that the message is UTF-8 */
	fprintf(out, "] \xef\xbb\xbf%s", line->kind->words);
	value = json_object_get(line->members, "user");
	user = value != NULL ? line_text(value) : NULL;
	if (user != NULL)
		fprintf(out, ": %s", user);
	free(user);
	fputc('\n', out);
	return ok;
}
