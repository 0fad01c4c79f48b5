/*
 * What open_session leaves on the PAM handle for close_session: nothing is kept anywhere else, and
 * this lives only as long as the handle and only in its process.
 */
#ifndef PAM_MODULE_HANDLE_H
#define PAM_MODULE_HANDLE_H

#include <security/pam_modules.h>

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

#endif
