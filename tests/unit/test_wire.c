/* Every message of the table, whole and damaged in each way that a packet can be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/wire.h"

static uint8_t buf[WIRE_MAX + 64], other[WIRE_MAX + 64];
static struct wire_frame frame;
static union {
	struct wire_frame room; /* as large as the largest message */
	uint8_t bytes[sizeof(struct wire_frame)];
} message;

static void *at(const struct field *f)
{
	return message.bytes + f->offset;
}

static void set_number(const struct field *f)
{
	switch (f->kind) {
	case FIELD_BOOL:
		*(bool *)at(f) = true;
		break;
	case FIELD_UID:
		*(struct opt_uid *)at(f) = (struct opt_uid){.set = true, .uid = 0};
		break;
	case FIELD_REASON:
		*(enum reason *)at(f) = REASON_UNAVAILABLE;
		break;
	case FIELD_CLASS:
		*(enum session_class *)at(f) = CLASS_LOGIN;
		break;
	case FIELD_PHASE:
		*(enum phase *)at(f) = PHASE_ENDED;
		break;
	default:
		*(uint64_t *)at(f) = UINT64_MAX - f->tag;
	}
}

/* A value that is not empty; texts and lists as long as they may be where `longest`. */
static void set_field(const struct field *f, bool longest)
{
	static const char bytes[] = "\0\1\2 bytes";
	struct gids *gids = at(f);
	uint32_t i;

	switch (f->kind) {
	case FIELD_SID:
		memset(at(f), f->tag, SID_BYTES);
		break;
	case FIELD_TOKEN:
		memset(at(f), f->tag, TOKEN_BYTES);
		break;
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		memset(at(f), 'a' + f->tag % 26,
			!longest	       ? 3
			: f->kind == FIELD_STR ? TEXT_STR_MAX
					       : TEXT_LONG_MAX);
		break;
	case FIELD_GIDS:
		gids->n = longest ? FIELD_GIDS_MAX : 2;
		for (i = 0; i < gids->n; i++)
			gids->gid[i] = UINT32_MAX - i;
		break;
	case FIELD_BLOB:
		*(struct blob *)at(f) = (struct blob){.data = bytes, .len = sizeof(bytes)};
		break;
	default:
		set_number(f);
	}
}

enum fill { NOTHING, REQUIRED_ONLY, ALL, LONGEST };

static size_t encode(const struct wire_info *info, enum fill fill)
{
	size_t i, len = 0;

	memset(&message, 0, sizeof(message));
	for (i = 0; i < info->n_fields; i++)
		if (fill >= ALL ||
			(fill == REQUIRED_ONLY && info->fields[i].presence == FIELD_REQUIRED))
			set_field(&info->fields[i], fill == LONGEST);
	assert_int_equal(wire_encode(info->type, 0xfedcba98, &message, buf, WIRE_MAX, &len), 0);
	return len;
}

static int decode(size_t len)
{
	memset(&frame, 0xa5, sizeof(frame));
	return wire_decode(buf, len, &frame);
}

static void assert_field_equal(const struct field *f)
{
	const struct blob *a = at(f);
	const void *p = field_at(f, &frame.u);
	const struct blob *b = p;

	assert_int_equal(field_empty(f, &message), field_empty(f, &frame.u));
	switch (f->kind) {
	case FIELD_SID:
		assert_memory_equal(at(f), p, SID_BYTES);
		break;
	case FIELD_TOKEN:
		assert_memory_equal(at(f), p, TOKEN_BYTES);
		break;
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		assert_string_equal(at(f), p);
		break;
	case FIELD_GIDS:
		assert_memory_equal(at(f), p, 4 + 4 * (size_t)((struct gids *)at(f))->n);
		break;
	case FIELD_BLOB:
		assert_int_equal(a->len, b->len);
		if (a->len > 0)
			assert_memory_equal(a->data, b->data, a->len);
		break;
	default:
		assert_true(field_number(f, &message) == field_number(f, &frame.u));
	}
}

static void round_trips(void **state)
{
	const struct wire_info *info;
	size_t m, i, len;
	enum fill fill;

	(void)state;
	for (m = 0; m < wire_n_messages; m++)
		for (fill = NOTHING; fill <= LONGEST; fill++) {
			info = &wire_messages[m];
			len = encode(info, fill);
			assert_int_equal(decode(len), 0);
			assert_ptr_equal(wire_info(info->type), info);
			assert_int_equal(frame.type, info->type);
			assert_int_equal(frame.serial, 0xfedcba98);
			assert_int_equal(frame.version, info->use & WIRE_FROZEN ? 0 : 1);
			for (i = 0; i < info->n_fields; i++)
				assert_field_equal(&info->fields[i]);
		}
}

/* The header of a field in a packet; the length of what follows it. */
static size_t field_size(size_t from)
{
	return (size_t)buf[from + 2] << 8 | buf[from + 3];
}

