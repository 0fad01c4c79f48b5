/*
 * `sessctl lock --fleet` and `unlock --fleet`: a signed statement about the lock, which replaces
 * the one before. Its version is above all that are known: the store's, and what this host has
 * seen.
 */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"
#include "fleet/statement.h"

/* So long a host may be away and still learn that a lock was lifted. */
#define LIFTED_STAYS (30 * 24 * 3600 * NS_PER_SEC)
/* A write that is not heard of is read back, so often in all. */
#define TRIES 5
#define REST  (100 * NS_PER_MS)

static bool is_lock(const struct errand *e)
{
	return e->ask->type == WIRE_lock;
}

static void read_stored(struct errand *e);

/* False: it is no name of a lock. */
static bool lock_key(const struct errand *e, struct key *ret)
{
	const char *lock[KEY_PARTS] = {e->ask->u.lock.kind, e->ask->u.lock.name},
		   *unlock[KEY_PARTS] = {e->ask->u.unlock.kind, e->ask->u.unlock.name};

	return key_make(ret, KEY_LOCK, is_lock(e) ? lock : unlock, false);
}

static void read_again(void *ctx)
{
	read_stored(ctx);
}

static void written(struct errand *e)
{
	if (is_lock(e))
		tally_begin(e);
	else
		errand_done(e);
}

static void on_put(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_txn txn;

	if (answer->outcome == ETCD_UNKNOWN && ++e->tries < TRIES) {
		/* read back what has become of it */
		e->call = NULL;
		timer_set(&e->agent->timers, &e->timer,
			clock_boot() + timer_jitter(REST << e->tries), read_again, e);
		return;
	}
	if (!errand_answered(e, answer))
		return;
	if (reply_txn(answer->root, &txn) < 0) {
		errand_fail(e, WIRE_E_UNAVAILABLE, "what answers is not etcd");
		return;
	}
	reply_kvs_fini(&txn.got);
	if (!txn.succeeded)
		/* another statement was written meanwhile: this one must be newer */
		read_stored(e);
	else
		written(e);
}

static void add_terms(json_t *text, const struct errand *e)
{
	const struct wire_lock *ask = &e->ask->u.lock;

	query_add_text(text, "message", ask->message);
	query_add_text(text, "text", ask->text);
	query_add_text(text, "order", e->order);
	query_add_number(text, "lasts", ask->lasts);
	if (ask->id.set)
		json_object_set_new(text, "uid", json_integer(ask->id.uid));
	if (ask->even_breakglass)
		json_object_set_new(text, "even_breakglass", json_true());
}

static void put_statement(struct errand *e)
{
	const struct authority *own = e->agent->o.authority;
	json_t *text = json_object(), *txn = query_txn();
	struct key key;
	char *value;

	query_add_number(text, "version", e->version);
	query_add_text(text, "by", e->by);
	if (is_lock(e))
		add_terms(text, e);
	else
		json_object_set_new(text, "lifted", json_true());
	lock_key(e, &key);
	value = statement_seal(text, key.s, own->name, &own->secret);
	if (e->revision != 0)
		query_txn_if_unchanged(txn, &key, e->revision);
	else
		query_txn_if_absent(txn, &key);
	query_txn_put(txn, value != NULL ? query_put(&key, value, e->lease) : NULL);
	free(value);
	json_decref(text);
	errand_ask(e, ETCD_WRITE, ETCD_TXN, txn, on_put);
}

/* What runs out is not kept in the store for ever. */
static void put_for(struct errand *e, uint64_t lasts)
{
	if (lasts == 0)
		put_statement(e);
	else
		errand_lease(e, lasts, put_statement);
}

static void hosts_known(struct errand *e)
{
	e->all_hosts = true;
	put_for(e, e->ask->u.lock.lasts);
}

/* By the store's word, where that is signed, or by what this host has seen. */
static bool stands(const struct errand *e, const struct statement *stored)
{
	const struct editions *editions = &e->agent->editions;
	const struct wire_unlock *ask = &e->ask->u.unlock;
	uint64_t wall = clock_wall(), version = reply_number(stored->text, "version");
	const struct edition *newest = editions_newest(editions, ask->kind, ask->name, wall),
			     *known = editions_find(editions, ask->kind, ask->name);

	if (stored->text != NULL && edition_plausible(version, wall) &&
		(newest == NULL || version > newest->version))
		return !reply_bool(stored->text, "lifted");
	return known != NULL && edition_stands(known, wall);
}

/* Has a write that was not heard of been carried out? */
static bool is_own(const struct errand *e, const struct statement *stored)
{
	char order[SID_HEX + 1];

	if (e->tries == 0 || stored->text == NULL ||
		reply_number(stored->text, "version") != e->version ||
		strcmp(stored->by->name, e->agent->o.authority->name) != 0)
		return false;
	reply_text(stored->text, "order", order, sizeof(order));
	return !is_lock(e) || strcmp(order, e->order) == 0;
}

static void on_stored(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	const struct wire_unlock *what = &e->ask->u.unlock;
	struct statement stored = {.text = NULL};
	struct reply_kvs kvs = {0};
	bool own, there;

	if (!errand_range(e, answer, &kvs))
		return;
	if (kvs.n > 0 && (statement_open(kvs.kv[0].value, kvs.kv[0].value_len, kvs.kv[0].key,
				  &e->agent->o.authority->signers, &stored) != STATEMENT_GENUINE ||
				 !(stored.by->may & RIGHT_LOCK)))
		statement_fini(&stored);
	own = is_own(e, &stored);
	e->revision = kvs.n > 0 ? kvs.kv[0].mod_revision : 0;
	if (!own)
		e->version = editions_next(&e->agent->editions,
			is_lock(e) ? e->ask->u.lock.kind : what->kind,
			is_lock(e) ? e->ask->u.lock.name : what->name,
			reply_number(stored.text, "version"), clock_wall());
	there = is_lock(e) || stands(e, &stored);
	statement_fini(&stored);
	reply_kvs_fini(&kvs);
	if (own)
		written(e);
	else if (is_lock(e) && !e->all_hosts)
		errand_hosts(e, hosts_known);
	else if (is_lock(e))
		hosts_known(e);
	else if (there)
		put_for(e, LIFTED_STAYS);
	else
		errand_fail(e, WIRE_E_NO_SESSION, "there is no such lock in the fleet");
}

static void read_stored(struct errand *e)
{
	struct key key;

	lock_key(e, &key);
	errand_ask(e, ETCD_READ, ETCD_RANGE, query_range(&key, 0), on_stored);
}

void denial_begin(struct errand *e)
{
	struct key key;

	if (!lock_key(e, &key))
		errand_fail(e, WIRE_E_INVALID, "a lock has a kind and a name");
	else if (errand_may(e, RIGHT_LOCK))
		read_stored(e);
}
