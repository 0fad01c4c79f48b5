/* Lines of the ledger as rows of a page, each member as text. */
#ifndef SESSCTL_EXTRACT_H
#define SESSCTL_EXTRACT_H

#include <stdio.h>

#include "sessctl/listing.h"

/* A table of the lines that are kept, the last one last, and how many there were before them. The
 * caption is a constant, or "". */
void extract_table(FILE *out, const char *caption, const struct listing *l);

/* The same to be opened, under a title that says how many they are; where there is none, `words`.
 */
void extract_details(FILE *out, const char *title, const struct listing *l, const char *words);

#endif
