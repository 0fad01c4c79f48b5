#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sid.h"
#include "sessd/entry.h"
#include "sessd/fault.h"
#include "sessd/seal.h"

#define SEED crypto_sign_SEEDBYTES

/* All that is secret, so that it is locked and erased in one piece. */
struct seal_secret {
	uint8_t seed[SEED];
	uint8_t other[SEED]; /* a successor, or what was read */
	uint8_t signing[crypto_sign_SECRETKEYBYTES];
};

int seal_init(struct seal *s, const char *dir)
{
	*s = (struct seal){.folder = -1};
	if (sodium_init() < 0)
		return -ENOSYS;
	/* locked against the swap where the limits allow it, and erased when it is freed */
	s->secret = sodium_malloc(sizeof(*s->secret));
	if (s->secret == NULL)
		return -ENOMEM;
	s->folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->folder < 0 ? -errno : 0;
}

void seal_fini(struct seal *s)
{
	if (s->secret == NULL)
		return;
	sodium_free(s->secret);
	if (s->folder >= 0)
		close(s->folder);
	s->secret = NULL;
	s->folder = -1;
}

static void successor(const uint8_t seed[SEED], uint8_t ret[SEED])
{
	static const char what[] = "sessd: the secret of the next checkpoint";

	crypto_generichash(ret, SEED, (const unsigned char *)what, sizeof(what) - 1, seed, SEED);
}

/* The public key of a seed. */
static void public_key(struct seal_secret *x, const uint8_t seed[SEED], uint8_t ret[SEAL_KEY])
{
	crypto_sign_seed_keypair(ret, x->signing, seed);
	sodium_memzero(x->signing, sizeof(x->signing));
}

/* Goes on with that seed. */
static void take(struct seal *s, const uint8_t seed[SEED])
{
	memmove(s->secret->seed, seed, SEED);
	sodium_memzero(s->secret->other, SEED);
	public_key(s->secret, s->secret->seed, s->key);
}

/* Reads a file into `other`. */
static int read_file(struct seal *s, const char *name)
{
	int fd = openat(s->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	uint8_t more;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, s->secret->other, SEED);
	if (n < 0)
		r = -errno;
	else if (n != SEED || read(fd, &more, 1) != 0)
		r = -EKEYREJECTED;
	close(fd);
	return r;
}

static bool fits(struct seal *s, const uint8_t key[SEAL_KEY])
{
	uint8_t found[SEAL_KEY];

	public_key(s->secret, s->secret->other, found);
	if (memcmp(found, key, SEAL_KEY) != 0)
		return false;
	take(s, s->secret->other);
	return true;
}

static bool has_file(const struct seal *s, const char *name)
{
	struct stat st;

	return fstatat(s->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool seal_exists(const struct seal *s)
{
	return has_file(s, SEAL_FILE) || has_file(s, SEAL_FILE_NEW);
}

int seal_load(struct seal *s, const uint8_t key[SEAL_KEY])
{
	int r = read_file(s, SEAL_FILE), beside;

	s->stale = true;
	if (r == 0 && fits(s, key)) {
		s->stale = has_file(s, SEAL_FILE_NEW);
		return 0;
	}
	if (r == 0) {
		/* it has signed the last checkpoint, and was not replaced any more */
		successor(s->secret->other, s->secret->seed);
		memcpy(s->secret->other, s->secret->seed, SEED);
		if (fits(s, key))
			return 0;
	}
	beside = read_file(s, SEAL_FILE_NEW);
	if (beside == 0 && fits(s, key))
		return 0;
	return r == 0 || beside == 0 ? -EKEYREJECTED : r == -ENOENT ? beside : r;
}

int seal_peek(struct seal *s, uint8_t ret_key[SEAL_KEY])
{
	int r = read_file(s, SEAL_FILE);

	if (r < 0)
		return r;
	public_key(s->secret, s->secret->other, ret_key);
	sodium_memzero(s->secret->other, SEED);
	return 0;
}

void seal_make(struct seal *s)
{
	randombytes_buf(s->secret->other, SEED);
	take(s, s->secret->other);
	s->stale = true;
}

/* In place, and synced: what was there is gone. -ENOENT where it is to be there and is not. */
static int overwrite(const struct seal *s, const char *name, const uint8_t seed[SEED], int flags)
{
	int fd = openat(s->folder, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0600), r = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pwrite(fd, seed, SEED, 0);
	if (n != SEED)
		r = n < 0 ? -errno : -ENOSPC;
	else if (ftruncate(fd, SEED) < 0 || fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

int seal_keep(struct seal *s)
{
	static const uint8_t zeros[SEED];
	int r;

	if (!s->stale)
		return 0;
	r = overwrite(s, SEAL_FILE_NEW, s->secret->seed, O_CREAT);
	if (r == 0 && fsync(s->folder) < 0)
		r = -errno;
	if (r < 0)
		return r;
	fault_point(FAULT_seal_written);
	r = overwrite(s, SEAL_FILE, zeros, 0);
	if (r < 0 && r != -ENOENT)
		return r;
	fault_point(FAULT_seal_erased);
	if (renameat(s->folder, SEAL_FILE_NEW, s->folder, SEAL_FILE) < 0 || fsync(s->folder) < 0)
		return -errno;
	fault_point(FAULT_seal_renamed);
	s->stale = false;
	return 0;
}

int seal_sign(const struct seal *s, const struct chain *head, uint64_t wall_ns, char *body,
	size_t size, size_t *ret_len)
{
	struct seal_secret *x = s->secret;
	uint8_t key[SEAL_KEY], next[SEAL_KEY], signature[SEAL_SIGNATURE];
	char line[CHAIN_PREFIX + 512];
	size_t at = chain_prefix(head, line), n;
	struct entry e;
	int r;

	/* a secret signs once */
	assert(!s->stale);
	entry_init(&e, ENTRY_CHECKPOINT, wall_ns);
	successor(x->seed, x->other);
	public_key(x, x->other, next);
	sodium_memzero(x->other, SEED);
	hex_encode(s->key, SEAL_KEY, e.key);
	hex_encode(next, SEAL_KEY, e.next_key);
	r = entry_format(&e, body, size, &n);
	if (r < 0)
		return r;
	/* the line, up to the closing brace */
	assert(n >= 2 && at + n - 2 <= sizeof(line));
	memcpy(line + at, body + 1, n - 2);
	crypto_sign_seed_keypair(key, x->signing, x->seed);
	crypto_sign_detached(signature, NULL, (const unsigned char *)line, at + n - 2, x->signing);
	sodium_memzero(x->signing, sizeof(x->signing));
	hex_encode(signature, SEAL_SIGNATURE, e.signature);
	return entry_format(&e, body, size, ret_len);
}

void seal_evolve(struct seal *s)
{
	successor(s->secret->seed, s->secret->other);
	take(s, s->secret->other);
	s->stale = true;
}
