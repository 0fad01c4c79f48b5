/*
 * Encodes and decodes the messages of wire.h by their tables. Nothing here knows a single message.
 */
#include <errno.h>
#include <string.h>

#include "common/wire.h"

#define WIRE_TABLE(name, code, use, help)             \
	static const struct field fields_##name[] = { \
		WIRE_FIELDS_##name(FIELD_ROW, wire_##name){.tag = 0}};
WIRE_MESSAGES(WIRE_TABLE)

const struct wire_info wire_messages[] = {
#define WIRE_ROW(name_, code, use_, help_)                                          \
	{                                                                           \
		.type = WIRE_##name_,                                               \
		.use = (use_),                                                      \
		.name = #name_,                                                     \
		.help = (help_),                                                    \
		.size = sizeof(struct wire_##name_),                                \
		.fields = fields_##name_,                                           \
		.n_fields = sizeof(fields_##name_) / sizeof(fields_##name_[0]) - 1, \
	},
	WIRE_MESSAGES(WIRE_ROW)
#undef WIRE_ROW
};

const size_t wire_n_messages = sizeof(wire_messages) / sizeof(wire_messages[0]);

static const struct {
	enum wire_errno code;
	int exit;
	const char *words;
} errors[] = {
#define WIRE_ERROR_ROW(id, code, exit, words) {WIRE_E_##id, (exit), (words)},
	WIRE_ERRORS(WIRE_ERROR_ROW)
#undef WIRE_ERROR_ROW
};

const struct wire_info *wire_info(unsigned type)
{
	size_t i;

	for (i = 0; i < wire_n_messages; i++)
		if (wire_messages[i].type == type)
			return &wire_messages[i];
	return NULL;
}

const char *wire_error_words(uint64_t code)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == code)
			return errors[i].words;
	return "unknown error";
}

int wire_error_exit(uint64_t code)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == code)
			return errors[i].exit;
	return 3;
}

