/*
 * What a phase leaves on the PAM handle for a later one: open_session for close_session, and
 * authenticate for acct_mgmt. Nothing is kept anywhere else, and this lives only as long as the
 * handle and only in its process.
 */
#ifndef PAM_MODULE_HANDLE_H
#define PAM_MODULE_HANDLE_H

#include <security/pam_modules.h>
#include <stdbool.h>

#include "common/wire.h"

struct handle_session {
	/* opens without their close: a stack may run the module twice (su-l includes su) */
	unsigned depth;
	/* everything a spooled close needs, without the tokens */
	struct wire_spooled record;
};

/* The session of this handle, or NULL. Belongs to the handle. */
struct handle_session *handle_get(pam_handle_t *pamh);

/* Keeps a copy of the record, its tokens left out, with depth 1. A PAM code. */
int handle_put(pam_handle_t *pamh, const struct wire_spooled *record);

/* Forgets the session, which is wiped and freed. */
void handle_drop(pam_handle_t *pamh);

/* Notes that the auth stack of this handle was run. A PAM code. */
int handle_note(pam_handle_t *pamh);

/* Was it, since this was asked last? */
bool handle_take_note(pam_handle_t *pamh);

#endif
