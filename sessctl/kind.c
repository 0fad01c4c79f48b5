#include <string.h>

#include "sessctl/kind.h"

const struct kind kinds[] = {
#define KIND_ROW(name, words, weight, subject, activity, activity_words, category, type, outcome) \
	{#name, (words), WEIGHT_##weight, SUBJECT_##subject, (activity), (activity_words),        \
		(category), (type), OUTCOME_##outcome},
	KINDS(KIND_ROW)
#undef KIND_ROW
};

const size_t n_kinds = sizeof(kinds) / sizeof(kinds[0]);

#define KIND_NAME(name, words, weight, subject, activity, activity_words, category, type, outcome) \
	"|" #name
const char kind_barred[] = KINDS(KIND_NAME);
#undef KIND_NAME

const struct kind *kind_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < n_kinds; i++)
		if (strncmp(kinds[i].name, name, len) == 0 && kinds[i].name[len] == '\0')
			return &kinds[i];
	return NULL;
}

const struct kind *kind_of(const char *name)
{
	/* an event of a newer sessd is exported all the same, as something that happened */
	static const struct kind unknown = {
		.words = "Event of sessd",
		.weight = WEIGHT_NOTICE,
		.activity = ACTIVITY_OTHER,
		.activity_words = "Other",
		.ecs_category = "",
		.ecs_type = "info",
	};
	const struct kind *kind = kind_find(name, strlen(name));

	return kind != NULL ? kind : &unknown;
}
