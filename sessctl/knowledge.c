#include <stdio.h>
#include <string.h>

#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/knowledge.h"

/* `fleet`, or `fleet:HOST`. NULL: something else. */
static const char *fleet_host(const char *anchor)
{
	static const char word[] = "fleet";
	const char *behind = anchor + sizeof(word) - 1;

	if (strncmp(anchor, word, sizeof(word) - 1) != 0)
		return NULL;
	if (*behind == '\0')
		return behind;
	return *behind == ':' && behind[1] != '\0' ? behind + 1 : NULL;
}

/* All that the store, and the host that is asked, have of that ledger; "": of this host's. */
static int ask_fleet(struct context *ctx, const char *host, struct witness *w)
{
	struct wire_anchor ask = {.host = ""};
	struct conn c;
	int r = conn_open(&c, ctx);

	if (r != EXIT_DONE)
		return r;
	snprintf(ask.host, sizeof(ask.host), "%s", host);
	r = conn_ask(&c, WIRE_anchor, &ask);
	while (r == EXIT_DONE && (r = conn_next(&c)) == EXIT_DONE && c.frame.type != WIRE_done)
		if (c.frame.type != WIRE_head || !witness_add_anchor(w, c.frame.u.head.checkpoint))
			r = conn_strange(&c);
	conn_close(&c);
	return r;
}

int knowledge_read(struct context *ctx, const struct command *command, const struct repeats *keys,
	const char *anchor, struct witness *w)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (!witness_add_key(w, keys->value[i]))
			return help_usage_error(ctx, command,
				"%s is no key: `sessctl audit key` prints 64 hex digits",
				keys->value[i]);
	if (anchor == NULL)
		return EXIT_DONE;
	if (fleet_host(anchor) != NULL)
		return ask_fleet(ctx, fleet_host(anchor), w);
	if (!witness_add_anchor(w, anchor))
		return help_usage_error(ctx, command,
			"%s is no checkpoint: `sessctl audit checkpoint` prints SEQ:HASH, and "
			"`fleet` or `fleet:HOST` asks for what other hosts keep",
			anchor);
	return EXIT_DONE;
}
