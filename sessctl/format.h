/*
 * The formats in which the ledger is exported: a table of rows, each with the function that writes
 * one line of the ledger so. format_NAME.c has each, but the ledger's own, jsonl.
 */
#ifndef SESSCTL_FORMAT_H
#define SESSCTL_FORMAT_H

#include <stdbool.h>
#include <stdio.h>

#include "sessctl/line.h"

/*  F(name, what stands above the first line, what writes a line) */
#define FORMATS(F)                                 \
	F(jsonl, NULL, NULL)                       \
	F(csv, format_csv_begin, format_csv_write) \
	F(ocsf, NULL, format_ocsf_write)           \
	F(ecs, NULL, format_ecs_write)             \
	F(cef, NULL, format_cef_write)             \
	F(syslog, NULL, format_syslog_write)

/* False: no memory. Whether `out` took it is for the caller to see. `host` is this machine's name.
 */
typedef bool format_write_fn(FILE *out, const struct line *line, const char *host);

struct format {
	const char *name;
	void (*begin)(FILE *out); /* NULL: nothing */
	format_write_fn *write;	  /* NULL: the line as it is */
};

extern const struct format formats[];
extern const size_t n_formats;

/* `jsonl|csv|…`: the words of an option. A constant, as rows of a table need. */
extern const char format_barred[];
#define FORMAT_NAMES (format_barred + 1)

/* NULL: there is none. */
const struct format *format_find(const char *name);

format_write_fn format_csv_write, format_ocsf_write, format_ecs_write, format_cef_write,
	format_syslog_write;
void format_csv_begin(FILE *out);

#endif
