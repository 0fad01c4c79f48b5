#include "tests/unit/seeded.h"

#include "sessd/hash.h"

#define ITEMS 600
#define STEPS 20000

struct item {
	int pad; /* so that the link is not the item's first member */
	struct hash_link link;
	uint64_t key;
	bool in;
	uint32_t seen;
};

static struct item items[ITEMS];

static void put(struct hash *hash, struct item *item, uint64_t key)
{
	assert_int_equal(hash_reserve(hash), 0);
	item->key = key;
	item->in = true;
	hash_put(hash, &item->link, key);
}

static void take(struct hash *hash, struct item *item)
{
	hash_remove(hash, &item->link);
	item->in = false;
}

static void clear(struct hash *hash)
{
	uint32_t i;

	for (i = 0; i < ITEMS; i++)
		if (items[i].in)
			take(hash, &items[i]);
	hash_fini(hash);
}

/* The links of the key are exactly the items that have it, each once. */
static void assert_key(const struct hash *hash, uint64_t key)
{
	struct hash_link *l;
	uint32_t i;

	for (i = 0; i < ITEMS; i++)
		items[i].seen = 0;
	for (l = hash_first(hash, key); l != NULL; l = hash_next(l))
		container_of(l, struct item, link)->seen++;
	for (i = 0; i < ITEMS; i++)
		assert_int_equal(items[i].seen, items[i].in && items[i].key == key);
}

/* Keys that often share a bucket, because they differ only above what the table looks at. */
static uint64_t some_key(void)
{
	return any(30) << 40 | any(5);
}

static void empty(void **state)
{
	struct hash hash = {0};

	(void)state;
	assert_null(hash_first(&hash, 0));
	assert_null(hash_first(&hash, UINT64_MAX));
	hash_fini(&hash);
	assert_int_equal(hash_reserve(&hash), 0);
	assert_null(hash_first(&hash, 0));
	hash_fini(&hash);
	hash_fini(&hash);
}

static void one_key(void **state)
{
	struct hash hash = {0};
	uint32_t i;

	(void)state;
	for (i = 0; i < ITEMS; i++)
		put(&hash, &items[i], 5);
	assert_key(&hash, 5);
	assert_null(hash_first(&hash, 6));
	/* from the middle, the front and the end of the chain */
	for (i = ITEMS / 2; i < ITEMS; i += 7)
		take(&hash, &items[i]);
	take(&hash, container_of(hash_first(&hash, 5), struct item, link));
	take(&hash, &items[0]);
	assert_key(&hash, 5);
	clear(&hash);
}

/* It never holds more links than buckets, and after each growth everything is found. */
static void growth(void **state)
{
	struct hash hash = {0};
	size_t size = 0, grown = 0;
	uint32_t i, j;

	(void)state;
	for (i = 0; i < ITEMS; i++) {
		put(&hash, &items[i], hash_mix(i));
		assert_int_equal(hash.n, i + 1);
		assert_true(hash.n <= hash.size);
		assert_int_equal(hash.size & (hash.size - 1), 0);
		if (hash.size == size)
			continue;
		size = hash.size;
		grown++;
		for (j = 0; j <= i; j++)
			assert_ptr_equal(hash_first(&hash, hash_mix(j)), &items[j].link);
	}
	assert_true(grown >= 3);
	clear(&hash);
}

/* The room that was made is still there after a removal in between. */
static void reserve_holds(void **state)
{
	struct hash hash = {0};
	uint32_t i;
	size_t size;

	(void)state;
	for (i = 0; i < 64; i++)
		put(&hash, &items[i], i);
	size = hash.size;
	assert_int_equal(hash_reserve(&hash), 0);
	assert_true(hash.size > size);
	size = hash.size;
	assert_int_equal(hash_reserve(&hash), 0);
	assert_int_equal(hash.size, size);
	clear(&hash);
}

static void against_a_model(void **state)
{
	struct hash hash = {0};
	uint32_t step, i;
	uint64_t key;
	size_t n = 0;

	(void)state;
	seed();
	for (step = 0; step < STEPS; step++) {
		i = (uint32_t)any(ITEMS);
		key = some_key();
		if (items[i].in) {
			key = items[i].key;
			take(&hash, &items[i]);
			n--;
		} else {
			put(&hash, &items[i], key);
			n++;
		}
		assert_int_equal(hash.n, n);
		assert_key(&hash, key);
		if (step % 100 == 0)
			assert_key(&hash, some_key());
	}
	clear(&hash);
}

static void finish(void *ctx)
{
	hash_fini(ctx);
}

/* Who forgets a link has a bug. */
static void not_empty(void **state)
{
	struct hash hash = {0};

	(void)state;
	put(&hash, &items[0], 1);
	assert_true(aborts(finish, &hash));
	take(&hash, &items[0]);
	assert_false(aborts(finish, &hash));
	clear(&hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(one_key),
		cmocka_unit_test(growth),
		cmocka_unit_test(reserve_holds),
		cmocka_unit_test(against_a_model),
		cmocka_unit_test(not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
