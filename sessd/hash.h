/*
 * A chained hash table of links that are embedded in what they stand for. Several links may have
 * the same key. The caller's key must be spread already (random ids) or is spread here by
 * hash_mix().
 */
#ifndef SESSD_HASH_H
#define SESSD_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hash_link {
	struct hash_link *next;
	uint64_t key;
};

struct hash {
	struct hash_link **buckets;
	size_t size; /* a power of two, or 0 */
	size_t n;
};

/* What `link`, the member `member` of struct `type`, is embedded in. */
#define container_of(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

void hash_fini(struct hash *hash);

/* Room for one more. -ENOMEM. After it, hash_put() of one link cannot fail. */
int hash_reserve(struct hash *hash);
void hash_put(struct hash *hash, struct hash_link *link, uint64_t key);
/* The link must be in. */
void hash_remove(struct hash *hash, struct hash_link *link);

/* The first link of that key, then each further one; NULL at the end. */
struct hash_link *hash_first(const struct hash *hash, uint64_t key);
struct hash_link *hash_next(const struct hash_link *link);

/* The key of a random id. */
static inline uint64_t hash_bytes(const uint8_t *bytes)
{
	uint64_t key;

	memcpy(&key, bytes, sizeof(key));
	return key;
}

static inline uint64_t hash_mix(uint64_t x)
{
	/* the finalizer of splitmix64 (Steele, Lea, Flood 2014) */
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

#endif
