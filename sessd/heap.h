/*
 * A binary heap of nodes that are embedded in what they stand for: the earliest first, O(log n) to
 * put, move or take out. It owns its array, not the nodes.
 */
#ifndef SESSD_HEAP_H
#define SESSD_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	uint64_t key;
	uint32_t place; /* private: index + 1; 0: not in a heap */
};

struct heap {
	struct heap_node **nodes;
	uint32_t n;
	uint32_t size;
};

void heap_fini(struct heap *heap);

/* Puts the node in, or moves it when it is in. -ENOMEM: nothing has changed. */
int heap_put(struct heap *heap, struct heap_node *node, uint64_t key);

/* Does nothing for a node that is not in. */
void heap_remove(struct heap *heap, struct heap_node *node);

static inline bool heap_has(const struct heap_node *node)
{
	return node->place != 0;
}

/* NULL when it is empty. */
static inline struct heap_node *heap_first(const struct heap *heap)
{
	return heap->n > 0 ? heap->nodes[0] : NULL;
}

#endif
