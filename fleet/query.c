#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/query.h"

static json_t *base64(const char *bytes, size_t len)
{
	size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(size);
	json_t *value;

	if (text == NULL)
		return NULL;
	sodium_bin2base64(
		text, size, (const unsigned char *)bytes, len, sodium_base64_VARIANT_ORIGINAL);
	value = json_string(text);
	free(text);
	return value;
}

static json_t *number(uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return json_string(text);
}

static json_t *of_key(const struct key *key)
{
	return base64(key->s, strlen(key->s));
}

static json_t *end_of(const struct key *key)
{
	struct key end;

	key_range_end(key, &end);
	return of_key(&end);
}

static bool is_below(const struct key *key)
{
	return key->s[strlen(key->s) - 1] == '/';
}

/* Frees an object into which something did not go. */
static json_t *whole(json_t *object, int failed)
{
	if (failed == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *query_range(const struct key *key, int limit)
{
	json_t *q = json_object();
	int r = json_object_set_new(q, "key", of_key(key));

	if (is_below(key))
		r |= json_object_set_new(q, "range_end", end_of(key));
	if (limit > 0)
		r |= json_object_set_new(q, "limit", json_integer(limit));
	return whole(q, r);
}

json_t *query_range_after(
	const struct key *key, const char *after, size_t len, uint64_t revision, int limit)
{
	json_t *q = json_object();
	int r;

	/* the first key behind one is the same with a NUL, which every decoded key has */
	r = json_object_set_new(q, "key", base64(after, len + 1));
	r |= json_object_set_new(q, "range_end", end_of(key));
	r |= json_object_set_new(q, "revision", number(revision));
	r |= json_object_set_new(q, "limit", json_integer(limit));
	return whole(q, r);
}

json_t *query_only_keys(json_t *range)
{
	return whole(range, json_object_set_new(range, "keys_only", json_true()));
}

json_t *query_since(json_t *range, uint64_t revision)
{
	return whole(range, json_object_set_new(range, "min_mod_revision", number(revision)));
}

json_t *query_put(const struct key *key, const char *value, uint64_t lease)
{
	json_t *q = json_object();
	int r = json_object_set_new(q, "key", of_key(key));

	r |= json_object_set_new(q, "value", base64(value, strlen(value)));
	if (lease != 0)
		r |= json_object_set_new(q, "lease", number(lease));
	return whole(q, r);
}

json_t *query_delete(const struct key *key)
{
	json_t *q = json_object();
	int r = json_object_set_new(q, "key", of_key(key));

	if (is_below(key))
		r |= json_object_set_new(q, "range_end", end_of(key));
	return whole(q, r);
}

json_t *query_txn(void)
{
	return json_pack("{s:[],s:[],s:[]}", "compare", "success", "failure");
}

/* What cannot be added makes the transaction one that etcd refuses: never one that does less. */
static void add(json_t *txn, const char *list, json_t *item)
{
	if (json_array_append_new(json_object_get(txn, list), item) < 0)
		json_object_set_new(txn, "compare", json_false());
}

static json_t *wrapped(const char *name, json_t *value)
{
	json_t *object = json_object();

	return whole(object, json_object_set_new(object, name, value));
}

void query_txn_put(json_t *txn, json_t *put)
{
	add(txn, "success", wrapped("request_put", put));
}

void query_txn_delete(json_t *txn, json_t *deletion)
{
	add(txn, "success", wrapped("request_delete_range", deletion));
}

void query_txn_range(json_t *txn, json_t *range)
{
	add(txn, "success", wrapped("request_range", range));
}

void query_txn_else_range(json_t *txn, json_t *range)
{
	add(txn, "failure", wrapped("request_range", range));
}

static void compare(json_t *txn, const struct key *key, const char *target, const char *result,
	const char *member, uint64_t revision)
{
	json_t *c = json_object();
	int r = json_object_set_new(c, "key", of_key(key));

	if (is_below(key))
		r |= json_object_set_new(c, "range_end", end_of(key));
	r |= json_object_set_new(c, "target", json_string(target));
	r |= json_object_set_new(c, "result", json_string(result));
	r |= json_object_set_new(c, member, number(revision));
	add(txn, "compare", whole(c, r));
}

void query_txn_if_absent(json_t *txn, const struct key *key)
{
	compare(txn, key, "CREATE", "EQUAL", "create_revision", 0);
}

void query_txn_if_unchanged(json_t *txn, const struct key *key, uint64_t mod_revision)
{
	compare(txn, key, "MOD", "EQUAL", "mod_revision", mod_revision);
}

void query_txn_if_nothing_newer(json_t *txn, const struct key *key, uint64_t revision)
{
	compare(txn, key, "CREATE", "LESS", "create_revision", revision + 1);
}

json_t *query_lease(uint64_t id, uint64_t ttl_seconds)
{
	json_t *q = json_object();
	int r = json_object_set_new(q, "TTL", number(ttl_seconds));

	if (id != 0)
		r |= json_object_set_new(q, "ID", number(id));
	return whole(q, r);
}

json_t *query_keepalive(uint64_t lease)
{
	return wrapped("ID", number(lease));
}

json_t *query_watch(const struct key *under, uint64_t revision)
{
	json_t *q = json_object();
	int r = json_object_set_new(q, "key", of_key(under));

	if (is_below(under))
		r |= json_object_set_new(q, "range_end", end_of(under));
	r |= json_object_set_new(q, "start_revision", number(revision));
	/* what is large comes in several lines */
	r |= json_object_set_new(q, "fragment", json_true());
	return wrapped("create_request", whole(q, r));
}

json_t *query_login(const char *user, const char *password)
{
	return json_pack("{s:s,s:s}", "name", user, "password", password);
}

void query_add_number(json_t *value, const char *name, uint64_t n)
{
	if (n != 0)
		json_object_set_new(value, name, json_integer((json_int_t)n));
}

void query_add_text(json_t *value, const char *name, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new(value, name, json_string(text));
}
