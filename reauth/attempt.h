/* One try of a user to prove himself: a PAM transaction without credentials and without a session.
 */
#ifndef REAUTH_ATTEMPT_H
#define REAUTH_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"
#include "reauth/relay.h"

/* The service in /etc/pam.d. */
#define ATTEMPT_SERVICE "sessd-reauth"

struct attempt {
	/* the question; the strings are lent */
	const char *user;
	const char *tty; /* "": none that is known */
	struct relay *relay;

	/* the answer */
	bool proved;
	bool again; /* not proved: what he typed was wrong, and he may type again */
	char text[TEXT_STR_MAX + 1]; /* not proved: why, in PAM's words */
};

void attempt_make(struct attempt *a);
/* He has gone before it could count. */
void attempt_void(struct attempt *a);

#endif
