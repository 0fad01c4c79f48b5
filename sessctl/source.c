#include <arpa/inet.h>

#include "sessctl/source.h"

enum source source_of(const char *rhost)
{
	struct in6_addr addr;

	if (inet_pton(AF_INET, rhost, &addr) == 1)
		return SOURCE_IPV4;
	return inet_pton(AF_INET6, rhost, &addr) == 1 ? SOURCE_IPV6 : SOURCE_NAME;
}
