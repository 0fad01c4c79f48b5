/*
 * A place under the fleet's caps. The user's sessions are counted at one revision of the store; the
 * new one is then put on the condition that none of his was created since. Where one was, he is
 * counted once more. So of any number of hosts that count together one succeeds, and the others see
 * it.
 *
 * Where a cap evicts, the oldest by the order in which the store was told of them, which is no
 * host's clock, is ordered to end, and counted until it is gone.
 */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/query.h"
#include "fleet/reply.h"

/* sessd waits a little longer. */
#define WAIT (600 * NS_PER_MS)
/* Until it is looked again whether those who are evicted have gone. */
#define LOOK (30 * NS_PER_MS)
/* Sessions named in the words for the user. */
#define NAMED 3

struct place {
	struct agent *agent;
	LIST_ENTRY(place) link;
	struct sid sid;
	struct etcd_call *call;
	struct timer timer;
	uint64_t deadline;
	uint64_t lease; /* that it was put under */
	bool writing;	/* the call is the write */
	char victims_host[TEXT_STR_MAX + 1];
	char policy[TEXT_STR_MAX + 1]; /* of the cap that it evicts for */
	bool evicts;		       /* it waits for somebody to go */
	char evicted[8][SID_HEX + 1];  /* who has been ordered to */
	unsigned n_evicted;
};

/* One of the user's sessions, as the store has it. */
struct listed {
	const struct reply_kv *kv;
	char host[TEXT_STR_MAX + 1];
	char sid[SID_HEX + 1];
	json_t *value;
};

static void count_again(void *ctx);

static void place_free(struct place *p)
{
	LIST_REMOVE(p, link);
	p->agent->n_places--;
	etcd_cancel(p->call);
	timer_cancel(&p->timer);
	free(p);
}

static void answer(struct place *p, struct wire_placed *msg)
{
	msg->sid = p->sid;
	agent_tell(p->agent, WIRE_placed, msg);
	place_free(p);
}

static void grant(struct place *p)
{
	struct member *m = member_find(p->agent, &p->sid);
	struct wire_placed msg = {.granted = true};

	m->seeking = false;
	m->registered = p->lease == p->agent->lease.id;
	if (!m->registered)
		member_dirty(p->agent, m);
	answer(p, &msg);
}

static void nobody_knows(struct place *p)
{
	struct wire_placed msg = {.unreachable = true};

	answer(p, &msg);
}

void place_forget(struct agent *a, const struct sid *sid)
{
	struct place *p;

	LIST_FOREACH (p, &a->places, link)
		if (sid_equal(&p->sid, sid))
			break;
	if (p == NULL)
		return;
	if (p->writing && member_find(a, sid) != NULL)
		member_doubt(a, member_find(a, sid));
	place_free(p);
}

void places_fini(struct agent *a)
{
	while (!LIST_EMPTY(&a->places))
		place_free(LIST_FIRST(&a->places));
}

/* --- Counting --- */

static bool listed_of(const struct reply_kv *kv, struct listed *ret)
{
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct sid sid;

	if (!key_parse(kv->key, kv->key_len, KEY_SESSION, 3, parts) || !sid_parse(parts[2], &sid))
		return false;
	memcpy(ret->host, parts[1], sizeof(ret->host));
	memcpy(ret->sid, parts[2], sizeof(ret->sid));
	ret->kv = kv;
	ret->value = reply_json(kv->value, kv->value_len);
	return true;
}

/* Of this host's own ones the agent knows more than the store. */
static bool is_there(const struct agent *a, const struct listed *e)
{
	const struct member *m;
	struct sid sid;

	if (strcmp(e->host, a->o.host) != 0)
		return true;
	sid_parse(e->sid, &sid);
	m = member_find(a, &sid);
	return m != NULL ? m->present && m->registered : !a->registry.complete;
}

static bool counts_under(const struct listed *e, const char *policy)
{
	const json_t *caps = json_object_get(e->value, "caps"), *cap;
	size_t i;

	json_array_foreach(
		caps, i, cap) if (json_is_string(cap) &&
				  strcmp(json_string_value(cap), policy) == 0) return true;
	return false;
}

/* `sshd from 10.0.0.7 on web1, …` */
static void name_listed(const struct listed *e, unsigned n, char *text, size_t size)
{
	char service[TEXT_STR_MAX + 1], rhost[TEXT_STR_MAX + 1];
	size_t len = strlen(text);

	if (n > NAMED)
		return;
	if (n == NAMED) {
		snprintf(text + len, size - len, ", and more");
		return;
	}
	reply_text(e->value, "service", service, sizeof(service));
	reply_text(e->value, "rhost", rhost, sizeof(rhost));
	snprintf(text + len, size - len, "%s%.64s%s%.64s on %.64s", n > 0 ? ", " : "", service,
		rhost[0] != '\0' ? " from " : "", rhost, e->host);
}

