/*
 * The locks as their files tell of them, for a login that the daemon does not judge: a lock holds
 * also while sessd is dead.
 */
#ifndef PAM_MODULE_LOCKED_H
#define PAM_MODULE_LOCKED_H

#include <security/pam_modules.h>
#include <stdbool.h>

#include "common/lock.h"

/*
 * Is the login locked out by a file in LOCK_FOLDER of `dir`? Then ret is the lock. What is there
 * and is no lock of root's is reported by pam_syslog and passed over. The login that breaks glass
 * is spared, and so is becoming root by su or sudo, unless the lock says that it is for them too.
 */
bool locked_out(pam_handle_t *pamh, const char *dir, const struct wire_spooled *login,
	struct wire_locked *ret);

#endif
