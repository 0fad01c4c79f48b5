/* `sessctl audit verify --anchor fleet`: the heads of a host's ledger that are kept off it: in the
 * store, and in the memory of the host that is asked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/errand.h"
#include "fleet/query.h"

static void tell(struct errand *e, const struct chain *head, uint64_t seen_at)
{
	struct wire_head msg = {.seen_at = seen_at};

	seal_head_text(head, msg.checkpoint);
	errand_tell(e, WIRE_head, &msg, false);
}

/* False: the errand has failed. */
static bool tell_remembered(struct errand *e)
{
	struct memory *m = malloc(sizeof(*m));
	int r = m != NULL ? witness_remembered(e->agent, e->only, m) : -ENOMEM;
	char words[TEXT_STR_MAX];
	size_t i;

	for (i = 0; r == 0 && i < m->n; i++)
		if (!m->row[i].broken)
			tell(e, &m->row[i].head, m->row[i].seen_at);
	free(m);
	if (r == 0)
		return true;
	snprintf(words, sizeof(words), "what this host remembers of that ledger: %s", strerror(-r));
	errand_fail(e, WIRE_E_UNAVAILABLE, words);
	return false;
}

static void on_stored(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_kvs kvs = {0};
	struct head_value value;
	struct chain head;

	if (!errand_range(e, answer, &kvs))
		return;
	if (kvs.n > 0 && head_parse(&kvs.kv[0], &value) && seal_head_parse(value.checkpoint, &head))
		tell(e, &head, 0);
	reply_kvs_fini(&kvs);
	if (!tell_remembered(e))
		return;
	if (e->count == 0)
		errand_fail(e, WIRE_E_UNAVAILABLE,
			"neither the store nor this host has a checkpoint of that host's ledger");
	else
		errand_done(e);
}

void anchor_begin(struct errand *e)
{
	const char *host = e->ask->u.anchor.host, *parts[KEY_PARTS] = {e->only};
	struct key key;

	snprintf(e->only, sizeof(e->only), "%s", host[0] != '\0' ? host : e->agent->o.host);
	key_make(&key, KEY_HEAD, parts, false);
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_stored);
}