static bool required_from(const struct wire_info *info, size_t row)
{
	for (; row < info->n_fields; row++)
		if (info->fields[row].presence == FIELD_REQUIRED)
			return true;
	return false;
}

/* Cut at every length: whole only between two fields, where all that is missing is optional. */
static void truncated(void **state)
{
	const struct wire_info *info;
	size_t m, cut, len, edge, row;
	bool whole;

	(void)state;
	for (m = 0; m < wire_n_messages; m++) {
		info = &wire_messages[m];
		len = encode(info, ALL);
		edge = WIRE_HEADER;
		row = 0;
		for (cut = 0; cut < len; cut++) {
			whole = cut == edge && !required_from(info, row);
			assert_int_equal(decode(cut), whole ? 0 : -EPROTO);
			if (cut == edge) {
				edge += 4 + field_size(edge);
				row++;
			}
		}
		for (cut = 1; cut < 4; cut++) {
			memset(buf + len, 0, 4);
			assert_int_equal(decode(len + cut), -EPROTO);
		}
	}
}

static void too_small_a_buffer(void **state)
{
	size_t m, size, len, ignored;

	(void)state;
	for (m = 0; m < wire_n_messages; m++) {
		len = encode(&wire_messages[m], ALL);
		for (size = 0; size < len; size++)
			assert_int_equal(wire_encode(wire_messages[m].type, 1, &message, other,
						 size, &ignored),
				-EMSGSIZE);
	}
}

/* What is done to each field in turn: left out, doubled, put behind the next one, preceded by an
 * unknown one. */
static void misplaced(void **state)
{
	static const uint8_t unknown[] = {0xff, 0xf0, 0, 2, 'x', 'y'};
	const struct wire_info *info;
	size_t m, i, len, from, n, rest, next;

	(void)state;
	for (m = 0; m < wire_n_messages; m++) {
		info = &wire_messages[m];
		len = encode(info, ALL);
		memcpy(other, buf, len);
		from = WIRE_HEADER;
		for (i = 0; i < info->n_fields; i++, from += n) {
			memcpy(buf, other, len);
			n = 4 + field_size(from);
			rest = len - from - n;
			memcpy(buf + from, other + from + n, rest);
			assert_int_equal(decode(len - n),
				info->fields[i].presence == FIELD_REQUIRED ? -EPROTO : 0);
			memcpy(buf + from, other + from, n);
			memcpy(buf + from + n, other + from, n + rest);
			assert_int_equal(decode(len + n), -EPROTO);
			memcpy(buf + from, unknown, sizeof(unknown));
			memcpy(buf + from + sizeof(unknown), other + from, n + rest);
			assert_int_equal(decode(len + sizeof(unknown)), 0);
			memcpy(buf, other, len);
			if (rest == 0)
				continue;
			next = 4 + field_size(from + n);
			memcpy(buf + from, other + from + n, next);
			memcpy(buf + from + next, other + from, n);
			assert_int_equal(decode(len), -EPROTO);
			memcpy(buf, other, len);
		}
	}
}

/* Values that their kind does not allow. A row with kind STR is tried on TEXT fields too. */
static const struct bad {
	enum field_kind kind;
	const char *bytes;
	size_t len;
} bads[] = {
#define BAD(kind, text)                              \
	{                                            \
		FIELD_##kind, text, sizeof(text) - 1 \
	}
	BAD(STR, "\001"),
	BAD(STR, "a\nb"),
	BAD(STR, "a\tb"),
	BAD(STR, "\033[31mred"),
	BAD(STR, "del\177"),
	BAD(STR, "a\0b"),
	BAD(STR, "\xc2\x85"),
	BAD(STR, "\xff\xfe"),
	BAD(STR, "\xc0\x80"),
	BAD(STR, "\xe2\x80\xae"),
	BAD(STR, "\xed\xa0\x80"),
	BAD(STR, "\xe2\x82"),
	BAD(BOOL, "\0\0\0\0\0\0\0\2"),
	BAD(BOOL, "\1"),
	BAD(REASON, "\0\0\0\0\0\0\0\143"),
	BAD(REASON, "\0\0\0\0\0\0\1\1"),
	BAD(CLASS, "\0\0\0\0\0\0\0\5"),
	BAD(PHASE, "\0\0\0\0\0\0\0\5"),
	BAD(PHASE, "\1\0\0\0\0\0\0\1"),
	BAD(UID, "\0\0\0\1\0\0\0\0"),
	BAD(U64, ""),
	BAD(U64, "\0\0\0\0\0\0\1"),
	BAD(U64, "\0\0\0\0\0\0\0\0\1"),
	BAD(TIME, "\0\0\0\1"),
	BAD(DUR, "\0\0\0\1"),
	BAD(SID, "0123456789abcde"),
	BAD(SID, "0123456789abcdefg"),
	BAD(TOKEN, "0123456789abcdef"),
	BAD(GIDS, "\0\0\0\1\0"),
};

