/*
 * Networks, and whether an address is in one. Policies and locks judge the source of a login by
 * them.
 */
#ifndef COMMON_NETWORK_H
#define COMMON_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* A network: IPv4 as ::ffff:0:0/96. */
struct network {
	struct in6_addr addr;
	uint8_t bits;
};

/* `2001:db8::/32` at its longest, and a NUL */
#define NETWORK_TEXT 64

/* Parses `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`. False: no address or network; ret is
 * untouched. Bits beyond the prefix must be zero. */
bool network_parse(const char *s, struct network *ret);
bool network_contains(const struct network *network, const struct in6_addr *addr);

/* As network_parse() takes it, each network in one way only. Returns out (NETWORK_TEXT bytes). */
char *network_format(const struct network *network, char *out);

/* The source of a login as a number. The zone of fe80::1%eth0 names a link of this machine, which
 * no rule speaks of. False: it is no numeric address. */
bool network_source(const char *rhost, struct in6_addr *ret);

#endif
