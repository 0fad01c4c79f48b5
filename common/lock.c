#include <stdio.h>
#include <string.h>

#include "common/lock.h"
#include "common/network.h"
#include "common/sha256.h"

#define FINGERPRINT_PREFIX "SHA256:"
#define PUBLICKEY	   "publickey "

/* Before the kind in what a file's name is made of; no kind is called that. */
#define FLEET "fleet "

/* Bytes of a key: RSA of 16384 bits has 2079. */
#define KEY_MAX 4096

static const struct {
	const char *name;
	const char *words;
} kinds[] = {
#define LOCK_ROW(id, name, words) [LOCK_##id] = {name, words},
	LOCK_KINDS(LOCK_ROW)
#undef LOCK_ROW
};

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum lock_kind lock_kind(const char *name)
{
	size_t i;

	for (i = 1; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (enum lock_kind)i;
	return LOCK_NONE;
}

const char *lock_words(const struct wire_locked *lock)
{
	enum lock_kind kind = lock_kind(lock->kind);

	if (lock->message[0] != '\0')
		return lock->message;
	return kind == LOCK_NONE ? reason_words(REASON_LOCKED) : kinds[kind].words;
}

static bool fingerprint_valid(const char *s)
{
	const size_t prefix = sizeof(FINGERPRINT_PREFIX) - 1;

	return strncmp(s, FINGERPRINT_PREFIX, prefix) == 0 && strlen(s) == LOCK_FINGERPRINT - 1 &&
	       strspn(s + prefix, base64) == 43;
}

const char *lock_check(const char *kind, char *name, const struct opt_uid *id)
{
	struct network network;

	if (!text_valid(name, strlen(name)) || name[0] == '\0')
		return "a lock needs a name";
	switch (lock_kind(kind)) {
	case LOCK_USER:
		return NULL;
	case LOCK_GROUP:
		return id->set ? NULL : "the id of the group is missing";
	case LOCK_SOURCE:
		if (!network_parse(name, &network))
			return "a source is an address or a network, such as 192.0.2.7 or "
			       "10.0.0.0/8";
		network_format(&network, name);
		return NULL;
	case LOCK_KEY:
		return fingerprint_valid(name) ? NULL
					       : "a key is named by its fingerprint, SHA256: and "
						 "43 characters, as ssh-keygen -l shows it";
	case LOCK_NONE:
		break;
	}
	return "what is locked is a user, a group, a source or a key";
}

static bool has_group(const struct lock_subject *subject, uint32_t gid)
{
	size_t i;

	for (i = 0; i < subject->n_gids; i++)
		if (subject->gids[i] == gid)
			return true;
	return false;
}

static bool from_network(const char *name, const char *rhost)
{
	struct network network;
	struct in6_addr addr;

	return network_parse(name, &network) && network_source(rhost, &addr) &&
	       network_contains(&network, &addr);
}

/* Is it one of the keys in `publickey SHA256:…, publickey SHA256:…`? */
static bool has_key(const char *auth, const char *fingerprint)
{
	const char *p = strstr(auth, fingerprint);
	char end;

	if (p == NULL || (size_t)(p - auth) < sizeof(PUBLICKEY) - 1)
		return false;
	end = p[strlen(fingerprint)];
	return (end == '\0' || end == ',') &&
	       memcmp(p - (sizeof(PUBLICKEY) - 1), PUBLICKEY, sizeof(PUBLICKEY) - 1) == 0;
}

bool lock_hits(const struct wire_locked *lock, const struct lock_subject *subject)
{
	switch (lock_kind(lock->kind)) {
	case LOCK_USER:
		return strcmp(lock->name, subject->user) == 0 ||
		       (lock->id.set && lock->id.uid == subject->uid);
	case LOCK_GROUP:
		return lock->id.set && has_group(subject, lock->id.uid);
	case LOCK_SOURCE:
		return from_network(lock->name, subject->rhost);
	case LOCK_KEY:
		return has_key(subject->auth, lock->name);
	case LOCK_NONE:
		break;
	}
	return false;
}

bool lock_over(const struct wire_locked *lock, const char *boot_id, uint64_t wall, uint64_t boot)
{
	if (lock->expires_at == 0)
		return false;
	if (lock->deadline != 0 && strcmp(lock->boot_id, boot_id) == 0)
		return boot >= lock->deadline;
	return wall >= lock->expires_at;
}

char *lock_title(const char *kind, const char *name, char *out)
{
	snprintf(out, LOCK_TITLE, "%s %s", kind, name);
	return out;
}

char *lock_file_name(const struct wire_locked *lock, char *out)
{
	char what[sizeof(FLEET) + LOCK_TITLE] = FLEET;
	uint8_t hash[SHA256_BYTES];
	unsigned i;

	lock_title(lock->kind, lock->name, lock->fleet ? what + sizeof(FLEET) - 1 : what);
	sha256(what, strlen(what), hash);
	for (i = 0; i < LOCK_NAME_HEX / 2; i++)
		snprintf(out + (size_t)2 * i, 3, "%02x", hash[i]);
	return out;
}

bool lock_file_name_valid(const char *name)
{
	return strlen(name) == LOCK_NAME_HEX && strspn(name, "0123456789abcdef") == LOCK_NAME_HEX;
}

/* Bytes, or -1 where it is no base64 or does not fit. The padding may be missing. */
static int base64_decode(const char *s, size_t len, uint8_t *out, size_t size)
{
	size_t i, n = 0;
	uint32_t bits = 0;
	const char *p;

	for (i = 0; i < 2 && len > 0 && s[len - 1] == '='; i++)
		len--;
	if (len == 0 || len % 4 == 1 || len / 4 * 3 + 3 > size)
		return -1;
	for (i = 0; i < len; i++) {
		p = s[i] != '\0' ? strchr(base64, s[i]) : NULL;
		if (p == NULL)
			return -1;
		bits = bits << 6 | (uint32_t)(p - base64);
		if (i % 4 != 0)
			out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return (int)n;
}

bool lock_fingerprint(const char *blob, size_t len, char ret[LOCK_FINGERPRINT])
{
	uint8_t key[KEY_MAX], hash[SHA256_BYTES + 1] = {0};
	char *out = ret + sizeof(FINGERPRINT_PREFIX) - 1;
	int n = base64_decode(blob, len, key, sizeof(key));
	unsigned i, bit;

	if (n < 0)
		return false;
	sha256(key, (size_t)n, hash);
	memcpy(ret, FINGERPRINT_PREFIX, sizeof(FINGERPRINT_PREFIX) - 1);
	for (i = 0; i < 43; i++) {
		bit = 6 * i;
		*out++ = base64[((unsigned)hash[bit / 8] << 8 | hash[bit / 8 + 1]) >>
					(10 - bit % 8) &
				0x3f];
	}
	*out = '\0';
	return true;
}

/* `publickey TYPE BLOB`: the fingerprint in place of type and blob. 0: the line is none of these.
 */
static size_t short_key(const char *line, size_t len, char *out, size_t size)
{
	const char *p = line + sizeof(PUBLICKEY) - 1, *end = line + len;
	char fingerprint[LOCK_FINGERPRINT];
	const char *blob;

	if (len < sizeof(PUBLICKEY) || memcmp(line, PUBLICKEY, sizeof(PUBLICKEY) - 1) != 0)
		return 0;
	blob = memchr(p, ' ', (size_t)(end - p));
	if (blob == NULL)
		return 0;
	blob++;
	p = memchr(blob, ' ', (size_t)(end - blob));
	if (!lock_fingerprint(blob, (size_t)((p != NULL ? p : end) - blob), fingerprint))
		return 0;
	return (size_t)snprintf(out, size, PUBLICKEY "%s", fingerprint);
}

void lock_auth(const char *info, char out[TEXT_STR_MAX + 1])
{
	size_t len, n, at = 0;
	char part[TEXT_STR_MAX + 1];

	out[0] = '\0';
	for (; *info != '\0'; info += len + (info[len] != '\0')) {
		len = strcspn(info, "\n");
		n = short_key(info, len, part, sizeof(part));
		if (n == 0)
			n = text_escape(info, len, part, sizeof(part));
		if (n == 0)
			continue;
		if (at + n + 2 > TEXT_STR_MAX)
			break;
		if (at > 0) {
			memcpy(out + at, ", ", 2);
			at += 2;
		}
		memcpy(out + at, part, n + 1);
		at += n;
	}
}
