#include <stddef.h>
#include <string.h>

#include "common/reason.h"

static const struct {
	enum reason reason;
	unsigned use;
	const char *name;
	const char *words;
} reasons[] = {
#define REASON_ROW(id, code, name, use, words, pam) {REASON_##id, (use), (name), (words)},
	REASONS(REASON_ROW)
#undef REASON_ROW
};

#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

static size_t reason_index(enum reason r)
{
	size_t i;

	for (i = 0; i < N_REASONS; i++)
		if (reasons[i].reason == r)
			break;
	return i;
}

const char *reason_name(enum reason r)
{
	size_t i = reason_index(r);

	if (r == REASON_NONE)
		return "none";
	return i < N_REASONS ? reasons[i].name : NULL;
}

const char *reason_words(enum reason r)
{
	size_t i = reason_index(r);

	return i < N_REASONS ? reasons[i].words : NULL;
}

bool reason_valid(uint64_t code)
{
	return code <= UINT8_MAX && (code == 0 || reason_index((enum reason)code) < N_REASONS);
}

bool reason_ends(enum reason r)
{
	size_t i = reason_index(r);

	return i < N_REASONS && (reasons[i].use & REASON_ENDS);
}

enum reason reason_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < N_REASONS; i++)
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].reason;
	return REASON_NONE;
}
