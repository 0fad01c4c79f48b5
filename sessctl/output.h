/*
 * Text for people: escaped, measured in columns of a terminal, and cut to fit. Whatever came from
 * the daemon goes through here before it is shown, though the wire has refused control characters
 * already: JSON can bring them back as \u001b.
 */
#ifndef SESSCTL_OUTPUT_H
#define SESSCTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Writes escaped text on, in the manner of what it is written into. */
typedef void output_put(FILE *out, const char *s, size_t len);

/* All of s, escaped and then put, however long. */
void output_pieces(FILE *out, const char *s, size_t len, output_put *put);

/* The same as it is, for a terminal or a file. */
void output_text(FILE *out, const char *s, size_t len);

/* The same of a string, as a line of its own. */
void output_line(FILE *out, const char *s);

/* Columns that a valid UTF-8 string takes. */
size_t output_width(const char *s);

/*
 * Escapes s into out and cuts it to `columns` (at least 4), ending in "..." where something is
 * missing. Returns out, which must hold OUTPUT_CELL bytes; it never takes more.
 */
#define OUTPUT_CELL 512
char *output_fit(const char *s, size_t columns, char *out);

/* In bold where `bold` is true. */
void output_bold(FILE *out, bool bold, const char *s);
void output_alarm(FILE *out, bool bold, const char *s);

#endif
