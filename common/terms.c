#include <stddef.h>
#include <string.h>

#include "common/terms.h"

const char *class_name(enum session_class c)
{
	switch (c) {
	case CLASS_NONE:
		return "none";
#define CLASS_CASE(id, code, name) \
	case CLASS_##id:           \
		return name;
		CLASSES(CLASS_CASE)
#undef CLASS_CASE
	}
	return NULL;
}

const char *phase_name(enum phase p)
{
	switch (p) {
	case PHASE_NONE:
		return "none";
#define PHASE_CASE(id, code, name) \
	case PHASE_##id:           \
		return name;
		PHASES(PHASE_CASE)
#undef PHASE_CASE
	}
	return NULL;
}

enum session_class class_by_name(const char *name)
{
	static const struct {
		enum session_class class;
		const char *name;
	} rows[] = {
#define CLASS_ROW(id, code, name) {CLASS_##id, (name)},
		CLASSES(CLASS_ROW)
#undef CLASS_ROW
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].class;
	return CLASS_NONE;
}
