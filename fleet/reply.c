#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "fleet/reply.h"

/* Of one answer: a range is asked for in pages, and a watch is broken into pieces by the server. */
#define ITEMS_MAX 100000

/* Of a text of 8 MiB: each is some 300 bytes when it is read. */
#define OBJECTS_MAX (2 * ITEMS_MAX)

json_t *reply_json(const char *text, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		n += text[i] == '{' || text[i] == '[';
	if (n > OBJECTS_MAX)
		return NULL;
	return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
}

/* A number as the gateway writes it: a string of digits, or a number where it is small. One more
 * than it must be a number, too: what follows a revision or a version is asked for by that. */
#define NUMBER_MAX (INT64_MAX - 1)

static int get_number(const json_t *value, uint64_t *ret)
{
	const char *s;
	uint64_t n = 0;

	if (value == NULL) {
		*ret = 0;
		return 0;
	}
	if (json_is_integer(value)) {
		if (json_integer_value(value) < 0 || json_integer_value(value) > NUMBER_MAX)
			return -EPROTO;
		*ret = (uint64_t)json_integer_value(value);
		return 0;
	}
	s = json_string_value(value);
	if (s == NULL || *s == '\0' || strlen(s) > 19)
		return -EPROTO;
	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	if (*s != '\0' || n > NUMBER_MAX)
		return -EPROTO;
	*ret = n;
	return 0;
}

uint64_t reply_number(const json_t *object, const char *name)
{
	uint64_t n;

	return get_number(json_object_get(object, name), &n) == 0 ? n : 0;
}

void reply_text(const json_t *object, const char *name, char *out, size_t size)
{
	const json_t *value = json_object_get(object, name);
	size_t len = json_string_length(value);

	out[0] = '\0';
	if (!json_is_string(value) || len >= size || !text_valid(json_string_value(value), len))
		return;
	memcpy(out, json_string_value(value), len);
	out[len] = '\0';
}

