#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/chain.h"
#include "common/sid.h"

void chain_init(struct chain *c)
{
	memset(c, 0, sizeof(*c));
}

void chain_append(struct chain *c, const char *line, size_t len)
{
	c->seq++;
	crypto_generichash(c->hash, sizeof(c->hash), (const unsigned char *)line, len, NULL, 0);
}

const char *chain_check(struct chain *c, const char *line, size_t len)
{
	char want[128], hex[CHAIN_HEX + 1];
	int seq, all;

	hex_encode(c->hash, sizeof(c->hash), hex);
	seq = snprintf(want, sizeof(want), "{\"seq\":%" PRIu64 ",", c->seq + 1);
	all = snprintf(
		want, sizeof(want), "{\"seq\":%" PRIu64 ",\"prev\":\"%s\",", c->seq + 1, hex);
	if (len < 2 || line[len - 1] != '}')
		return "the line is cut off or is not an event";
	if (len < (size_t)seq || memcmp(line, want, (size_t)seq) != 0)
		return "the sequence number is not the next one";
	if (len < (size_t)all || memcmp(line, want, (size_t)all) != 0)
		return "the hash of the line before does not agree";
	chain_append(c, line, len);
	return NULL;
}
