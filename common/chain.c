#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/chain.h"
#include "common/timestamp.h"
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

size_t chain_prefix(const struct chain *c, char out[CHAIN_PREFIX])
{
	char hex[CHAIN_HEX + 1];

	hex_encode(c->hash, sizeof(c->hash), hex);
	return (size_t)snprintf(
		out, CHAIN_PREFIX, "{\"seq\":%" PRIu64 ",\"prev\":\"%s\",", c->seq + 1, hex);
}

const char *chain_check(struct chain *c, const char *line, size_t len)
{
	char want[CHAIN_PREFIX];
	size_t all = chain_prefix(c, want);
	size_t seq = (size_t)(strchr(want, ',') - want) + 1;

	if (len < 2 || line[len - 1] != '}')
		return "the line is cut off or is not an event";
	if (len < seq || memcmp(line, want, seq) != 0)
		return "the sequence number is not the next one";
	if (len < all || memcmp(line, want, all) != 0)
		return "the hash of the line before does not agree";
	chain_append(c, line, len);
	return NULL;
}

uint64_t chain_time(const char *line, size_t len)
{
	static const char member[] = ",\"time\":\"";
	char text[TIMESTAMP_TEXT];
	const char *at;
	uint64_t ns;

	/* it is the first one behind the prefix */
	if (len > CHAIN_PREFIX + sizeof(member) + sizeof(text))
		len = CHAIN_PREFIX + sizeof(member) + sizeof(text);
	at = memmem(line, len, member, sizeof(member) - 1);
	if (at == NULL)
		return 0;
	at += sizeof(member) - 1;
	len -= (size_t)(at - line);
	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	memcpy(text, at, len);
	text[len] = '\0';
	return timestamp_read(text, &ns) ? ns : 0;
}
