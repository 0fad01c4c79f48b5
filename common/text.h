/*
 * Text from outside: what is let in, and how it is shown.
 *
 * At the door (wire.c), a string is refused unless text_valid(): UTF-8 without control characters
 * (C0, DEL, C1), without bidirectional overrides, and within its length. Who must not refuse (the
 * module, for a PAM item that a network peer chose) sends text_escape() of it. At each sink that is
 * not JSON, text_escape() is applied again: it changes nothing in valid text, so it costs nothing
 * to be sure.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_STR_MAX  255  /* bytes of a name, a host, a terminal */
#define TEXT_LONG_MAX 1023 /* bytes of a message to the user */

bool text_valid(const char *s, size_t len);

/*
 * Writes `s` (of `len` bytes) to `out` with each byte that text_valid() would refuse as \xNN, ends
 * it with NUL and never exceeds `size` bytes (at least 1). What does not fit is cut at a whole
 * character and ends in "..." where there is room. Returns the length written, without the NUL.
 */
size_t text_escape(const char *s, size_t len, char *out, size_t size);

#endif
