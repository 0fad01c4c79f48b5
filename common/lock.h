/*
 * Locks: a standing denial for a user, a group, a source or a key. What daemon, module and sessctl
 * must think alike about: what a lock's name may be, whom it hits, when it has run out, and its
 * file.
 *
 * One of this host and one of the fleet may stand of the same name: each is set and lifted for
 * itself, and who is hit by either is locked out.
 *
 * A lock's file lies in LOCK_FOLDER of the runtime directory, one for each: a packet of `locked`,
 * named by the first digits of the SHA-256 of what it locks, and whose it is. The folder is root's,
 * and what is in a file's name is never a user's choice.
 */
#ifndef COMMON_LOCK_H
#define COMMON_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

#define LOCK_FOLDER "locks"

/* Locks that may stand at a time: the module reads them all in each login without a daemon. */
#define LOCK_MAX 1000

/* Bytes of a lock's file, at the most: five texts, and the numbers. */
#define LOCK_FILE_MAX 2048

/* Its members are spared, unless a lock says that it is for them too. */
#define LOCK_BREAKGLASS_GROUP "sessd-breakglass"

/* Hex digits of a file's name. */
#define LOCK_NAME_HEX 32

/* `user bob`: kind and name; as long as both can be together, and a NUL. */
#define LOCK_TITLE (2 * TEXT_STR_MAX + 2)

/* `SHA256:`, 43 characters and a NUL. */
#define LOCK_FINGERPRINT 51

/* clang-format off */
/*  K(ID, name, words for who is refused) */
#define LOCK_KINDS(K) \
	K(USER,   "user",   "this account is locked") \
	K(GROUP,  "group",  "this account is locked") \
	K(SOURCE, "source", "logins from this address are locked") \
	K(KEY,    "key",    "this key is locked")
/* clang-format on */

enum lock_kind {
	LOCK_NONE,
#define LOCK_ENUM(id, name, words) LOCK_##id,
	LOCK_KINDS(LOCK_ENUM)
#undef LOCK_ENUM
};

/* LOCK_NONE where there is no such kind. */
enum lock_kind lock_kind(const char *name);

/* Who logs in. The strings are the caller's, none is NULL. */
struct lock_subject {
	const char *user;
	uint32_t uid;
	const uint32_t *gids;
	size_t n_gids;
	const char *rhost; /* a name, not an address, is hit by no lock of a source */
	const char *auth;  /* as lock_auth() writes it */
};

/*
 * Is that something that can be locked? Brings `name` (TEXT_STR_MAX + 1 bytes) into the one way
 * that it is written. NULL, or what is wrong with it.
 */
const char *lock_check(const char *kind, char *name, const struct opt_uid *id);

bool lock_hits(const struct wire_locked *lock, const struct lock_subject *subject);

/*
 * Has it run out? In the boot that it was set in, or written anew, by the clock that counts
 * suspend and that nobody can set; in another one by the wall clock, which is all that is left.
 */
bool lock_over(const struct wire_locked *lock, const char *boot_id, uint64_t wall, uint64_t boot);

/* Its message, or the words of its kind. */
const char *lock_words(const struct wire_locked *lock);

/* `user bob`. Returns out (LOCK_TITLE bytes). */
char *lock_title(const char *kind, const char *name, char *out);

/* The name of its file; one of the fleet has another than one of this host alone. Returns out
 * (LOCK_NAME_HEX + 1 bytes). */
char *lock_file_name(const struct wire_locked *lock, char *out);
bool lock_file_name_valid(const char *name);

/*
 * Reads the file `name` of the folder. -EPERM: it is no plain file of root's that root alone can
 * write; -EBADMSG: it holds no lock, or that of another name. `frame` is room to work in.
 */
int lock_file_read(int folder, const char *name, struct wire_frame *frame, struct wire_locked *ret);
/* Under another name, then renamed, so that it is there whole or not at all. */
int lock_file_write(int folder, const struct wire_locked *lock);

/* The folder, made where it is missing and `make` says so, if it is root's and root alone can write
 * there. A descriptor, or -errno; -EPERM where it is somebody else's. */
int lock_folder_open(const char *runtime_dir, bool make);

/* The fingerprint of an SSH public key (its base64 blob, of `len` characters). False: no base64. */
bool lock_fingerprint(const char *blob, size_t len, char ret[LOCK_FINGERPRINT]);

/*
 * What sshd says in SSH_AUTH_INFO_0, short: each line's method, and the fingerprint in place of the
 * key: `publickey SHA256:…, password`. Escaped, and cut to TEXT_STR_MAX bytes.
 */
void lock_auth(const char *info, char out[TEXT_STR_MAX + 1]);

#endif
