#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sessctl/output.h"
#include "sessctl/table.h"

struct table_row {
	uint64_t key;
	size_t place;
	char cells[]; /* one after another, each with its NUL */
};

void table_init(struct table *t, const struct column *columns, size_t n_columns)
{
	size_t i;

	assert(n_columns <= TABLE_COLUMNS_MAX);
	*t = (struct table){.columns = columns, .n_columns = n_columns};
	for (i = 0; i < n_columns; i++)
		t->width[i] = strlen(columns[i].title);
}

void table_fini(struct table *t)
{
	size_t i;

	for (i = 0; i < t->n_rows; i++)
		free(t->rows[i]);
	free(t->rows);
	*t = (struct table){0};
}

static int make_room(struct table *t)
{
	struct table_row **rows;
	size_t size;

	if (t->n_rows < t->size)
		return 0;
	if (t->n_rows >= TABLE_ROWS_MAX)
		return -E2BIG;
	size = t->size ? 2 * t->size : 64;
	rows = realloc(t->rows, size * sizeof(struct table_row *));
	if (rows == NULL)
		return -ENOMEM;
	t->rows = rows;
	t->size = size;
	return 0;
}

int table_add(struct table *t, uint64_t key, const char *const *cells)
{
	char fitted[TABLE_COLUMNS_MAX][OUTPUT_CELL], *at;
	size_t i, n, width, total = 0;
	struct table_row *row;
	int r = make_room(t);

	if (r < 0)
		return r;
	for (i = 0; i < t->n_columns; i++)
		total += strlen(output_fit(cells[i], t->columns[i].max, fitted[i])) + 1;
	row = malloc(sizeof(*row) + total);
	if (row == NULL)
		return -ENOMEM;
	row->key = key;
	row->place = t->n_rows;
	at = row->cells;
	for (i = 0; i < t->n_columns; i++) {
		width = output_width(fitted[i]);
		if (width > t->width[i])
			t->width[i] = width;
		n = strlen(fitted[i]) + 1;
		memcpy(at, fitted[i], n);
		at += n;
	}
	t->rows[t->n_rows++] = row;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct table_row *x = *(struct table_row *const *)a;
	const struct table_row *y = *(struct table_row *const *)b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

void table_sort(struct table *t)
{
	if (t->n_rows > 0)
		qsort(t->rows, t->n_rows, sizeof(struct table_row *), compare);
}

/* The last column is not padded: a line has no blanks at its end. */
static void print_cell(const struct table *t, size_t i, FILE *out, const char *cell, bool bold)
{
	size_t n = t->width[i] - output_width(cell) + 2;

	output_bold(out, bold, cell);
	if (i + 1 < t->n_columns)
		fprintf(out, "%*s", (int)n, "");
}

void table_print(const struct table *t, FILE *out, bool bold)
{
	const char *cell;
	size_t i, k;

	for (i = 0; i < t->n_columns; i++)
		print_cell(t, i, out, t->columns[i].title, bold);
	fputc('\n', out);
	for (k = 0; k < t->n_rows; k++) {
		cell = t->rows[k]->cells;
		for (i = 0; i < t->n_columns; i++, cell += strlen(cell) + 1)
			print_cell(t, i, out, cell, false);
		fputc('\n', out);
	}
}
