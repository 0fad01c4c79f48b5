/*
 * Rows of cells in aligned columns, sorted by a key. A column is as wide as its widest cell and no
 * wider than its own maximum; what is longer was cut when it was added.
 */
#ifndef SESSCTL_TABLE_H
#define SESSCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct column {
	const char *title;
	size_t max; /* columns of the terminal */
};

#define TABLE_COLUMNS_MAX 16
/* About 150 bytes each: what a person will never read, and what a machine can hold. */
#define TABLE_ROWS_MAX 1000000

struct table_row;

struct table {
	const struct column *columns;
	size_t n_columns;
	struct table_row **rows;
	size_t n_rows;
	size_t size;   /* rows that there is room for */
	bool by_place; /* the user's to set: only rows that table_place() was told of are printed */
};

void table_init(struct table *t, const struct column *columns, size_t n_columns);
void table_fini(struct table *t);

/* One cell for each column, copied. -ENOMEM; -E2BIG: TABLE_ROWS_MAX are in it. */
int table_add(struct table *t, uint64_t key, const char *const *cells);

/*
 * Before they are sorted: gives the row that was added as the number-th, from 0 on, another key,
 * and a lead, which is copied and stands in front of its first cell. -ENOMEM.
 */
int table_place(struct table *t, size_t number, uint64_t key, const char *lead);

/* By key, and rows of one key in the order in which they were added. */
void table_sort(struct table *t);

void table_print(const struct table *t, FILE *out, bool bold);

#endif
