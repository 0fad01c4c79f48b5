/*
 * The lines that a user reads at his login. The daemon makes them.
 */
#ifndef PAM_MODULE_NOTICE_H
#define PAM_MODULE_NOTICE_H

#include <security/pam_modules.h>
#include <stdbool.h>

#include "common/wire.h"
#include "pam_module/visit.h"

/* Can the user of this login be told something, and does he want it? */
bool notice_wanted(const struct visit *visit, const struct wire_spooled *login);

/* Gives each line to the application's conversation. lines: joined by WIRE_LINE_END. */
void notice_show(pam_handle_t *pamh, const char *lines);

#endif
