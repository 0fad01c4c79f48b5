/* What etcd is asked, as the JSON of its gateway. All return a new reference, or NULL: no memory.
 */
#ifndef FLEET_QUERY_H
#define FLEET_QUERY_H

#include <jansson.h>
#include <stdint.h>

#include "fleet/key.h"

/* Everything below a key that ends in a slash, or the one key. limit 0: all. */
json_t *query_range(const struct key *key, int limit);
/* The page behind `after` of the same range, as it was at that revision. */
json_t *query_range_after(
	const struct key *key, const char *after, size_t len, uint64_t revision, int limit);
/* Of a range, which is given back: without the values; or only what was written since. */
json_t *query_only_keys(json_t *range);
json_t *query_since(json_t *range, uint64_t revision);
json_t *query_put(const struct key *key, const char *value, uint64_t lease);
json_t *query_delete(const struct key *key);

/* A transaction: comparisons, and operations that are carried out if all hold. */
json_t *query_txn(void);
/* Takes the reference of the operation over; NULL makes the whole NULL in query_txn_end(). */
void query_txn_put(json_t *txn, json_t *put);
void query_txn_delete(json_t *txn, json_t *deletion);
/* Is read as it is behind all of them before. */
void query_txn_range(json_t *txn, json_t *range);
/* To be carried out where a comparison does not hold. */
void query_txn_else_range(json_t *txn, json_t *range);
/* The key is not there. */
void query_txn_if_absent(json_t *txn, const struct key *key);
/* Nobody has written the key since. */
void query_txn_if_unchanged(json_t *txn, const struct key *key, uint64_t mod_revision);
/* Nothing below the key (which ends in a slash) was created after that revision. */
void query_txn_if_nothing_newer(json_t *txn, const struct key *key, uint64_t revision);

/* Members of a value; what is zero or empty is left out. */
void query_add_number(json_t *value, const char *name, uint64_t n);
void query_add_text(json_t *value, const char *name, const char *text);

/* id 0: etcd chooses one. */
json_t *query_lease(uint64_t id, uint64_t ttl_seconds);
json_t *query_keepalive(uint64_t lease);
/* The same keys as query_range(). */
json_t *query_watch(const struct key *under, uint64_t revision);
json_t *query_login(const char *user, const char *password);

#endif