/* Without the words where text is NULL. */
static unsigned count_under(const struct agent *a, const struct listed *entries, size_t n,
	const char *policy, char *text, size_t size)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!is_there(a, &entries[i]) || !counts_under(&entries[i], policy))
			continue;
		if (text != NULL)
			name_listed(&entries[i], count, text, size);
		count++;
	}
	return count;
}

/* --- Evicting --- */

static bool was_ordered(const struct place *p, const char *sid)
{
	unsigned i;

	for (i = 0; i < p->n_evicted; i++)
		if (strcmp(p->evicted[i], sid) == 0)
			return true;
	return false;
}

static void on_ordered(void *ctx, const struct etcd_answer *got)
{
	struct place *p = ctx;

	p->call = NULL;
	/* one that was not heard of is ordered once more */
	if (got->outcome != ETCD_DONE && p->n_evicted > 0)
		p->n_evicted--;
	timer_set(&p->agent->timers, &p->timer, clock_boot() + LOOK, count_again, p);
}

static void on_challenge(void *ctx, const struct etcd_answer *got)
{
	struct place *p = ctx;
	const char *sid = p->evicted[p->n_evicted - 1];
	char challenge[SID_HEX + 1];
	struct reply_kvs kvs = {0};
	json_t *put = NULL;

	p->call = NULL;
	if (got->outcome == ETCD_DONE && reply_range(got->root, &kvs) == 0 && kvs.n > 0 &&
		claim_challenge(&kvs.kv[0], challenge))
		put = order_evict(p->agent, p->victims_host, challenge, sid, p->policy);
	reply_kvs_fini(&kvs);
	if (put != NULL)
		p->call = etcd_start(p->agent->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
							     .path = ETCD_PUT,
							     .body = put,
							     .deadline = p->deadline,
							     .done = on_ordered,
							     .ctx = p});
	if (p->call != NULL)
		return;
	p->n_evicted--;
	timer_set(&p->agent->timers, &p->timer, clock_boot() + LOOK, count_again, p);
}

static const struct listed *oldest(
	const struct agent *a, const struct listed *entries, size_t n, const char *policy)
{
	const struct listed *found = NULL;
	size_t i;

	for (i = 0; i < n; i++)
		if (is_there(a, &entries[i]) && counts_under(&entries[i], policy) &&
			(found == NULL ||
				entries[i].kv->create_revision < found->kv->create_revision))
			found = &entries[i];
	return found;
}

static void wait_for(struct place *p, const struct listed *e, const char *policy)
{
	const char *parts[KEY_PARTS] = {e->host};
	struct key host;

	p->evicts = true;
	if (was_ordered(p, e->sid) || p->n_evicted == sizeof(p->evicted) / sizeof(p->evicted[0])) {
		timer_set(&p->agent->timers, &p->timer, clock_boot() + LOOK, count_again, p);
		return;
	}
	memcpy(p->evicted[p->n_evicted++], e->sid, sizeof(e->sid));
	memcpy(p->victims_host, e->host, sizeof(p->victims_host));
	snprintf(p->policy, sizeof(p->policy), "%s", policy);
	key_make(&host, KEY_HOST, parts, false);
	/* an order answers the challenge of the host that it is for */
	p->call = etcd_start(p->agent->etcd, &(struct etcd_request){.kind = ETCD_READ,
						     .path = ETCD_RANGE,
						     .body = query_range(&host, 0),
						     .deadline = p->deadline,
						     .done = on_challenge,
						     .ctx = p});
	if (p->call == NULL)
		nobody_knows(p);
}

/* --- The transaction --- */

static void on_put(void *ctx, const struct etcd_answer *got)
{
	struct place *p = ctx;
	struct reply_txn txn;
	struct member *m = member_find(p->agent, &p->sid);

	p->call = NULL;
	p->writing = false;
	if (got->outcome == ETCD_DONE && reply_txn(got->root, &txn) == 0) {
		p->agent->revision = txn.revision;
		reply_kvs_fini(&txn.got);
		if (txn.succeeded)
			grant(p);
		else
			count_again(p);
		return;
	}
	if (got->outcome == ETCD_REFUSED) {
		log_warning("no place in the fleet can be asked for: %s", got->words);
		if (strstr(got->words, "lease not found") != NULL)
			lease_forget(&p->agent->lease);
		nobody_knows(p);
		return;
	}
	/* read back what has become of it */
	if (got->outcome != ETCD_UNREACHABLE)
		member_doubt(p->agent, m);
	count_again(p);
}