static void put_be(uint8_t *p, uint64_t v, size_t n)
{
	while (n-- > 0) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static uint64_t get_be(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static size_t text_max(enum field_kind kind)
{
	if (kind == FIELD_HEX)
		return FIELD_HEX_MAX;
	return kind == FIELD_STR ? TEXT_STR_MAX : TEXT_LONG_MAX;
}

/* Bytes of the value on the wire. */
static size_t value_size(const struct field *f, const void *msg)
{
	const void *p = field_at(f, msg);

	switch (f->kind) {
	case FIELD_SID:
		return SID_BYTES;
	case FIELD_TOKEN:
		return TOKEN_BYTES;
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		return strnlen(p, text_max(f->kind) + 1);
	case FIELD_GIDS:
		return (size_t)((const struct gids *)p)->n * 4;
	case FIELD_BLOB:
		return ((const struct blob *)p)->len;
	case FIELD_U64:
	case FIELD_BOOL:
	case FIELD_UID:
	case FIELD_TIME:
	case FIELD_DUR:
	case FIELD_REASON:
	case FIELD_CLASS:
	case FIELD_PHASE:
		break;
	}
	return 8;
}

static int put_value(const struct field *f, const void *msg, uint8_t *out, size_t size)
{
	const void *p = field_at(f, msg);
	const struct gids *gids = p;
	uint32_t i;

	switch (f->kind) {
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		if (size > text_max(f->kind) || !text_valid(p, size))
			return -EINVAL;
		memcpy(out, p, size);
		return 0;
	case FIELD_SID:
	case FIELD_TOKEN:
		memcpy(out, p, size);
		return 0;
	case FIELD_BLOB:
		if (size > 0)
			memcpy(out, ((const struct blob *)p)->data, size);
		return 0;
	case FIELD_GIDS:
		if (gids->n > FIELD_GIDS_MAX)
			return -EINVAL;
		for (i = 0; i < gids->n; i++)
			put_be(out + (size_t)4 * i, gids->gid[i], 4);
		return 0;
	case FIELD_U64:
	case FIELD_BOOL:
	case FIELD_UID:
	case FIELD_TIME:
	case FIELD_DUR:
	case FIELD_REASON:
	case FIELD_CLASS:
	case FIELD_PHASE:
		put_be(out, field_number(f, msg), 8);
		return 0;
	}
	return -EINVAL;
}

int wire_encode(enum wire_type type, uint32_t serial, const void *msg, uint8_t *buf, size_t size,
	size_t *ret_len)
{
	const struct wire_info *info = wire_info(type);
	size_t i, n, at = WIRE_HEADER;
	const struct field *f;
	int r;

	if (info == NULL)
		return -EINVAL;
	if (size < WIRE_HEADER)
		return -EMSGSIZE;
	buf[0] = info->use & WIRE_FROZEN ? 0 : WIRE_VERSION_MAX;
	buf[1] = (uint8_t)type;
	put_be(buf + 2, 0, 2);
	put_be(buf + 4, serial, 4);
	for (i = 0; i < info->n_fields; i++) {
		f = &info->fields[i];
		if (f->presence == FIELD_OPTIONAL && field_empty(f, msg))
			continue;
		n = value_size(f, msg);
		if (n > UINT16_MAX || at + 4 + n > size)
			return -EMSGSIZE;
		put_be(buf + at, f->tag, 2);
		put_be(buf + at + 2, n, 2);
		r = put_value(f, msg, buf + at + 4, n);
		if (r < 0)
			return r;
		at += 4 + n;
	}
	*ret_len = at;
	return 0;
}

static int get_number(const struct field *f, void *p, uint64_t v)
{
	switch (f->kind) {
	case FIELD_BOOL:
		if (v > 1)
			return -EPROTO;
		*(bool *)p = v == 1;
		return 0;
	case FIELD_UID:
		if (v > UINT32_MAX)
			return -EPROTO;
		*(struct opt_uid *)p = (struct opt_uid){.set = true, .uid = (uint32_t)v};
		return 0;
	case FIELD_REASON:
		if (!reason_valid(v))
			return -EPROTO;
		*(enum reason *)p = (enum reason)v;
		return 0;
	case FIELD_CLASS:
		if (v > CLASS_LOGIN)
			return -EPROTO;
		*(enum session_class *)p = (enum session_class)v;
		return 0;
	case FIELD_PHASE:
		if (v > PHASE_ENDED)
			return -EPROTO;
		*(enum phase *)p = (enum phase)v;
		return 0;
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_DUR:
		*(uint64_t *)p = v;
		return 0;
	case FIELD_SID:
	case FIELD_TOKEN:
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
	case FIELD_GIDS:
	case FIELD_BLOB:
		break;
	}
	return -EPROTO;
}

static int get_value(const struct field *f, void *msg, const uint8_t *in, size_t size)
{
	void *p = (char *)msg + f->offset;
	struct gids *gids = p;
	struct blob *blob = p;
	uint32_t i;

	switch (f->kind) {
	case FIELD_SID:
	case FIELD_TOKEN:
		if (size != value_size(f, msg))
			return -EPROTO;
		memcpy(p, in, size);
		break;
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		if (size > text_max(f->kind) || !text_valid((const char *)in, size))
			return -EPROTO;
		memcpy(p, in, size);
		((char *)p)[size] = '\0';
		break;
	case FIELD_GIDS:
		if (size % 4 != 0 || size / 4 > FIELD_GIDS_MAX)
			return -EPROTO;
		gids->n = (uint32_t)(size / 4);
		for (i = 0; i < gids->n; i++)
			gids->gid[i] = (uint32_t)get_be(in + (size_t)4 * i, 4);
		break;
	case FIELD_BLOB:
		blob->data = in;
		blob->len = size;
		break;
	case FIELD_U64:
	case FIELD_BOOL:
	case FIELD_UID:
	case FIELD_TIME:
	case FIELD_DUR:
	case FIELD_REASON:
	case FIELD_CLASS:
	case FIELD_PHASE:
		if (size != 8)
			return -EPROTO;
		return get_number(f, p, get_be(in, 8));
	}
	return 0;
}

/* Reads the fields at `in` into msg, which is all zeros. */
static int get_fields(const struct wire_info *info, const uint8_t *in, size_t len, void *msg)
{
	size_t at = 0, row = 0, i, size;
	uint64_t tag;
	int r;

	while (at < len) {
		if (len - at < 4)
			return -EPROTO;
		tag = get_be(in + at, 2);
		size = (size_t)get_be(in + at + 2, 2);
		at += 4;
		if (size > len - at)
			return -EPROTO;
		for (i = 0; i < info->n_fields && info->fields[i].tag != tag; i++)
			;
		if (i < info->n_fields) {
			/* rows from `row` to i were left out; that is for optional ones only */
			for (; row < i; row++)
				if (info->fields[row].presence == FIELD_REQUIRED)
					return -EPROTO;
			if (row != i)
				return -EPROTO;
			r = get_value(&info->fields[i], msg, in + at, size);
			if (r < 0)
				return r;
			row++;
		}
		at += size;
	}
	for (; row < info->n_fields; row++)
		if (info->fields[row].presence == FIELD_REQUIRED)
			return -EPROTO;
	return 0;
}

int wire_decode(const uint8_t *buf, size_t len, struct wire_frame *ret)
{
	const struct wire_info *info;

	ret->version = 0;
	ret->serial = 0;
	if (len < WIRE_HEADER || len > WIRE_MAX)
		return -EPROTO;
	ret->version = buf[0];
	ret->serial = (uint32_t)get_be(buf + 4, 4);
	if (buf[0] != 0 && (buf[0] < WIRE_VERSION_MIN || buf[0] > WIRE_VERSION_MAX))
		return -EPROTONOSUPPORT;
	info = wire_info(buf[1]);
	if (info == NULL || get_be(buf + 2, 2) != 0)
		return -EPROTO;
	if ((buf[0] == 0) != ((info->use & WIRE_FROZEN) != 0))
		return -EPROTO;
	ret->type = info->type;
	memset(&ret->u, 0, info->size);
	return get_fields(info, buf + WIRE_HEADER, len - WIRE_HEADER, &ret->u);
}
