#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "sessctl/tally.h"

int tally_init(struct tally *t)
{
	*t = (struct tally){0};
	t->slots = calloc(TALLY_SLOTS, sizeof(*t->slots));
	crypto_shorthash_keygen(t->key);
	return t->slots == NULL ? -ENOMEM : 0;
}

void tally_fini(struct tally *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		free(t->rows[i].name);
	free(t->rows);
	free(t->slots);
	*t = (struct tally){0};
}

/* Where the name is, or the free slot where it would be: there are more slots than names. */
static uint32_t *slot_of(const struct tally *t, const char *name)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint32_t at;

	crypto_shorthash(hash, (const unsigned char *)name, strlen(name), t->key);
	memcpy(&at, hash, sizeof(at));
	for (at &= TALLY_SLOTS - 1; t->slots[at] != 0; at = (at + 1) & (TALLY_SLOTS - 1))
		if (strcmp(t->rows[t->slots[at] - 1].name, name) == 0)
			break;
	return &t->slots[at];
}

static struct tally_row *add(struct tally *t, const char *name)
{
	struct tally_row *rows = t->rows;
	size_t size = t->size;
	char *copy;

	if (t->n == TALLY_MAX)
		return NULL;
	if (t->n == size) {
		size = size ? 2 * size : 64;
		rows = realloc(rows, size * sizeof(*rows));
		if (rows == NULL)
			return NULL;
		t->rows = rows;
		t->size = size;
	}
	copy = strdup(name);
	if (copy == NULL)
		return NULL;
	rows[t->n] = (struct tally_row){.name = copy};
	return &rows[t->n++];
}

struct tally_row *tally_find(const struct tally *t, const char *name)
{
	uint32_t *slot = slot_of(t, name);

	return *slot != 0 ? &t->rows[*slot - 1] : NULL;
}

struct tally_row *tally_row(struct tally *t, const char *name)
{
	uint32_t *slot = slot_of(t, name);
	struct tally_row *row;

	if (*slot != 0)
		return &t->rows[*slot - 1];
	row = add(t, name);
	if (row == NULL)
		return &t->others;
	*slot = (uint32_t)t->n;
	return row;
}

static int compare(const void *a, const void *b)
{
	const struct tally_row *x = a, *y = b;

	if (x->logins != y->logins)
		return x->logins > y->logins ? -1 : 1;
	if (x->refused != y->refused)
		return x->refused > y->refused ? -1 : 1;
	return strcmp(x->name, y->name);
}

void tally_sort(struct tally *t)
{
	if (t->n > 0)
		qsort(t->rows, t->n, sizeof(*t->rows), compare);
}
