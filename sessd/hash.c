#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "sessd/hash.h"

void hash_fini(struct hash *hash)
{
	assert(hash->n == 0);
	free(hash->buckets);
	*hash = (struct hash){0};
}

static struct hash_link **bucket(const struct hash *hash, uint64_t key)
{
	return &hash->buckets[key & (hash->size - 1)];
}

int hash_reserve(struct hash *hash)
{
	struct hash bigger = {.size = hash->size ? 2 * hash->size : 64};
	struct hash_link *link, *next;
	size_t i;

	if (hash->n < hash->size)
		return 0;
	bigger.buckets = calloc(bigger.size, sizeof(struct hash_link *));
	if (bigger.buckets == NULL)
		return -ENOMEM;
	for (i = 0; i < hash->size; i++) {
		for (link = hash->buckets[i]; link != NULL; link = next) {
			next = link->next;
			hash_put(&bigger, link, link->key);
		}
	}
	free(hash->buckets);
	*hash = bigger;
	return 0;
}

void hash_put(struct hash *hash, struct hash_link *link, uint64_t key)
{
	struct hash_link **b = bucket(hash, key);

	link->key = key;
	link->next = *b;
	*b = link;
	hash->n++;
}

void hash_remove(struct hash *hash, struct hash_link *link)
{
	struct hash_link **p = bucket(hash, link->key);

	while (*p != link)
		p = &(*p)->next;
	*p = link->next;
	link->next = NULL;
	hash->n--;
}

static struct hash_link *same_key(struct hash_link *link, uint64_t key)
{
	while (link != NULL && link->key != key)
		link = link->next;
	return link;
}

struct hash_link *hash_first(const struct hash *hash, uint64_t key)
{
	return hash->size ? same_key(*bucket(hash, key), key) : NULL;
}

struct hash_link *hash_next(const struct hash_link *link)
{
	return same_key(link->next, link->key);
}
