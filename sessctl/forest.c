#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessctl/forest.h"

struct forest_node {
	struct sid sid, parent_sid;
	uint64_t opened_at;
	size_t number;
	bool wanted; /* of a top, when all are linked: any in its tree is */
	struct forest_node *parent, *first, *next;
};

void forest_fini(struct forest *f)
{
	free(f->nodes);
	*f = (struct forest){0};
}

int forest_add(struct forest *f, const struct sid *sid, const struct sid *parent,
	uint64_t opened_at, bool wanted)
{
	struct forest_node *nodes = f->nodes;
	size_t size = f->size ? 2 * f->size : 64;

	if (f->n == f->size) {
		nodes = reallocarray(nodes, size, sizeof(*nodes));
		if (nodes == NULL)
			return -ENOMEM;
		f->nodes = nodes;
		f->size = size;
	}
	f->nodes[f->n] = (struct forest_node){.sid = *sid,
		.parent_sid = *parent,
		.opened_at = opened_at,
		.number = f->n,
		.wanted = wanted};
	f->n++;
	return 0;
}

/* The oldest last, so that each can be put in front of those of its parent. */
static int compare_age(const void *a, const void *b)
{
	const struct forest_node *x = a, *y = b;

	if (x->opened_at != y->opened_at)
		return x->opened_at > y->opened_at ? -1 : 1;
	return x->number > y->number ? -1 : x->number < y->number;
}

static int compare_sid(const void *a, const void *b)
{
	const struct forest_node *const *x = a, *const *y = b;

	return memcmp(&(*x)->sid, &(*y)->sid, sizeof(struct sid));
}

static struct forest_node *by_sid(struct forest_node **index, size_t n, const struct sid *sid)
{
	struct forest_node key = {.sid = *sid}, *wanted = &key, **found;

	if (sid_is_zero(sid))
		return NULL;
	found = bsearch(&wanted, index, n, sizeof(struct forest_node *), compare_sid);
	return found != NULL ? *found : NULL;
}

static struct forest_node *top_of(struct forest_node *node)
{
	while (node->parent != NULL)
		node = node->parent;
	return node;
}

/* Under its parent, unless that stands under itself: then nothing would be shown of either.
 * Returns the tops, the oldest first. */
static struct forest_node *link_nodes(struct forest *f, struct forest_node **index)
{
	struct forest_node *tops = NULL, *node, *parent, **list;
	size_t i;

	for (i = 0; i < f->n; i++) {
		node = &f->nodes[i];
		parent = by_sid(index, f->n, &node->parent_sid);
		node->parent = parent != NULL && top_of(parent) != node ? parent : NULL;
		list = node->parent != NULL ? &node->parent->first : &tops;
		node->next = *list;
		*list = node;
	}
	for (i = 0; i < f->n; i++)
		if (f->nodes[i].wanted)
			top_of(&f->nodes[i])->wanted = true;
	return tops;
}

/* From the session outward: whether more follows at that level, and the corner at its own. */
static const char *draw(const struct forest_node *node, bool utf8, char lead[FOREST_LEAD])
{
	const char *piece[FOREST_LEVELS];
	const struct forest_node *at;
	size_t n = 0, len = 0;

	for (at = node; at->parent != NULL && n < FOREST_LEVELS; at = at->parent)
		if (at == node && at->next != NULL)
			piece[n++] = utf8 ? "├─" : "|-";
		else if (at == node)
			piece[n++] = utf8 ? "└─" : "`-";
		else if (at->next != NULL)
			piece[n++] = utf8 ? "│ " : "| ";
		else
			piece[n++] = "  ";
	lead[0] = '\0';
	while (n > 0)
		len += (size_t)snprintf(lead + len, FOREST_LEAD - len, "%s", piece[--n]);
	return lead;
}

/* The one behind it: within it, beside it, or beside what it stands in. */
static struct forest_node *follower(struct forest_node *node)
{
	if (node->first != NULL)
		return node->first;
	while (node->next == NULL && node->parent != NULL)
		node = node->parent;
	return node->next;
}

int forest_each(struct forest *f, bool utf8, int (*fn)(void *ctx, size_t number, const char *lead),
	void *ctx)
{
	struct forest_node **index, *node;
	char lead[FOREST_LEAD];
	size_t i;
	int r = 0;

	if (f->n == 0)
		return 0;
	index = calloc(f->n, sizeof(struct forest_node *));
	if (index == NULL)
		return -ENOMEM;
	qsort(f->nodes, f->n, sizeof(*f->nodes), compare_age);
	for (i = 0; i < f->n; i++) {
		index[i] = &f->nodes[i];
		f->nodes[i].parent = f->nodes[i].first = NULL;
	}
	qsort(index, f->n, sizeof(struct forest_node *), compare_sid);
	for (node = link_nodes(f, index); node != NULL && r == 0; node = follower(node))
		if (top_of(node)->wanted)
			r = fn(ctx, node->number, draw(node, utf8, lead));
	free(index);
	return r;
}
