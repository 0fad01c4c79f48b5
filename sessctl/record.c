#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/duration.h"
#include "common/json.h"
#include "common/timestamp.h"
#include "sessctl/output.h"
#include "sessctl/record.h"

/* Bytes of a record as JSON, at the most: what a packet holds, each byte escaped as two (text on
 * the wire has no control characters), and the names. */
#define RECORD_JSON (2 * WIRE_MAX + 4096)

static void print_time(FILE *out, uint64_t wall_ns)
{
	char brief[TIMESTAMP_TEXT], exact[TIMESTAMP_TEXT];

	fprintf(out, "%s (%s)", timestamp_brief(wall_ns, clock_wall(), brief),
		timestamp_format(wall_ns, exact));
}

static void print_text(FILE *out, const char *s)
{
	output_text(out, s, strlen(s));
}

static void print_value(FILE *out, const struct field *f, const void *record)
{
	const void *p = field_at(f, record);
	char s[SID_HEX + 1], dur[DURATION_TEXT];

	switch (f->kind) {
	case FIELD_U64:
	case FIELD_UID:
		fprintf(out, "%" PRIu64, field_number(f, record));
		break;
	case FIELD_BOOL:
		fputs(field_number(f, record) ? "yes" : "no", out);
		break;
	case FIELD_TIME:
		print_time(out, field_number(f, record));
		break;
	case FIELD_DUR:
		fputs(duration_format(field_number(f, record), dur), out);
		break;
	case FIELD_REASON:
		print_text(out, reason_name(*(const enum reason *)p));
		break;
	case FIELD_CLASS:
		print_text(out, class_name(*(const enum session_class *)p));
		break;
	case FIELD_PHASE:
		print_text(out, phase_name(*(const enum phase *)p));
		break;
	case FIELD_SID:
		fputs(sid_hex(p, s), out);
		break;
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		print_text(out, p);
		break;
	case FIELD_TOKEN:
	case FIELD_GIDS:
	case FIELD_BLOB:
		break;
	}
}

static bool is_skipped(const struct record_style *style, const char *name)
{
	const char *const *s;

	for (s = style->skip; s != NULL && *s != NULL; s++)
		if (strcmp(*s, name) == 0)
			return true;
	return false;
}

static bool is_shown(const struct record_style *style, const struct field *f, const void *record)
{
	if (is_skipped(style, f->name) || f->kind == FIELD_TOKEN || f->kind == FIELD_GIDS ||
		f->kind == FIELD_BLOB)
		return false;
	if (style->zeros && (f->kind == FIELD_U64 || f->kind == FIELD_BOOL))
		return true;
	return f->presence == FIELD_REQUIRED || !field_empty(f, record);
}

void record_print(
	FILE *out, enum wire_type type, const void *record, const struct record_style *style)
{
	const struct wire_info *info = wire_info(type);
	size_t i;

	for (i = 0; i < info->n_fields; i++) {
		if (!is_shown(style, &info->fields[i], record))
			continue;
		fprintf(out, "%s: ", info->fields[i].name);
		print_value(out, &info->fields[i], record);
		fputc('\n', out);
	}
}

void record_json_open(FILE *out, enum wire_type type, const void *record)
{
	const struct wire_info *info = wire_info(type);
	char line[RECORD_JSON];
	struct json j;
	size_t len;
	int r;

	json_begin(&j, line, sizeof(line));
	json_fields(&j, info->fields, info->n_fields, record);
	r = json_end(&j, &len);
	assert(r == 0);
	if (r == 0)
		fwrite(line, 1, len - 1, out);
}

void record_json(FILE *out, enum wire_type type, const void *record)
{
	record_json_open(out, type, record);
	fputs("}\n", out);
}
