#include <errno.h>
#include <sys/random.h>

#include "common/sid.h"

static int random_bytes(void *buf, size_t n)
{
	/* up to 256 bytes come whole or not at all, see getrandom(2) */
	if (getrandom(buf, n, 0) != (ssize_t)n)
		return errno ? -errno : -EIO;
	return 0;
}

int sid_random(struct sid *ret)
{
	return random_bytes(ret->b, sizeof(ret->b));
}

int token_random(struct token *ret)
{
	return random_bytes(ret->b, sizeof(ret->b));
}

bool sid_is_zero(const struct sid *sid)
{
	static const struct sid zero;

	return sid_equal(sid, &zero);
}

bool token_is_zero(const struct token *token)
{
	static const struct token zero;

	return memcmp(token->b, zero.b, TOKEN_BYTES) == 0;
}

char *hex_encode(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

char *sid_hex(const struct sid *sid, char out[SID_HEX + 1])
{
	return hex_encode(sid->b, SID_BYTES, out);
}

bool sid_parse(const char *hex, struct sid *ret)
{
	struct sid sid;
	size_t i;

	if (!sid_prefix_valid(hex) || strlen(hex) != SID_HEX)
		return false;
	for (i = 0; i < SID_BYTES; i++)
		sid.b[i] = (uint8_t)(hex_digit(hex[2 * i]) * 16 + hex_digit(hex[2 * i + 1]));
	*ret = sid;
	return true;
}

bool sid_prefix_valid(const char *prefix)
{
	size_t n = strlen(prefix), i;

	if (n < SID_PREFIX_MIN || n > SID_HEX)
		return false;
	for (i = 0; i < n; i++)
		if (hex_digit(prefix[i]) < 0)
			return false;
	return true;
}

bool sid_has_prefix(const struct sid *sid, const char *prefix)
{
	char hex[SID_HEX + 1];

	return strncmp(sid_hex(sid, hex), prefix, strlen(prefix)) == 0;
}
