#include "tests/unit/seeded.h"

#include "sessd/heap.h"

#define NODES 300
#define STEPS 20000

static struct heap_node nodes[NODES];

/* Each node knows its place, and none is earlier than the one above it. */
static void assert_heap(const struct heap *heap, uint32_t n)
{
	uint32_t i;

	assert_int_equal(heap->n, n);
	for (i = 0; i < heap->n; i++) {
		assert_int_equal(heap->nodes[i]->place, i + 1);
		assert_true(heap->nodes[(i - (i > 0)) / 2]->key <= heap->nodes[i]->key);
	}
}

static void clear(struct heap *heap)
{
	uint32_t i;

	for (i = 0; i < NODES; i++)
		heap_remove(heap, &nodes[i]);
	heap_fini(heap);
}

static void empty(void **state)
{
	struct heap heap = {0};

	(void)state;
	assert_null(heap_first(&heap));
	assert_false(heap_has(&nodes[0]));
	heap_remove(&heap, &nodes[0]);
	assert_heap(&heap, 0);
	heap_fini(&heap);
	/* and once more, as one that was never used */
	heap_fini(&heap);
}

static void earliest_first(void **state)
{
	struct heap heap = {0};
	uint64_t last = 0;
	uint32_t i;

	(void)state;
	seed();
	/* few keys, so that many are the same */
	for (i = 0; i < NODES; i++)
		assert_int_equal(heap_put(&heap, &nodes[i], any(40)), 0);
	for (i = 0; i < NODES; i++) {
		assert_heap(&heap, NODES - i);
		assert_true(heap_first(&heap)->key >= last);
		last = heap_first(&heap)->key;
		heap_remove(&heap, heap_first(&heap));
	}
	assert_null(heap_first(&heap));
	clear(&heap);
}

static void same_key(void **state)
{
	struct heap heap = {0};
	uint32_t i, out = 0;

	(void)state;
	for (i = 0; i < NODES; i++)
		assert_int_equal(heap_put(&heap, &nodes[i], 7), 0);
	while (heap_first(&heap) != NULL) {
		heap_remove(&heap, heap_first(&heap));
		out++;
	}
	assert_int_equal(out, NODES);
	for (i = 0; i < NODES; i++)
		assert_false(heap_has(&nodes[i]));
	clear(&heap);
}

static void extremes(void **state)
{
	struct heap heap = {0};

	(void)state;
	assert_int_equal(heap_put(&heap, &nodes[0], UINT64_MAX), 0);
	assert_int_equal(heap_put(&heap, &nodes[1], 0), 0);
	assert_int_equal(heap_put(&heap, &nodes[2], UINT64_MAX - 1), 0);
	assert_ptr_equal(heap_first(&heap), &nodes[1]);
	assert_int_equal(heap_put(&heap, &nodes[1], UINT64_MAX), 0);
	assert_ptr_equal(heap_first(&heap), &nodes[2]);
	assert_heap(&heap, 3);
	clear(&heap);
}

/* From every place of a heap, one is taken out, or moved to the front, or to the end. */
static void every_place(void **state)
{
	enum { SIZE = 31 };
	struct heap heap = {0};
	uint32_t place, i;
	int what;

	(void)state;
	seed();
	for (place = 0; place < SIZE; place++) {
		for (what = 0; what < 3; what++) {
			for (i = 0; i < SIZE; i++)
				assert_int_equal(heap_put(&heap, &nodes[i], 1 + any(50)), 0);
			if (what == 0)
				heap_remove(&heap, heap.nodes[place]);
			else
				assert_int_equal(
					heap_put(&heap, heap.nodes[place], what == 1 ? 0 : 99), 0);
			assert_heap(&heap, what == 0 ? SIZE - 1 : SIZE);
			assert_true(what != 1 || heap_first(&heap)->key == 0);
		}
	}
	clear(&heap);
}

static void against_a_model(void **state)
{
	struct heap heap = {0};
	uint64_t keys[NODES], least;
	bool in[NODES] = {false};
	uint32_t step, i, n;

	(void)state;
	seed();
	for (step = 0; step < STEPS; step++) {
		i = (uint32_t)any(NODES);
		if (any(3) > 0) {
			keys[i] = any(2 * NODES);
			in[i] = true;
			assert_int_equal(heap_put(&heap, &nodes[i], keys[i]), 0);
		} else {
			in[i] = false;
			heap_remove(&heap, &nodes[i]);
		}
		assert_int_equal(heap_has(&nodes[i]), in[i]);
		least = UINT64_MAX;
		for (n = 0, i = 0; i < NODES; i++) {
			n += in[i];
			assert_true(!in[i] || nodes[i].key == keys[i]);
			if (in[i] && keys[i] < least)
				least = keys[i];
		}
		assert_heap(&heap, n);
		assert_true(n == 0 || heap_first(&heap)->key == least);
	}
	clear(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(earliest_first),
		cmocka_unit_test(same_key),
		cmocka_unit_test(extremes),
		cmocka_unit_test(every_place),
		cmocka_unit_test(against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
