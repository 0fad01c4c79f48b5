/*
 * The frame of a page that stands alone: its head with style and policy, and its end with the
 * script. Nothing is fetched; the policy lets this style and this script work, by their hashes, and
 * nothing else. The script filters rows, and the page does without it.
 */
#ifndef SESSCTL_PAGE_H
#define SESSCTL_PAGE_H

#include <stdio.h>

/* Up to and with `<main>`. The title is a constant. */
void page_begin(FILE *out, const char *title);
void page_end(FILE *out);

/* The field by which rows are filtered; to be seen where the script works. */
void page_filter(FILE *out);

#endif
