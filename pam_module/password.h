/*
 * A change of password, as the module sees it: by what shadow(5) says of the user before and after.
 * Nothing else tells it: a stack goes on behind a `required` line that failed, and a module is not
 * told what those above it returned.
 */
#ifndef PAM_MODULE_PASSWORD_H
#define PAM_MODULE_PASSWORD_H

#include "pam_module/visit.h"

/* The preliminary pass: notes on the handle what is there now. PAM_IGNORE. */
int password_note(const struct visit *visit);

/*
 * The second pass: where something else is there now, the daemon is told to end the user's other
 * sessions, or finds it in the spool. Never fails a change: PAM_IGNORE.
 */
int password_changed(const struct visit *visit);

#endif
