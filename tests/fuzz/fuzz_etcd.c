/*
 * What etcd answers, as the agent reads it: no input crashes it, and what is taken can be told to
 * sessd (keys read back as they were, texts are valid).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/key.h"
#include "fleet/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_kv(const struct reply_kv *kv)
{
	char parts[KEY_PARTS][TEXT_STR_MAX + 1], text[TEXT_STR_MAX + 1];
	const char *all[KEY_PARTS] = {parts[0], parts[1], parts[2]};
	struct key key;
	json_t *value;

	if (strlen(kv->key) > kv->key_len || strlen(kv->value) > kv->value_len)
		abort();
	if (key_parse(kv->key, kv->key_len, KEY_SESSION, 3, parts)) {
		if (!key_make(&key, KEY_SESSION, all, false) ||
			!text_valid(parts[0], strlen(parts[0])))
			abort();
	}
	value = reply_json(kv->value, kv->value_len);
	reply_text(value, "service", text, sizeof(text));
	if (!text_valid(text, strlen(text)))
		abort();
	(void)reply_number(value, "opened_at");
	(void)reply_bool(value, "all");
	json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *root = reply_json((const char *)data, size);
	struct reply_kvs kvs = {0};
	struct reply_txn txn;
	struct reply_lease lease;
	struct reply_watch watch;
	const char *token;
	size_t i;

	if (root == NULL)
		return 0;
	if (reply_range(root, &kvs) == 0) {
		for (i = 0; i < kvs.n; i++)
			check_kv(&kvs.kv[i]);
		reply_kvs_fini(&kvs);
	}
	if (reply_txn(root, &txn) == 0)
		reply_kvs_fini(&txn.got);
	if (reply_lease(root, &lease) == 0 && lease.id == 0)
		abort();
	if (reply_watch(root, &watch) == 0) {
		for (i = 0; i < watch.n; i++)
			check_kv(&watch.event[i].kv);
		reply_watch_fini(&watch);
	}
	token = reply_token(root);
	if (token != NULL && strpbrk(token, "\r\n") != NULL)
		abort();
	(void)reply_error(root);
	json_decref(root);
	return 0;
}