static void put(struct place *p, const struct member *m, uint64_t revision)
{
	const char *parts[KEY_PARTS] = {m->user};
	struct key own, all;
	json_t *txn = query_txn();

	member_key(p->agent, m, &own);
	key_make(&all, KEY_SESSION, parts, true);
	query_txn_if_nothing_newer(txn, &all, revision);
	query_txn_put(txn, query_put(&own, m->value, p->agent->lease.id));
	p->lease = p->agent->lease.id;
	p->writing = true;
	p->call = etcd_start(p->agent->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
						     .path = ETCD_TXN,
						     .body = txn,
						     .deadline = p->deadline,
						     .done = on_put,
						     .ctx = p});
	if (p->call == NULL)
		nobody_knows(p);
}

/* It may have been put by a write that was not heard of. */
static bool is_put(const struct place *p, const struct listed *entries, size_t n)
{
	char sid[SID_HEX + 1];
	size_t i;

	sid_hex(&p->sid, sid);
	for (i = 0; i < n; i++)
		if (strcmp(entries[i].sid, sid) == 0 && p->lease != 0 &&
			entries[i].kv->lease == p->lease)
			return true;
	return false;
}

static void refuse(struct place *p, const struct cap *cap, const struct listed *entries, size_t n)
{
	struct wire_placed msg = {0};

	msg.count = count_under(p->agent, entries, n, cap->policy, msg.text, sizeof(msg.text)) +
		    members_unlisted(p->agent, member_find(p->agent, &p->sid)->user, cap->policy);
	memcpy(msg.policy, cap->policy, sizeof(msg.policy));
	answer(p, &msg);
}

static void judge(struct place *p, const struct listed *entries, size_t n, uint64_t revision)
{
	const struct member *m = member_find(p->agent, &p->sid);
	const struct listed *victim = NULL;
	const struct cap *cap = NULL;
	unsigned i;

	if (is_put(p, entries, n)) {
		grant(p);
		return;
	}
	for (i = 0; i < m->n_caps; i++) {
		if (count_under(p->agent, entries, n, m->caps[i].policy, NULL, 0) +
				members_unlisted(p->agent, m->user, m->caps[i].policy) <
			m->caps[i].max)
			continue;
		/* one that refuses is stricter than one that evicts */
		if (cap == NULL || cap->evict)
			cap = &m->caps[i];
	}
	if (cap != NULL && cap->evict)
		victim = oldest(p->agent, entries, n, cap->policy);
	if (cap == NULL)
		put(p, m, revision);
	else if (victim != NULL)
		wait_for(p, victim, cap->policy);
	else
		refuse(p, cap, entries, n);
}

static void on_counted(void *ctx, const struct etcd_answer *got)
{
	struct place *p = ctx;
	struct reply_kvs kvs = {0};
	struct listed *entries = NULL;
	uint64_t revision;
	size_t i, n = 0;

	p->call = NULL;
	if (got->outcome == ETCD_DONE && reply_range(got->root, &kvs) == 0)
		entries = calloc(kvs.n + 1, sizeof(*entries));
	if (entries == NULL) {
		reply_kvs_fini(&kvs);
		nobody_knows(p);
		return;
	}
	revision = p->agent->revision = kvs.revision;
	for (i = 0; i < kvs.n; i++)
		n += listed_of(&kvs.kv[i], &entries[n]);
	judge(p, entries, n, revision);
	for (i = 0; i < n; i++)
		json_decref(entries[i].value);
	free(entries);
	reply_kvs_fini(&kvs);
}

static void count_again(void *ctx)
{
	struct place *p = ctx;
	const struct member *m = member_find(p->agent, &p->sid);
	const char *parts[KEY_PARTS] = {m->user};
	struct wire_placed late = {.text = "a session elsewhere had to end first, and has not in "
					   "time"};
	struct key all;

	if (clock_boot() >= p->deadline && p->evicts) {
		answer(p, &late);
		return;
	}
	if (clock_boot() >= p->deadline || !agent_joined(p->agent) ||
		!key_make(&all, KEY_SESSION, parts, true)) {
		nobody_knows(p);
		return;
	}
	p->call = etcd_start(p->agent->etcd, &(struct etcd_request){.kind = ETCD_READ,
						     .path = ETCD_RANGE,
						     .body = query_range(&all, 0),
						     .deadline = p->deadline,
						     .done = on_counted,
						     .ctx = p});
	if (p->call == NULL)
		nobody_knows(p);
}

void place_seek(struct agent *a, struct member *m)
{
	struct wire_placed unreachable = {.sid = m->sid, .unreachable = true};
	struct place *p;

	place_forget(a, &m->sid);
	p = a->n_places < PLACES_MAX ? calloc(1, sizeof(*p)) : NULL;
	if (p == NULL) {
		agent_tell(a, WIRE_placed, &unreachable);
		return;
	}
	*p = (struct place){.agent = a, .sid = m->sid, .deadline = clock_boot() + WAIT};
	LIST_INSERT_HEAD(&a->places, p, link);
	a->n_places++;
	count_again(p);
}
