/*
 * The two ids of a session. The sid is public: 128 random bits, shown as 32 lower-case hex digits,
 * in lists as the first 8; commands take any unique prefix of at least 4 digits. The token is the
 * credential: 256 random bits, which appear in no log, message or file; all zeros means "no token".
 */
#ifndef COMMON_SID_H
#define COMMON_SID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SID_BYTES      16
#define SID_HEX	       32
#define SID_SHORT      8
#define SID_PREFIX_MIN 4
#define TOKEN_BYTES    32

struct sid {
	uint8_t b[SID_BYTES];
};

struct token {
	uint8_t b[TOKEN_BYTES];
};

/* Random ones, from getrandom(2), which cannot block once the system is up. -errno on failure. */
int sid_random(struct sid *ret);
int token_random(struct token *ret);

bool sid_is_zero(const struct sid *sid);
bool token_is_zero(const struct token *token);

static inline bool sid_equal(const struct sid *a, const struct sid *b)
{
	return memcmp(a->b, b->b, SID_BYTES) == 0;
}

/* 32 digits and a NUL. Returns out. */
char *sid_hex(const struct sid *sid, char out[SID_HEX + 1]);

/* Exactly 32 lower-case digits. False: it is not, and ret is untouched. */
bool sid_parse(const char *hex, struct sid *ret);

/* 4 to 32 lower-case hex digits? And does that sid begin with them? */
bool sid_prefix_valid(const char *prefix);
bool sid_has_prefix(const struct sid *sid, const char *prefix);

/* Lower-case hex of n bytes, 2n digits and a NUL. Returns out. */
char *hex_encode(const uint8_t *bytes, size_t n, char *out);

#endif
