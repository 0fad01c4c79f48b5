#include <stddef.h>
#include <string.h>

#include "common/terms.h"

const char *class_name(enum class c)
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

enum class class_by_name(const char *name) {
	static const enum class classes[] =
		{
#define CLASS_ITEM(id, code, name) CLASS_##id,
			CLASSES(CLASS_ITEM)
#undef CLASS_ITEM
		};
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]);
		i++) if (strcmp(class_name(classes[i]), name) == 0) return classes[i];
	return CLASS_NONE;
}
