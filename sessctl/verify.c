#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "sessctl/verify.h"

static const char too_long[] = "the line is longer than 1 MiB";
static const char no_event[] = "the line is not an event of a ledger";

int verify_init(struct verify *v)
{
	*v = (struct verify){0};
	chain_init(&v->chain);
	if (sodium_init() < 0)
		return -ENOSYS;
	v->part = malloc(VERIFY_LINE_MAX);
	v->last = malloc(VERIFY_LINE_MAX);
	return v->part == NULL || v->last == NULL ? -ENOMEM : 0;
}

void verify_fini(struct verify *v)
{
	free(v->part);
	free(v->last);
	v->part = v->last = NULL;
}

/* Reads the 64 digits at *line (`end` is beyond the last that may be read). */
static bool read_hash(const char *line, const char *end, uint8_t *ret)
{
	return (size_t)(end - line) >= CHAIN_HEX && seal_hex(line, CHAIN_HEX, ret, CHAIN_HASH);
}

/* Moves *at behind `word`. */
static bool read_word(const char **at, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - *at) < n || memcmp(*at, word, n) != 0)
		return false;
	*at += n;
	return true;
}

/*
 * The head that the first line says it follows. Only its form is read here; chain_check() then
 * compares the line with what it must be, byte for byte. The ledger's own first line follows zeros,
 * and is not asked.
 */
static bool read_start(const char *line, size_t len, struct chain *ret)
{
	const char *at = line, *end = line + len;
	struct chain c = {0};
	uint64_t seq = 0;

	if (!read_word(&at, end, "{\"seq\":"))
		return false;
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (seq > (UINT64_MAX - 9) / 10)
			return false;
		seq = seq * 10 + (uint64_t)(*at - '0');
	}
	if (!read_word(&at, end, ",\"prev\":\"") || seq == 0)
		return false;
	if (seq > 1 && !read_hash(at, end, c.hash))
		return false;
	c.seq = seq - 1;
	*ret = c;
	return true;
}

/* A ledger that replaces another one says so in its first event. */
static void note_origin(struct verify *v, const char *line, size_t len)
{
	json_t *event = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(event, "text"));
	const char *name = json_string_value(json_object_get(event, "event"));

	if (text != NULL && name != NULL && strcmp(name, "ledger_started") == 0 &&
		strcmp(text, CHAIN_FIRST_START) != 0)
		text_escape(text, strlen(text), v->origin, sizeof(v->origin));
	json_decref(event);
}

/* A whole line, without its newline. */
static bool check_line(struct verify *v, const char *line, size_t len)
{
	struct chain at;

	/* a line that is no part came straight from the caller, and may have any length */
	if (len > VERIFY_LINE_MAX)
		v->wrong = too_long;
	else if (v->events == 0 && !read_start(line, len, &v->chain))
		v->wrong = no_event;
	else if (v->events == 0)
		v->wrong = witness_begin(&v->witness, &v->chain);
	at = v->chain;
	if (v->wrong == NULL)
		v->wrong = chain_check(&v->chain, line, len);
	if (v->wrong != NULL)
		return false;
	v->wrong = witness_line(&v->witness, line, len, &v->chain);
	if (v->wrong != NULL) {
		v->chain = at;
		return false;
	}
	v->before = at;
	v->events++;
	memcpy(v->last, line, len);
	v->last_len = len;
	if (v->events == 1) {
		v->first = v->chain.seq;
		note_origin(v, line, len);
	}
	if (v->good != NULL)
		v->good(v->arg, line, len);
	return true;
}

static bool keep_part(struct verify *v, const char *data, size_t len)
{
	if (len > VERIFY_LINE_MAX - v->part_len) {
		v->wrong = too_long;
		return false;
	}
	memcpy(v->part + v->part_len, data, len);
	v->part_len += len;
	return true;
}

bool verify_feed(struct verify *v, const char *data, size_t len)
{
	const char *newline;
	size_t n;

	while (v->wrong == NULL && len > 0) {
		newline = memchr(data, '\n', len);
		n = newline ? (size_t)(newline - data) : len;
		if (newline == NULL || v->part_len > 0) {
			if (!keep_part(v, data, n))
				break;
		}
		if (newline == NULL)
			break;
		if (v->part_len > 0)
			check_line(v, v->part, v->part_len);
		else
			check_line(v, data, n);
		v->part_len = 0;
		data += n + 1;
		len -= n + 1;
	}
	return v->wrong == NULL;
}

/*
 * The last line is one that no hash covers, so at least it must be what an event looks like: a line
 * that took in the one behind it, for one, is not.
 */
static bool last_is_event(const struct verify *v)
{
	json_t *event = json_loadb(v->last, v->last_len, JSON_REJECT_DUPLICATES, NULL);
	bool is = json_is_object(event);

	json_decref(event);
	return is;
}

bool verify_end(struct verify *v)
{
	if (v->wrong == NULL && v->part_len > 0) {
		v->wrong = "the line has no end: the text is cut off";
	} else if (v->wrong == NULL && v->events > 0 && !last_is_event(v)) {
		v->wrong = no_event;
		v->chain = v->before;
		v->events--;
	} else if (v->wrong == NULL && v->events > 0) {
		v->wrong = witness_end(&v->witness, &v->chain);
	}
	return v->wrong == NULL;
}
