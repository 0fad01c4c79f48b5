/*
 * A login while it is being judged, in whichever phase: what is known of it, what the daemon
 * answered, and what is done where it did not.
 */
#ifndef PAM_MODULE_ATTEMPT_H
#define PAM_MODULE_ATTEMPT_H

#include "common/wire.h"
#include "pam_module/answer.h"
#include "pam_module/visit.h"

/* Large and full of secrets: on the heap, and wiped. */
struct attempt {
	struct wire_spooled record; /* the fullest; the requests are taken from it */
	union {
		struct wire_acct acct;
		struct wire_open open;
	} request;
	struct answer answer;
	struct wire_locked lock;
	const char *what; /* for the log */
};

/* Copies a row of a message's from the `record` that is in scope. */
#define ATTEMPT_COPY(to, kind, name, tag, presence) \
	memcpy(&(to)->name, &record->name, sizeof((to)->name));

/* `name` is for the log. A PAM code; on anything but PAM_SUCCESS there is nothing to free. */
int attempt_new(const struct visit *visit, const char *name, struct attempt **ret);
void attempt_free(struct attempt *a);

/* Until when the daemon is waited for: clock_boot(). */
uint64_t attempt_deadline(const struct visit *visit, const struct attempt *a);

/* Tells the user and the log; the PAM code for the answer's reason. */
int attempt_refuse(const struct visit *visit, const struct attempt *a, const char *text);

/* The same without a daemon: to the log the cause, to the user what he can grasp. */
int attempt_refuse_without(const struct visit *visit, const struct attempt *a);

/* Goes it on although the daemon is not there, or not itself? Where yes, the log says why. */
bool attempt_goes_on(const struct visit *visit, const struct attempt *a);

/* The daemon does not judge it; a lock holds all the same, and the answer then says so. */
bool attempt_is_locked(const struct visit *visit, struct attempt *a);

#endif
