/*
 * SHA-256 (FIPS 180-4), for one thing: the fingerprint of an SSH key, as `ssh-keygen -l` shows it.
 * It is our own because the PAM module, which must know a locked key while the daemon is away, may
 * link nothing but libc, libpam and libkeyutils; a process that it is a guest in may have any other
 * libcrypto, or none. What is hashed is public, so no care is taken about time or leftovers.
 */
#ifndef COMMON_SHA256_H
#define COMMON_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

void sha256(const void *data, size_t len, uint8_t ret[SHA256_BYTES]);

#endif
