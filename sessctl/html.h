/*
 * Text into a page. Whatever is not a constant of this program goes through html_text(): it escapes
 * what cannot be printed, as everywhere, and then what means something in HTML, so that the result
 * is text between tags and within quotes alike.
 */
#ifndef SESSCTL_HTML_H
#define SESSCTL_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void html_text(FILE *out, const char *s);

/* `1,234,567` */
void html_number(FILE *out, uint64_t n);

/* A point in time, ns since the epoch, in UTC to the second; 0 is a dash. */
void html_time(FILE *out, uint64_t ns);

/* A span of time as people write it, with three digits: `63.1 ms`, `1.25 s`, `4h30m`. Returns out.
 */
#define HTML_SPAN 48
char *html_span(uint64_t ns, char out[HTML_SPAN]);

/* A column of a table. */
struct html_column {
	const char *title;
	const char *class; /* "": text; "n": numbers, to the right */
};

/* `<table><caption>…<thead>…<tbody>`, and what ends it. The caption is a constant, or
 * "". */
void html_table(FILE *out, const char *caption, const struct html_column *columns, size_t n);
void html_table_end(FILE *out);

/* Cells, each with its tags. A time or a span of 0 is a dash. */
void html_cell(FILE *out, const char *s);
void html_cell_number(FILE *out, uint64_t n);
void html_cell_span(FILE *out, uint64_t ns);
void html_cell_time(FILE *out, uint64_t ns);

#endif
