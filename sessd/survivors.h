/* The list of what would not die, for people: `812 cp D, 900 sleep R`. */
#ifndef SESSD_SURVIVORS_H
#define SESSD_SURVIVORS_H

#include <stdint.h>
#include <sys/types.h>

#include "common/text.h"

struct survivors {
	uint32_t n; /* how many, also those that found no room in the text */
	size_t len;
	char text[TEXT_LONG_MAX + 1];
};

void survivors_init(struct survivors *s);

/* Appends the process as it is now; the name is escaped, a comma in it too. */
void survivors_add(struct survivors *s, pid_t pid);

#endif