/* Puts other bytes into the field at `from`; the new length of the packet. */
static size_t replace(size_t from, size_t len, const void *bytes, size_t n)
{
	size_t old = field_size(from);

	memmove(buf + from + 4 + n, buf + from + 4 + old, len - from - 4 - old);
	memcpy(buf + from + 4, bytes, n);
	buf[from + 2] = (uint8_t)(n >> 8);
	buf[from + 3] = (uint8_t)n;
	return len - old + n;
}

static void bad_values(void **state)
{
	static char giant[4 * FIELD_GIDS_MAX + 4];
	const struct field *f;
	size_t m, i, b, len, from, n;

	(void)state;
	memset(giant, 'a', sizeof(giant));
	for (m = 0; m < wire_n_messages; m++) {
		len = encode(&wire_messages[m], ALL);
		memcpy(other, buf, len);
		from = WIRE_HEADER;
		for (i = 0; i < wire_messages[m].n_fields; i++, from += 4 + field_size(from)) {
			f = &wire_messages[m].fields[i];
			for (b = 0; b < sizeof(bads) / sizeof(bads[0]); b++) {
				if (bads[b].kind != (f->kind == FIELD_TEXT ? FIELD_STR : f->kind))
					continue;
				n = replace(from, len, bads[b].bytes, bads[b].len);
				assert_int_equal(decode(n), -EPROTO);
				memcpy(buf, other, len);
			}
			n = f->kind == FIELD_STR    ? TEXT_STR_MAX + 1
			    : f->kind == FIELD_TEXT ? TEXT_LONG_MAX + 1
			    : f->kind == FIELD_GIDS ? sizeof(giant)
						    : 0;
			if (n > 0)
				assert_int_equal(decode(replace(from, len, giant, n)), -EPROTO);
			memcpy(buf, other, len);
		}
	}
}

static void bad_headers(void **state)
{
	size_t m, len;
	bool frozen;

	(void)state;
	for (m = 0; m < wire_n_messages; m++) {
		frozen = wire_messages[m].use & WIRE_FROZEN;
		len = encode(&wire_messages[m], ALL);
		buf[0] = WIRE_VERSION_MAX + 1;
		assert_int_equal(decode(len), -EPROTONOSUPPORT);
		assert_int_equal(frame.version, WIRE_VERSION_MAX + 1);
		assert_int_equal(frame.serial, 0xfedcba98);
		buf[0] = frozen ? WIRE_VERSION_MAX : 0;
		assert_int_equal(decode(len), -EPROTO);
		buf[0] = frozen ? 0 : WIRE_VERSION_MAX;
		buf[3] = 1;
		assert_int_equal(decode(len), -EPROTO);
		buf[3] = 0;
		buf[1] = 200;
		assert_int_equal(decode(len), -EPROTO);
	}
	assert_null(wire_info(200));
	memset(buf, 0, sizeof(buf));
	assert_int_equal(decode(WIRE_MAX + 1), -EPROTO);
}

/* The writer refuses what the reader would. */
static void refuses_to_write(void **state)
{
	struct wire_show show;
	static struct wire_open open;
	size_t len;

	(void)state;
	memset(show.prefix, 'a', sizeof(show.prefix));
	assert_int_equal(wire_encode(WIRE_show, 1, &show, buf, WIRE_MAX, &len), -EINVAL);
	strcpy(show.prefix, "a\nb");
	assert_int_equal(wire_encode(WIRE_show, 1, &show, buf, WIRE_MAX, &len), -EINVAL);
	open.gids.n = FIELD_GIDS_MAX + 1;
	assert_int_equal(wire_encode(WIRE_open, 1, &open, buf, WIRE_MAX, &len), -EINVAL);
	assert_int_equal(wire_encode((enum wire_type)200, 1, &open, buf, WIRE_MAX, &len), -EINVAL);
}

/* The table itself: codes, tags and names are unique, and tags rise as the reader expects. */
static void table(void **state)
{
	const struct wire_info *info;
	size_t m, k, i;

	(void)state;
	for (m = 0; m < wire_n_messages; m++) {
		info = &wire_messages[m];
		assert_true(info->size <= sizeof(frame.u));
		for (k = 0; k < m; k++) {
			assert_int_not_equal(info->type, wire_messages[k].type);
			assert_string_not_equal(info->name, wire_messages[k].name);
		}
		for (i = 1; i < info->n_fields; i++)
			assert_true(info->fields[i].tag > info->fields[i - 1].tag);
	}
	assert_string_equal(wire_error_words(WIRE_E_NO_SESSION), "no such session");
	assert_int_equal(wire_error_exit(WIRE_E_NO_SESSION), 5);
	assert_string_equal(wire_error_words(999), "unknown error");
	assert_int_equal(wire_error_exit(999), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(truncated),
		cmocka_unit_test(too_small_a_buffer),
		cmocka_unit_test(misplaced),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(bad_headers),
		cmocka_unit_test(refuses_to_write),
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
