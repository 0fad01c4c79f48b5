/*
 * What etcd's JSON gateway answers, checked and as structs. It is believed for what it says, never
 * for its form: whatever comes, the outcome is a value or -EPROTO. Numbers of 64 bits come as
 * strings; what is zero, false or empty is left out by the server.
 */
#ifndef FLEET_REPLY_H
#define FLEET_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One key and its value, both decoded; neither NUL-terminated in meaning, both in fact. */
struct reply_kv {
	char *key, *value;
	size_t key_len, value_len;
	uint64_t create_revision, mod_revision, lease;
};

struct reply_kvs {
	struct reply_kv *kv;
	size_t n;
	uint64_t revision; /* of the store, when it was asked */
	uint64_t count;	   /* of the whole range */
	bool more;
};

struct reply_txn {
	bool succeeded;
	uint64_t revision;
	struct reply_kvs got; /* of the first range among its operations */
};

struct reply_lease {
	uint64_t id;
	uint64_t ttl; /* seconds; 0: it is over */
};

struct reply_event {
	bool deleted;
	struct reply_kv kv;
};

/* A line of a watch. */
struct reply_watch {
	bool created, canceled;
	bool fragment;		   /* what belongs to it follows */
	uint64_t compact_revision; /* canceled: what was asked for is not there any more */
	struct reply_event *event;
	size_t n;
};

/* Which store answers, and how far that has come: of the header that all answers have. */
struct reply_store {
	char cluster[24]; /* its id */
	uint64_t term, revision;
};

/* -EPROTO or -ENOMEM; ret is to be freed in no such case. */
int reply_range(const json_t *root, struct reply_kvs *ret);
int reply_txn(const json_t *root, struct reply_txn *ret);
/* What its operations have read, if they are n ranges; each to be freed. */
int reply_ranges(const json_t *root, struct reply_kvs *ret, size_t n);
int reply_lease(const json_t *root, struct reply_lease *ret);
int reply_watch(const json_t *root, struct reply_watch *ret);
void reply_kvs_fini(struct reply_kvs *kvs);
void reply_watch_fini(struct reply_watch *w);

/* Of a stream's lines as well. -EPROTO. */
int reply_store(const json_t *root, struct reply_store *ret);

/* The words of an error; a constant where it has none. */
const char *reply_error(const json_t *root);
/* What authentication gave, or NULL. */
const char *reply_token(const json_t *root);

/* Text of a value that is itself JSON: NULL where it is none. */
json_t *reply_json(const char *text, size_t len);

/* A member as a number, text or truth; what is not there or of another kind is zero, "" or false. A
 * text that the wire would refuse, or of more than size - 1 bytes, is "" as well. */
uint64_t reply_number(const json_t *object, const char *name);
void reply_text(const json_t *object, const char *name, char *out, size_t size);
bool reply_bool(const json_t *object, const char *name);

#endif
