/*
 * The token in the kernel's session keyring: a key of type "user" named "sessd:token", owned by
 * root, that the login user possesses and yet can neither read nor show nor share.
 *
 * Keyrings belong to the calling thread's credentials, which its children inherit; so a caller with
 * several threads forks the user's process from the thread that called open_session, as it must for
 * pam_keyinit too. Nothing of another thread is touched.
 */
#ifndef PAM_MODULE_KEYRING_H
#define PAM_MODULE_KEYRING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/sid.h"

/*
 * Finds the caller's token among the direct children of its session keyring; nothing that is linked
 * in below them counts, nor a key that is not root's. False: there is none, or there are no keys
 * here at all.
 */
bool keyring_find(struct token *ret);

/* Is there, among the same children, a key in the token's place that is not root's? */
bool keyring_is_forged(void);

/*
 * Makes the key, in the thread keyring: nobody else has it yet, and it is gone with keyring_drop()
 * unless keyring_keep() came before that. 0 or -errno; -ENOSYS and -EPERM say that there are no
 * keys here (a container).
 */
int keyring_make(const struct token *token, int32_t *ret_key);
void keyring_drop(int32_t key);

/*
 * Links it into the session keyring of the login of user `uid` and primary group `gid`, which
 * becomes a new one where the present one is not this login's own. 0 or -errno.
 */
int keyring_keep(int32_t key, uid_t uid, gid_t gid);

#endif
