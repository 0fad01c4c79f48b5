#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/seal.h"
#include "common/sid.h"

/* In front of the event's name stand a number, a hash and a time: no more than these bytes. */
#define EVENT_WITHIN 256

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool seal_hex(const char *hex, size_t len, uint8_t *ret, size_t n)
{
	int high, low;
	size_t i;

	if (len != 2 * n)
		return false;
	for (i = 0; i < n; i++) {
		high = hex_value(hex[2 * i]);
		low = hex_value(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Reads `,"name":"<2n digits>"` that ends where *len does, which goes in front of it. */
static bool take_back(const char *line, size_t *len, const char *name, uint8_t *ret, size_t n)
{
	char want[32];
	size_t head = (size_t)snprintf(want, sizeof(want), ",\"%s\":\"", name);
	size_t all = head + 2 * n + 1;
	const char *at;

	if (*len < all)
		return false;
	at = line + *len - all;
	if (memcmp(at, want, head) != 0 || line[*len - 1] != '"' ||
		!seal_hex(at + head, 2 * n, ret, n))
		return false;
	*len -= all;
	return true;
}

static enum seal_kind kind_of_line(const char *line, size_t len)
{
	static const char event[] = "\",\"event\":\"";
	static const struct {
		const char *name;
		enum seal_kind kind;
	} kinds[] = {
		{"checkpoint\"", SEAL_CHECKPOINT},
		{"seal_started\"", SEAL_STARTED},
		{"ledger_pruned\"", SEAL_PRUNED},
	};
	const char *at =
		memmem(line, len < EVENT_WITHIN ? len : EVENT_WITHIN, event, sizeof(event) - 1);
	size_t left, i, n;

	if (at == NULL)
		return SEAL_NONE;
	at += sizeof(event) - 1;
	left = len - (size_t)(at - line);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		n = strlen(kinds[i].name);
		if (left >= n && memcmp(at, kinds[i].name, n) == 0)
			return kinds[i].kind;
	}
	return SEAL_NONE;
}

/* Reads `,"last":N,"hash":"…"` that ends where *len does. */
static bool take_pruned(const char *line, size_t *len, struct chain *ret)
{
	static const char last[] = ",\"last\":";
	struct chain c = {0};
	size_t at, i;

	if (!take_back(line, len, "hash", c.hash, CHAIN_HASH))
		return false;
	for (at = *len; at > 0 && line[at - 1] >= '0' && line[at - 1] <= '9'; at--)
		;
	for (i = at; i < *len && c.seq <= (UINT64_MAX - 9) / 10; i++)
		c.seq = c.seq * 10 + (uint64_t)(line[i] - '0');
	if (i < *len || c.seq == 0 || at < sizeof(last) - 1 ||
		memcmp(line + at - (sizeof(last) - 1), last, sizeof(last) - 1) != 0)
		return false;
	*ret = c;
	return true;
}

void seal_read(const char *line, size_t len, struct seal_line *ret)
{
	bool ok = true;
	size_t n = len;

	*ret = (struct seal_line){.kind = kind_of_line(line, len)};
	if (ret->kind == SEAL_NONE)
		return;
	ok = n > 0 && line[--n] == '}';
	if (ret->kind == SEAL_PRUNED) {
		if (!ok || !take_pruned(line, &n, &ret->pruned))
			ret->kind = SEAL_MALFORMED;
		return;
	}
	if (ret->kind == SEAL_CHECKPOINT) {
		ok = ok && take_back(line, &n, "signature", ret->signature, SEAL_SIGNATURE);
		ret->signed_len = n;
	}
	ok = ok && take_back(line, &n, "next_key", ret->next_key, SEAL_KEY);
	if (ret->kind == SEAL_CHECKPOINT)
		ok = ok && take_back(line, &n, "key", ret->key, SEAL_KEY);
	if (!ok)
		ret->kind = SEAL_MALFORMED;
}

bool seal_holds(const struct seal_line *seal, const char *line)
{
	return crypto_sign_verify_detached(seal->signature, (const unsigned char *)line,
		       seal->signed_len, seal->key) == 0;
}

void seal_head_text(const struct chain *head, char out[SEAL_HEAD_TEXT])
{
	int n = snprintf(out, SEAL_HEAD_TEXT, "%" PRIu64 ":", head->seq);

	hex_encode(head->hash, CHAIN_HASH, out + n);
}

bool seal_head_parse(const char *text, struct chain *ret)
{
	const char *at = text;
	struct chain c = {0};

	for (; *at >= '0' && *at <= '9'; at++) {
		if (c.seq > (UINT64_MAX - 9) / 10)
			return false;
		c.seq = c.seq * 10 + (uint64_t)(*at - '0');
	}
	if (c.seq == 0 || *at != ':' || !seal_hex(at + 1, strlen(at + 1), c.hash, CHAIN_HASH))
		return false;
	*ret = c;
	return true;
}
