#include "sessctl/help.h"
#include "sessctl/knowledge.h"

int knowledge_read(struct context *ctx, const struct command *command, const struct repeats *keys,
	const char *anchor, struct witness *w)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (!witness_add_key(w, keys->value[i]))
			return help_usage_error(ctx, command,
				"%s is no key: `sessctl audit key` prints 64 hex digits",
				keys->value[i]);
	if (anchor != NULL && !witness_set_anchor(w, anchor))
		return help_usage_error(ctx, command,
			"%s is no checkpoint: `sessctl audit checkpoint` prints SEQ:HASH", anchor);
	return EXIT_DONE;
}
