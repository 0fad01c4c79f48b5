#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sessctl/output.h"
#include "sessctl/table.h"

struct table_row {
	uint64_t key;
	size_t place;
	bool placed;
	char cells[]; /* one after another, each with its NUL */
};

void table_init(struct table *t, const struct column *columns, size_t n_columns)
{
	assert(n_columns <= TABLE_COLUMNS_MAX);
	*t = (struct table){.columns = columns, .n_columns = n_columns};
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
	size_t i, n, total = 0;
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
	row->placed = false;
	at = row->cells;
	for (i = 0; i < t->n_columns; i++) {
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

static size_t cells_size(const struct table *t, const struct table_row *row)
{
	const char *at = row->cells;
	size_t i;

	for (i = 0; i < t->n_columns; i++)
		at += strlen(at) + 1;
	return (size_t)(at - row->cells);
}

int table_place(struct table *t, size_t number, uint64_t key, const char *lead)
{
	size_t i, n = strlen(lead), size = cells_size(t, t->rows[number]);
	struct table_row *row = realloc(t->rows[number], sizeof(*row) + n + size);

	if (row == NULL)
		return -ENOMEM;
	memmove(row->cells + n, row->cells, size);
	for (i = 0; i < n; i++)
		row->cells[i] = lead[i];
	row->key = key;
	row->placed = true;
	t->rows[number] = row;
	return 0;
}

static bool is_printed(const struct table *t, const struct table_row *row)
{
	return !t->by_place || row->placed;
}

static void measure(const struct table *t, size_t width[TABLE_COLUMNS_MAX])
{
	const char *cell;
	size_t i, k, n;

	for (i = 0; i < t->n_columns; i++)
		width[i] = strlen(t->columns[i].title);
	for (k = 0; k < t->n_rows; k++) {
		if (!is_printed(t, t->rows[k]))
			continue;
		cell = t->rows[k]->cells;
		for (i = 0; i < t->n_columns; i++, cell += strlen(cell) + 1) {
			n = output_width(cell);
			if (n > width[i])
				width[i] = n;
		}
	}
}

/* Blanks to the next column, behind what is `width` wide in a column of `room`. */
static void pad(FILE *out, size_t width, size_t room)
{
	fprintf(out, "%*s", (int)(room - width + 2), "");
}

/* The last column is not padded: a line has no blanks at its end. */
static void print_titles(
	const struct table *t, const size_t width[TABLE_COLUMNS_MAX], FILE *out, bool bold)
{
	size_t i;

	for (i = 0; i < t->n_columns; i++) {
		output_bold(out, bold, t->columns[i].title);
		if (i + 1 < t->n_columns)
			pad(out, strlen(t->columns[i].title), width[i]);
	}
	fputc('\n', out);
}

static void print_row(const struct table *t, const size_t width[TABLE_COLUMNS_MAX], FILE *out,
	const struct table_row *row)
{
	const char *cell = row->cells;
	size_t i;

	for (i = 0; i < t->n_columns; i++, cell += strlen(cell) + 1) {
		fputs(cell, out);
		if (i + 1 < t->n_columns)
			pad(out, output_width(cell), width[i]);
	}
	fputc('\n', out);
}

void table_print(const struct table *t, FILE *out, bool bold)
{
	size_t width[TABLE_COLUMNS_MAX], k;

	measure(t, width);
	print_titles(t, width, out, bold);
	for (k = 0; k < t->n_rows; k++)
		if (is_printed(t, t->rows[k]))
			print_row(t, width, out, t->rows[k]);
}
