#include <stdio.h>
#include <string.h>

#include "sessd/entry.h"

static const struct field fields[] = {ENTRY_FIELDS(FIELD_ROW, entry)};

const char *entry_name(enum entry_kind kind)
{
	static const char *const names[] = {
#define ENTRY_NAME(id, name, help) [ENTRY_##id] = (name),
		ENTRY_KINDS(ENTRY_NAME)
#undef ENTRY_NAME
	};

	return names[kind];
}

bool entry_is(const struct entry *e, enum entry_kind kind)
{
	return strcmp(e->event, entry_name(kind)) == 0;
}

void entry_init(struct entry *e, enum entry_kind kind, uint64_t wall_ns)
{
	*e = (struct entry){.time = wall_ns};
	snprintf(e->event, sizeof(e->event), "%s", entry_name(kind));
}

int entry_format(const struct entry *e, char *buf, size_t size, size_t *ret_len)
{
	struct json j;

	json_begin(&j, buf, size);
	json_fields(&j, fields, sizeof(fields) / sizeof(fields[0]), e);
	return json_end(&j, ret_len);
}
