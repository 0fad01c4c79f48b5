/*
 * The daemon's records as they are shown: `name: value` lines for people, or a line of JSON, both
 * from the rows of the message in common/wire.h.
 */
#ifndef SESSCTL_RECORD_H
#define SESSCTL_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/wire.h"

struct record_style {
	bool zeros;		 /* numbers that are 0 and flags that are off, too */
	const char *const *skip; /* names of rows to leave out, ending in NULL; may be NULL */
};

void record_print(
	FILE *out, enum wire_type type, const void *record, const struct record_style *style);

void record_json(FILE *out, enum wire_type type, const void *record);
/* The same without the `}` and the newline, so that more members can follow. */
void record_json_open(FILE *out, enum wire_type type, const void *record);

#endif