bool reply_bool(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

/* What stands there must be a truth, if anything does. */
static int get_bool(const json_t *object, const char *name, bool *ret)
{
	const json_t *value = json_object_get(object, name);

	if (value != NULL && !json_is_boolean(value))
		return -EPROTO;
	*ret = json_is_true(value);
	return 0;
}

/* The bytes behind base64, with a NUL; what is not there is empty. */
static int get_bytes(const json_t *value, char **ret, size_t *ret_len)
{
	const char *s = value != NULL ? json_string_value(value) : "";
	size_t len = value != NULL ? json_string_length(value) : 0, n = 0;
	unsigned char *bytes;

	if (s == NULL)
		return -EPROTO;
	bytes = malloc(len / 4 * 3 + 4);
	if (bytes == NULL)
		return -ENOMEM;
	if (sodium_base642bin(bytes, len / 4 * 3 + 3, s, len, NULL, &n, NULL,
		    sodium_base64_VARIANT_ORIGINAL) != 0) {
		free(bytes);
		return -EPROTO;
	}
	bytes[n] = '\0';
	*ret = (char *)bytes;
	*ret_len = n;
	return 0;
}

static void kv_fini(struct reply_kv *kv)
{
	free(kv->key);
	free(kv->value);
	*kv = (struct reply_kv){0};
}

/* On failure there is nothing to free. */
static int get_kv(const json_t *object, struct reply_kv *ret)
{
	struct reply_kv kv = {0};
	int r;

	if (!json_is_object(object))
		return -EPROTO;
	r = get_bytes(json_object_get(object, "key"), &kv.key, &kv.key_len);
	if (r == 0)
		r = get_bytes(json_object_get(object, "value"), &kv.value, &kv.value_len);
	if (r == 0)
		r = get_number(json_object_get(object, "create_revision"), &kv.create_revision);
	if (r == 0)
		r = get_number(json_object_get(object, "mod_revision"), &kv.mod_revision);
	if (r == 0)
		r = get_number(json_object_get(object, "lease"), &kv.lease);
	if (r == 0 && kv.key_len == 0)
		r = -EPROTO;
	if (r < 0) {
		kv_fini(&kv);
		return r;
	}
	*ret = kv;
	return 0;
}

/* Every answer names the revision of the store; one that does not is none of etcd's. */
static int get_revision(const json_t *root, uint64_t *ret)
{
	const json_t *header = json_object_get(root, "header");
	int r = get_number(json_object_get(header, "revision"), ret);

	return r == 0 && *ret == 0 ? -EPROTO : r;
}

int reply_store(const json_t *root, struct reply_store *ret)
{
	const json_t *result = json_object_get(root, "result");
	const json_t *header = json_object_get(result != NULL ? result : root, "header");
	struct reply_store store;
	int r = get_revision(result != NULL ? result : root, &store.revision);

	if (r < 0)
		return r;
	/* 64 bits without a sign: more than a number is here */
	reply_text(header, "cluster_id", store.cluster, sizeof(store.cluster));
	store.term = reply_number(header, "raft_term");
	*ret = store;
	return 0;
}

/* An array, or nothing. */
static int get_array(const json_t *value, size_t *ret_n)
{
	if (value != NULL && !json_is_array(value))
		return -EPROTO;
	*ret_n = json_array_size(value);
	return *ret_n > ITEMS_MAX ? -EPROTO : 0;
}

void reply_kvs_fini(struct reply_kvs *kvs)
{
	while (kvs->n > 0)
		kv_fini(&kvs->kv[--kvs->n]);
	free(kvs->kv);
	kvs->kv = NULL;
}

static int get_kvs(const json_t *range, struct reply_kvs *ret)
{
	const json_t *array = json_object_get(range, "kvs");
	size_t n;
	int r = get_array(array, &n);

	if (r == 0)
		r = get_number(json_object_get(range, "count"), &ret->count);
	if (r == 0)
		r = get_bool(range, "more", &ret->more);
	if (r < 0 || n == 0)
		return r;
	ret->kv = calloc(n, sizeof(*ret->kv));
	if (ret->kv == NULL)
		return -ENOMEM;
	while (ret->n < n && r == 0) {
		r = get_kv(json_array_get(array, ret->n), &ret->kv[ret->n]);
		if (r == 0)
			ret->n++;
	}
	if (r < 0)
		reply_kvs_fini(ret);
	return r;
}

int reply_range(const json_t *root, struct reply_kvs *ret)
{
	struct reply_kvs kvs = {0};
	int r = get_revision(root, &kvs.revision);

	if (r == 0)
		r = get_kvs(root, &kvs);
	if (r == 0)
		*ret = kvs;
	return r;
}

int reply_txn(const json_t *root, struct reply_txn *ret)
{
	const json_t *responses = json_object_get(root, "responses"), *range = NULL;
	struct reply_txn txn = {0};
	size_t n, i;
	int r = get_revision(root, &txn.revision);

	if (r == 0)
		r = get_bool(root, "succeeded", &txn.succeeded);
	if (r == 0)
		r = get_array(responses, &n);
	for (i = 0; r == 0 && i < n && range == NULL; i++)
		range = json_object_get(json_array_get(responses, i), "response_range");
	txn.got.revision = txn.revision;
	if (r == 0 && range != NULL)
		r = get_kvs(range, &txn.got);
	if (r == 0)
		*ret = txn;
	return r;
}

int reply_ranges(const json_t *root, struct reply_kvs *ret, size_t n)
{
	const json_t *responses = json_object_get(root, "responses"), *range;
	size_t i, found;
	uint64_t revision;
	int r = get_revision(root, &revision);

	if (r == 0)
		r = get_array(responses, &found);
	if (r == 0 && found != n)
		r = -EPROTO;
	memset(ret, 0, n * sizeof(*ret));
	for (i = 0; r == 0 && i < n; i++) {
		range = json_object_get(json_array_get(responses, i), "response_range");
		ret[i].revision = revision;
		r = json_is_object(range) ? get_kvs(range, &ret[i]) : -EPROTO;
	}
	for (i = 0; r < 0 && i < n; i++)
		reply_kvs_fini(&ret[i]);
	return r;
}

int reply_lease(const json_t *root, struct reply_lease *ret)
{
	/* a keepalive's answer is that of a stream */
	const json_t *result = json_object_get(root, "result");
	struct reply_lease lease = {0};
	int r;

	if (result == NULL)
		result = root;
	if (!json_is_object(result))
		return -EPROTO;
	r = get_number(json_object_get(result, "ID"), &lease.id);
	if (r == 0)
		r = get_number(json_object_get(result, "TTL"), &lease.ttl);
	if (r == 0 && lease.id == 0)
		r = -EPROTO;
	if (r == 0)
		*ret = lease;
	return r;
}

void reply_watch_fini(struct reply_watch *w)
{
	while (w->n > 0)
		kv_fini(&w->event[--w->n].kv);
	free(w->event);
	w->event = NULL;
}

static int get_event(const json_t *object, struct reply_event *ret)
{
	const json_t *type = json_object_get(object, "type");
	const char *name = type != NULL ? json_string_value(type) : "PUT";

	if (name == NULL || (strcmp(name, "PUT") != 0 && strcmp(name, "DELETE") != 0))
		return -EPROTO;
	ret->deleted = name[0] == 'D';
	return get_kv(json_object_get(object, "kv"), &ret->kv);
}

int reply_watch(const json_t *root, struct reply_watch *ret)
{
	const json_t *result = json_object_get(root, "result");
	const json_t *events = json_object_get(result, "events");
	struct reply_watch w = {0};
	size_t n = 0;
	int r = json_is_object(result) ? get_bool(result, "created", &w.created) : -EPROTO;

	if (r == 0)
		r = get_bool(result, "canceled", &w.canceled);
	if (r == 0)
		r = get_bool(result, "fragment", &w.fragment);
	if (r == 0)
		r = get_number(json_object_get(result, "compact_revision"), &w.compact_revision);
	if (r == 0)
		r = get_array(events, &n);
	if (r == 0 && n > 0) {
		w.event = calloc(n, sizeof(*w.event));
		r = w.event != NULL ? 0 : -ENOMEM;
	}
	while (r == 0 && w.n < n) {
		r = get_event(json_array_get(events, w.n), &w.event[w.n]);
		if (r == 0)
			w.n++;
	}
	if (r < 0)
		reply_watch_fini(&w);
	else
		*ret = w;
	return r;
}

const char *reply_error(const json_t *root)
{
	const json_t *error = json_object_get(root, "error");
	const char *words;

	/* that of a stream stands deeper */
	if (json_is_object(error))
		error = json_object_get(error, "message");
	words = json_string_value(error);
	return words != NULL ? words : "an error without words";
}

const char *reply_token(const json_t *root)
{
	const char *token = json_string_value(json_object_get(root, "token"));

	/* it becomes a header: no line may end in it */
	if (token == NULL || strlen(token) > 4096 || !text_valid(token, strlen(token)))
		return NULL;
	return token;
}
