/*
 * ArcSight's Common Event Format, version 0. A member goes to the key that the table below names;
 * what has none there gets a key of its own, `sessd` and the member's name: sessdLeaderPid.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/version.h"
#include "sessctl/format.h"
#include "sessctl/moment.h"
#include "sessctl/source.h"

/* Where two members share a key, the one that stands first has it if both are there. */
static const struct key {
	const char *member;
	const char *key;
	const char *label; /* of a custom field: what KEYLabel says; else NULL */
	bool time;	   /* is a time, written in ms since the epoch */
} keys[] = {
	{"time", "rt", NULL, true},
	{"seq", "externalId", NULL, false},
	{"user", "duser", NULL, false},
	{"uid", "duid", NULL, false},
	{"by", "suser", NULL, false},
	{"ruser", "suser", NULL, false},
	{"service", "destinationServiceName", NULL, false},
	{"leader_pid", "dpid", NULL, false},
	{"opened_at", "start", NULL, true},
	{"reason", "reason", NULL, false},
	{"text", "msg", NULL, false},
	{"sid", "cs1", "sid", false},
	{"policy", "cs2", "policy", false},
	{"class", "cs3", "class", false},
	{"by_sid", "cs4", "by_sid", false},
	{"lock", "cs5", "lock", false},
	{"prev", "cs6", "prev", false},
	{"limit", "cn1", "limit", false},
	{"count", "cn2", "count", false},
	{"survivors", "cn3", "survivors", false},
	{"expires_at", "deviceCustomDate1", "expires_at", true},
	{"old_expires_at", "deviceCustomDate2", "old_expires_at", true},
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static const char *const subjects[] = {[SUBJECT_NONE] = "other",
	[SUBJECT_SESSION] = "session",
	[SUBJECT_LOCK] = "lock",
	[SUBJECT_CONFIG] = "configuration",
	[SUBJECT_LEDGER] = "ledger"};

/* Low 0 to 3, medium to 6, high to 8, very high to 10. */
static const int severities[] = {
	[WEIGHT_INFO] = 1, [WEIGHT_NOTICE] = 3, [WEIGHT_WARNING] = 5, [WEIGHT_ALARM] = 8};

/* Line ends are escaped already, as all control characters are. */
static void put_escaped(FILE *out, const char *s, const char *special)
{
	size_t n = strcspn(s, special);

	for (; s[n] != '\0'; s += n, n = 1 + strcspn(s + 1, special)) {
		fwrite(s, 1, n, out);
		fputc('\\', out);
	}
	fwrite(s, 1, n, out);
}

static bool put_value(FILE *out, const char *key, const json_t *value)
{
	char *text = line_text(value);

	if (text != NULL) {
		fprintf(out, " %s=", key);
		put_escaped(out, text, "\\=");
	}
	free(text);
	return text != NULL;
}

/* A key of letters and digits: `leader_pid` makes sessdLeaderPid. */
static bool put_own(FILE *out, const char *member, const json_t *value)
{
	char key[64] = "sessd";
	size_t n = strlen(key);
	bool begins = true;

	for (; *member != '\0' && n + 1 < sizeof(key); member++) {
		if (isalnum((unsigned char)*member))
			key[n++] = (char)(begins ? toupper((unsigned char)*member) : *member);
		begins = !isalnum((unsigned char)*member);
	}
	return put_value(out, key, value);
}

static bool put_time(FILE *out, const struct key *key, const json_t *value)
{
	uint64_t ns;

	if (!json_is_string(value) || !moment_parse_exact(json_string_value(value), &ns))
		return put_own(out, key->member, value);
	fprintf(out, " %s=%" PRIu64, key->key, ns / NS_PER_MS);
	return true;
}

/* An address has a key of its kind: `src` is for IPv4 alone. */
static bool put_source(FILE *out, const json_t *value)
{
	static const char *const source_keys[] = {
		[SOURCE_NAME] = "shost", [SOURCE_IPV4] = "src", [SOURCE_IPV6] = "c6a2"};
	enum source kind;

	if (!json_is_string(value))
		return put_own(out, "rhost", value);
	kind = source_of(json_string_value(value));
	if (kind == SOURCE_IPV6)
		fputs(" c6a2Label=Source IPv6 Address", out);
	return put_value(out, source_keys[kind], value);
}

static const struct key *key_of(const char *member)
{
	size_t i;

	for (i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].member, member) == 0)
			return &keys[i];
	return NULL;
}

static bool is_taken(const struct line *line, const struct key *key)
{
	const struct key *k;

	for (k = keys; k < key; k++)
		if (strcmp(k->key, key->key) == 0 &&
			json_object_get(line->members, k->member) != NULL)
			return true;
	return false;
}

static bool put_member(FILE *out, const struct line *line, const char *member, const json_t *value)
{
	const struct key *key = key_of(member);

	if (strcmp(member, "event") == 0)
		return true;
	if (strcmp(member, "rhost") == 0)
		return put_source(out, value);
	if (key == NULL || is_taken(line, key))
		return put_own(out, member, value);
	if (key->label != NULL)
		fprintf(out, " %sLabel=%s", key->key, key->label);
	return key->time ? put_time(out, key, value) : put_value(out, key->key, value);
}

static bool put_header(FILE *out, const struct line *line)
{
	json_t *event = json_object_get(line->members, "event");
	char *text = line_text(event);

	if (text == NULL)
		return false;
	fputs("CEF:0|sessd|sessd|" SESSD_VERSION "|", out);
	put_escaped(out, text, "\\|");
	free(text);
	fprintf(out, "|%s|%d|", line->kind->words, severities[line->kind->weight]);
	return true;
}

bool format_cef_write(FILE *out, const struct line *line, const char *host)
{
	const struct kind *kind = line->kind;
	const char *member;
	json_t *value;
	bool ok = put_header(out, line);

	fprintf(out, "cat=%s act=%s outcome=%s dvchost=", subjects[kind->subject],
		kind->activity_words, kind->outcome == OUTCOME_FAILURE ? "failure" : "success");
	put_escaped(out, host, "\\=");
	if (kind->subject == SUBJECT_SESSION && kind->activity == ACTIVITY_LOGOFF)
		fprintf(out, " end=%" PRIu64, line->time / NS_PER_MS);
	json_object_foreach(line->members, member, value)
	{
		ok = ok && put_member(out, line, member, value);
	}
	fputc('\n', out);
	return ok;
}
