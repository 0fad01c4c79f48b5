#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/network.h"

/* Bits of the prefix ::ffff:0:0, under which IPv4 addresses stand. */
#define MAPPED_BITS 96

/* An address without a prefix; *ret_max is the longest prefix that it could have. */
static bool address_parse(const char *s, struct in6_addr *ret, unsigned *ret_max)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, s, &v4) == 1) {
		*ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(ret->s6_addr + 12, &v4, sizeof(v4));
		*ret_max = 32;
		return true;
	}
	*ret_max = 128;
	return inet_pton(AF_INET6, s, ret) == 1;
}

bool network_source(const char *rhost, struct in6_addr *ret)
{
	size_t len = strcspn(rhost, "%");
	char text[INET6_ADDRSTRLEN];
	unsigned max;

	if (len >= sizeof(text) || (rhost[len] == '%' && rhost[len + 1] == '\0'))
		return false;
	memcpy(text, rhost, len);
	text[len] = '\0';
	return address_parse(text, ret, &max) && (rhost[len] == '\0' || max == 128);
}

/* Decimal digits without a sign or a needless zero. */
static bool prefix_parse(const char *s, unsigned max, unsigned *ret)
{
	unsigned n = 0;
	const char *p;

	for (p = s; *p >= '0' && *p <= '9' && n <= max; p++)
		n = n * 10 + (unsigned)(*p - '0');
	if (p == s || *p != '\0' || n > max || (s[0] == '0' && s[1] != '\0'))
		return false;
	*ret = n;
	return true;
}

/* Are the first `bits` bits the same? */
static bool prefix_equal(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a->s6_addr, b->s6_addr, whole) != 0)
		return false;
	return rest == 0 || ((a->s6_addr[whole] ^ b->s6_addr[whole]) >> (8 - rest)) == 0;
}

/* Is nothing set beyond the first `bits` bits? */
static bool prefix_clean(const struct in6_addr *addr, unsigned bits)
{
	unsigned i;

	for (i = bits; i < 128; i++)
		if (addr->s6_addr[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

bool network_parse(const char *s, struct network *ret)
{
	size_t len = strcspn(s, "/");
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	unsigned max, bits;

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (!address_parse(text, &addr, &max))
		return false;
	bits = max;
	if (s[len] == '/' && !prefix_parse(s + len + 1, max, &bits))
		return false;
	bits += 128 - max;
	if (!prefix_clean(&addr, bits))
		return false;
	*ret = (struct network){.addr = addr, .bits = (uint8_t)bits};
	return true;
}

bool network_contains(const struct network *network, const struct in6_addr *addr)
{
	/* `::/0` is written to mean IPv6, not everything */
	if (network->bits < MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(addr))
		return false;
	return prefix_equal(&network->addr, addr, network->bits);
}

char *network_format(const struct network *network, char *out)
{
	bool v4 = network->bits >= MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(&network->addr);
	unsigned bits = v4 ? network->bits - MAPPED_BITS : network->bits;
	char text[INET6_ADDRSTRLEN];

	if (v4)
		inet_ntop(AF_INET, network->addr.s6_addr + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &network->addr, text, sizeof(text));
	if (bits == (v4 ? 32 : 128))
		snprintf(out, NETWORK_TEXT, "%s", text);
	else
		snprintf(out, NETWORK_TEXT, "%s/%u", text, bits);
	return out;
}
