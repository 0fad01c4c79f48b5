#include "common/field.h"

uint64_t field_number(const struct field *f, const void *record)
{
	const void *p = field_at(f, record);

	switch (f->kind) {
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_DUR:
		return *(const uint64_t *)p;
	case FIELD_BOOL:
		return *(const bool *)p;
	case FIELD_UID:
		return ((const struct opt_uid *)p)->uid;
	case FIELD_REASON:
		return *(const enum reason *)p;
	case FIELD_CLASS:
		return *(const enum session_class *)p;
	case FIELD_PHASE:
		return *(const enum phase *)p;
	case FIELD_SID:
	case FIELD_TOKEN:
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
	case FIELD_GIDS:
	case FIELD_BLOB:
		break;
	}
	return 0;
}

bool field_empty(const struct field *f, const void *record)
{
	const void *p = field_at(f, record);

	switch (f->kind) {
	case FIELD_SID:
		return sid_is_zero(p);
	case FIELD_TOKEN:
		return token_is_zero(p);
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		return *(const char *)p == '\0';
	case FIELD_GIDS:
		return ((const struct gids *)p)->n == 0;
	case FIELD_UID:
		return !((const struct opt_uid *)p)->set;
	case FIELD_BLOB:
		return ((const struct blob *)p)->len == 0;
	case FIELD_U64:
	case FIELD_BOOL:
	case FIELD_TIME:
	case FIELD_DUR:
	case FIELD_REASON:
	case FIELD_CLASS:
	case FIELD_PHASE:
		break;
	}
	return field_number(f, record) == 0;
}
