/*
 * An answer that the user types at his terminal, shown while he types it or not; or a line of
 * standard input. Whatever ends the wait, a signal too, leaves the terminal as it was.
 */
#ifndef SESSCTL_KEYBOARD_H
#define SESSCTL_KEYBOARD_H

#include <stdbool.h>
#include <stddef.h>

struct keyboard_question {
	const char *text; /* escaped when it is shown */
	bool secret;	  /* not shown */
	bool from_stdin; /* a line of it, in place of the terminal's; the question goes to stderr */
	int wake;	 /* a descriptor: readable ends the wait for the terminal */
};

/*
 * Without the newline, NUL-terminated; the caller wipes it. -ENOTTY: there is no terminal; -EPIPE:
 * the input has ended; -E2BIG: the line has more than size - 1 bytes; -ECANCELED: `wake`.
 */
int keyboard_ask(const struct keyboard_question *q, char *ret, size_t size);

#endif
