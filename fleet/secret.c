#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "fleet/secret.h"

#define HEAD "sessd-fleet-key ed25519 "
/* The seed in base64, a newline and a NUL. */
#define BASE64	 sodium_base64_ENCODED_LEN(crypto_sign_SEEDBYTES, sodium_base64_VARIANT_ORIGINAL)
#define FILE_LEN (sizeof(HEAD) - 1 + BASE64)

_Static_assert(SIGNER_KEY == crypto_sign_PUBLICKEYBYTES, "keys of fleet.keys are of Ed25519");
_Static_assert(SECRET_SIGNATURE == crypto_sign_BYTES, "so are signatures");

static int write_new(const char *path, uid_t uid, gid_t gid, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), r = 0;

	if (fd < 0)
		return -errno;
	if ((uid != (uid_t)-1 && fchown(fd, uid, gid) < 0) || fchmod(fd, 0600) < 0)
		r = -errno;
	else if (write(fd, text, len) != (ssize_t)len)
		r = -EIO;
	else if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		unlink(path);
	return r;
}

int secret_make(
	const char *path, uid_t uid, gid_t gid, struct secret *ret, char error[SIGNER_ERROR])
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char text[FILE_LEN] = HEAD;
	int r;

	randombytes_buf(seed, sizeof(seed));
	crypto_sign_seed_keypair(ret->public, ret->key, seed);
	sodium_bin2base64(text + sizeof(HEAD) - 1, BASE64, seed, sizeof(seed),
		sodium_base64_VARIANT_ORIGINAL);
	text[FILE_LEN - 1] = '\n';
	r = write_new(path, uid, gid, text, FILE_LEN);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(text, sizeof(text));
	if (r < 0)
		snprintf(error, SIGNER_ERROR, "%s: %s%s", path, strerror(-r),
			r == -EEXIST ? "; a key is not overwritten: orders that it has signed may "
				       "be under way"
				     : "");
	return r;
}

/* -EINVAL: it is none. */
static int parse(const char *text, size_t len, struct secret *ret)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	size_t n = 0;

	if (len != FILE_LEN || memcmp(text, HEAD, sizeof(HEAD) - 1) != 0 || text[len - 1] != '\n')
		return -EINVAL;
	if (sodium_base642bin(seed, sizeof(seed), text + sizeof(HEAD) - 1, BASE64 - 1, NULL, &n,
		    NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
		n != sizeof(seed))
		return -EINVAL;
	crypto_sign_seed_keypair(ret->public, ret->key, seed);
	sodium_memzero(seed, sizeof(seed));
	return 0;
}

int secret_load(const char *path, struct secret *ret, char error[SIGNER_ERROR])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[FILE_LEN + 1] = "";
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0) {
		r = -errno;
		snprintf(error, SIGNER_ERROR, "%s: %s%s%s", path, strerror(-r),
			r == -ENOENT ? "; make one: sessd-fleet --make-key " : "",
			r == -ENOENT ? path : "");
		return r;
	}
	n = fstat(fd, &st) < 0 ? -errno : bytes_read(fd, text, sizeof(text));
	close(fd);
	r = n < 0 ? (int)n : parse(text, (size_t)n, ret);
	sodium_memzero(text, sizeof(text));
	if (r == 0 && (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)) {
		secret_fini(ret);
		snprintf(error, SIGNER_ERROR,
			"%s: a private key must be in a file that its owner alone can read (mode "
			"%04o); use chmod 0600",
			path, (unsigned)st.st_mode & 07777);
		return -EPERM;
	}
	if (r < 0)
		snprintf(error, SIGNER_ERROR, "%s: %s", path,
			r == -EINVAL ? "it is no key that sessd-fleet --make-key has written"
				     : strerror(-r));
	return r;
}

void secret_fini(struct secret *secret)
{
	sodium_memzero(secret, sizeof(*secret));
}

void secret_sign(
	const struct secret *secret, const void *text, size_t len, uint8_t ret[SECRET_SIGNATURE])
{
	crypto_sign_detached(ret, NULL, text, len, secret->key);
}
