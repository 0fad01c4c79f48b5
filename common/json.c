#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "common/json.h"
#include "common/timestamp.h"

static void put(struct json *j, const char *s, size_t n)
{
	if (j->full || n >= j->size - j->len) {
		j->full = true;
		return;
	}
	memcpy(j->buf + j->len, s, n);
	j->len += n;
}

static void put_quoted(struct json *j, const char *s)
{
	char esc[8];
	size_t i, n;

	put(j, "\"", 1);
	for (i = 0; s[i] != '\0'; i += n) {
		/* a run of plain characters, whole UTF-8 sequences included */
		for (n = 1; n < 4 && s[i + n] != '\0' && ((unsigned char)s[i + n] & 0xc0) == 0x80;
			n++)
			;
		if (s[i] == '"' || s[i] == '\\') {
			esc[0] = '\\';
			esc[1] = s[i];
			put(j, esc, 2);
			n = 1;
		} else if (text_valid(s + i, n)) {
			put(j, s + i, n);
		} else {
			snprintf(esc, sizeof(esc), "\\u%04x", (unsigned char)s[i]);
			put(j, esc, 6);
			n = 1;
		}
	}
	put(j, "\"", 1);
}

static void put_name(struct json *j, const char *name)
{
	if (!j->first)
		put(j, ",", 1);
	j->first = false;
	put_quoted(j, name);
	put(j, ":", 1);
}

void json_begin(struct json *j, char *buf, size_t size)
{
	*j = (struct json){.buf = buf, .size = size, .first = true};
	put(j, "{", 1);
}

int json_end(struct json *j, size_t *ret_len)
{
	put(j, "}", 1);
	if (j->full)
		return -EMSGSIZE;
	j->buf[j->len] = '\0';
	*ret_len = j->len;
	return 0;
}

void json_str(struct json *j, const char *name, const char *s)
{
	put_name(j, name);
	put_quoted(j, s);
}

void json_u64(struct json *j, const char *name, uint64_t v)
{
	char s[24];
	int n;

	put_name(j, name);
	n = snprintf(s, sizeof(s), "%" PRIu64, v);
	put(j, s, (size_t)n);
}

void json_bool(struct json *j, const char *name, bool v)
{
	put_name(j, name);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

void json_time(struct json *j, const char *name, uint64_t wall_ns)
{
	char s[TIMESTAMP_TEXT];

	json_str(j, name, timestamp_format(wall_ns, s));
}

void json_dur(struct json *j, const char *name, uint64_t ns)
{
	char s[40];
	int n;

	put_name(j, name);
	n = snprintf(s, sizeof(s), "%" PRIu64 ".%06" PRIu64, ns / NS_PER_SEC,
		ns % NS_PER_SEC / NS_PER_US);
	put(j, s, (size_t)n);
}

static void json_gids(struct json *j, const char *name, const struct gids *gids)
{
	char s[16];
	uint32_t i;
	int n;

	put_name(j, name);
	put(j, "[", 1);
	for (i = 0; i < gids->n; i++) {
		n = snprintf(s, sizeof(s), "%s%" PRIu32, i ? "," : "", gids->gid[i]);
		put(j, s, (size_t)n);
	}
	put(j, "]", 1);
}

static void json_field(struct json *j, const struct field *f, const void *record)
{
	const void *p = field_at(f, record);
	char hex[SID_HEX + 1];

	switch (f->kind) {
	case FIELD_U64:
	case FIELD_UID:
		json_u64(j, f->name, field_number(f, record));
		break;
	case FIELD_BOOL:
		json_bool(j, f->name, *(const bool *)p);
		break;
	case FIELD_TIME:
		json_time(j, f->name, field_number(f, record));
		break;
	case FIELD_DUR:
		json_dur(j, f->name, field_number(f, record));
		break;
	case FIELD_REASON:
		json_str(j, f->name, reason_name(*(const enum reason *)p));
		break;
	case FIELD_CLASS:
		json_str(j, f->name, class_name(*(const enum session_class *)p));
		break;
	case FIELD_PHASE:
		json_str(j, f->name, phase_name(*(const enum phase *)p));
		break;
	case FIELD_SID:
		json_str(j, f->name, sid_hex(p, hex));
		break;
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		json_str(j, f->name, p);
		break;
	case FIELD_GIDS:
		json_gids(j, f->name, p);
		break;
	case FIELD_TOKEN:
	case FIELD_BLOB:
		break;
	}
}

void json_fields(struct json *j, const struct field *fields, size_t n, const void *record)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (fields[i].presence == FIELD_REQUIRED || !field_empty(&fields[i], record))
			json_field(j, &fields[i], record);
}
