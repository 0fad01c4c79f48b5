#include <errno.h>
#include <stdlib.h>

#include "sessd/heap.h"

void heap_fini(struct heap *heap)
{
	free(heap->nodes);
	*heap = (struct heap){0};
}

static void heap_set(struct heap *heap, uint32_t i, struct heap_node *node)
{
	heap->nodes[i] = node;
	node->place = i + 1;
}

static void heap_up(struct heap *heap, uint32_t i, struct heap_node *node)
{
	for (; i > 0 && heap->nodes[(i - 1) / 2]->key > node->key; i = (i - 1) / 2)
		heap_set(heap, i, heap->nodes[(i - 1) / 2]);
	heap_set(heap, i, node);
}

static void heap_down(struct heap *heap, uint32_t i, struct heap_node *node)
{
	uint32_t child;

	while ((child = 2 * i + 1) < heap->n) {
		if (child + 1 < heap->n && heap->nodes[child + 1]->key < heap->nodes[child]->key)
			child++;
		if (heap->nodes[child]->key >= node->key)
			break;
		heap_set(heap, i, heap->nodes[child]);
		i = child;
	}
	heap_set(heap, i, node);
}

/* Puts the node at the free place i, or further up or down, where it belongs. */
static void heap_settle(struct heap *heap, uint32_t i, struct heap_node *node)
{
	if (i > 0 && heap->nodes[(i - 1) / 2]->key > node->key)
		heap_up(heap, i, node);
	else
		heap_down(heap, i, node);
}

static int heap_grow(struct heap *heap)
{
	uint32_t size = heap->size ? 2 * heap->size : 16;
	struct heap_node **nodes;

	if (heap->n < heap->size)
		return 0;
	nodes = reallocarray(heap->nodes, size, sizeof(struct heap_node *));
	if (nodes == NULL)
		return -ENOMEM;
	heap->nodes = nodes;
	heap->size = size;
	return 0;
}

int heap_put(struct heap *heap, struct heap_node *node, uint64_t key)
{
	uint32_t i;
	int r;

	if (heap_has(node)) {
		i = node->place - 1;
	} else {
		r = heap_grow(heap);
		if (r < 0)
			return r;
		i = heap->n++;
	}
	node->key = key;
	heap_settle(heap, i, node);
	return 0;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	struct heap_node *last;
	uint32_t i;

	if (!heap_has(node))
		return;
	i = node->place - 1;
	node->place = 0;
	last = heap->nodes[--heap->n];
	if (last != node)
		heap_settle(heap, i, last);
}
