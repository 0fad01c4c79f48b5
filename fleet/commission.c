/* Orders that this host gives to others, to end sessions of theirs. */
#include <stdlib.h>

#include "fleet/agent.h"
#include "fleet/query.h"
#include "fleet/statement.h"

json_t *order_put(const struct agent *a, const struct order_to *to, json_t *text)
{
	const char *parts[KEY_PARTS] = {to->host, to->id};
	const struct authority *own = a->o.authority;
	json_t *put = NULL;
	char *value = NULL;
	struct key key;

	query_add_text(text, "challenge", to->challenge);
	if (key_make(&key, KEY_REVOKE, parts, false))
		value = statement_seal(text, key.s, own->name, &own->secret);
	if (value != NULL)
		put = query_put(&key, value, to->lease);
	free(value);
	json_decref(text);
	return put;
}

/* Who gives it waits for the end: when this host is gone, nobody does. */
json_t *order_evict(const struct agent *a, const struct order_eviction *what, const char *challenge)
{
	const struct order_to to = {
		.host = what->host, .id = what->sid, .challenge = challenge, .lease = a->lease.id};

	return order_put(a, &to,
		json_pack("{s:s,s:s,s:s,s:b}", "prefix", what->sid, "of", what->user, "evicts",
			what->policy, "quiet", true));
}
