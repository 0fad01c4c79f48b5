/*
 * Who logs in, and from where, as the PAM handle and the system's databases tell it.
 */
#ifndef PAM_MODULE_LOGIN_H
#define PAM_MODULE_LOGIN_H

#include <security/pam_modules.h>
#include <stdbool.h>

#include "common/lock.h"
#include "common/wire.h"

/* Members are let in whatever the state of sessd. */
#define LOGIN_BREAKGLASS_GROUP LOCK_BREAKGLASS_GROUP

/*
 * Fills the fields of WIRE_FIELDS_LOGIN in a zeroed record, each escaped so that the wire takes it.
 * `token` is the one in the caller's session keyring, if any. A PAM code; PAM_USER_UNKNOWN when the
 * handle has no user or the system does not know him.
 */
int login_fill(pam_handle_t *pamh, struct wire_spooled *ret);

/* Fills token and forged, as login_fill() does: the token may have been replaced since. */
void login_find_token(struct wire_spooled *ret);

/*
 * Is this a login that no trouble with sessd may keep out: root at the console, or a member of
 * LOGIN_BREAKGLASS_GROUP? Not asked about what the daemon itself refuses.
 */
bool login_breaks_glass(pam_handle_t *pamh, const struct wire_spooled *login);

/*
 * Would the daemon, which cannot be asked now, say that this login's token belongs into the session
 * keyring? Yes but for services that open no login session of their own: there the keyring is the
 * caller's, and its token must stay.
 */
bool login_keeps_token(const struct wire_spooled *login);

#endif
