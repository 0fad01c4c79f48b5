#include <errno.h>
#include <stdlib.h>

#include "sessd/pidset.h"

void pidset_fini(struct pidset *set)
{
	free(set->items);
	*set = (struct pidset){0};
}

/* Where that pid is, or the free place where it belongs. There is always a free one. */
static struct pidset_item *place(const struct pidset *set, pid_t pid)
{
	uint32_t i = (uint32_t)pid * UINT32_C(2654435761) >> 8;

	while (set->items[i & (set->size - 1)].pid != 0 &&
		set->items[i & (set->size - 1)].pid != pid)
		i++;
	return &set->items[i & (set->size - 1)];
}

/* Makes room for one more; keeps at least a quarter free. */
static int grow(struct pidset *set)
{
	struct pidset bigger = {.n = set->n, .size = set->size ? 2 * set->size : 16};
	uint32_t i;

	if (set->n >= PIDSET_MAX)
		return -ENOSPC;
	if (set->n < set->size / 4 * 3)
		return 0;
	bigger.items = calloc(bigger.size, sizeof(*bigger.items));
	if (bigger.items == NULL)
		return -ENOMEM;
	for (i = 0; i < set->size; i++) {
		if (set->items[i].pid != 0)
			*place(&bigger, set->items[i].pid) = set->items[i];
	}
	free(set->items);
	*set = bigger;
	return 0;
}

int pidset_add(struct pidset *set, pid_t pid, uint64_t start)
{
	struct pidset_item *item = set->size > 0 ? place(set, pid) : NULL;
	int r;

	if (item != NULL && item->pid == pid) {
		if (item->start == start)
			return 0;
		item->start = start;
		return 1;
	}
	r = grow(set);
	if (r < 0)
		return r;
	*place(set, pid) = (struct pidset_item){.pid = pid, .start = start};
	set->n++;
	return 1;
}

const struct pidset_item *pidset_find(const struct pidset *set, pid_t pid)
{
	const struct pidset_item *item;

	if (set->size == 0)
		return NULL;
	item = place(set, pid);
	return item->pid == pid ? item : NULL;
}

const struct pidset_item *pidset_next(const struct pidset *set, uint32_t *at)
{
	while (*at < set->size) {
		const struct pidset_item *item = &set->items[(*at)++];

		if (item->pid != 0)
			return item;
	}
	return NULL;
}
