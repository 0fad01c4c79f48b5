/* The sections of a report that are of the same kind whatever the control: counts, and events. */
#ifndef SESSCTL_SECTION_H
#define SESSCTL_SECTION_H

#include <stdio.h>

#include "sessctl/examination.h"

void section_time(FILE *out, const struct survey *s);
void section_users(FILE *out, const struct survey *s);
void section_sources(FILE *out, const struct survey *s);
void section_ends(FILE *out, const struct survey *s);
void section_refusals(FILE *out, const struct survey *s);
void section_locks(FILE *out, const struct survey *s);
void section_elevations(FILE *out, const struct survey *s);
void section_acts(FILE *out, const struct survey *s);
void section_limits(FILE *out, const struct examination *x);

#endif
