#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/manager.h"

bool manager_is(const char *service)
{
	return strcmp(service, MANAGER_SERVICE) == 0;
}

char *manager_unit(uint32_t uid, char out[MANAGER_UNIT])
{
	snprintf(out, MANAGER_UNIT, "user@%u.service", (unsigned)uid);
	return out;
}

char *manager_order(uint32_t uid, char out[MANAGER_ORDER])
{
	snprintf(out, MANAGER_ORDER, "%u", (unsigned)uid);
	return out;
}

bool manager_order_parse(const char *name, uint32_t *ret)
{
	char again[MANAGER_ORDER];
	unsigned long uid;

	errno = 0;
	uid = strtoul(name, NULL, 10);
	/* the last number is no uid, but says that there is none */
	if (errno != 0 || uid == 0 || uid >= UINT32_MAX ||
		strcmp(manager_order((uint32_t)uid, again), name) != 0)
		return false;
	*ret = (uint32_t)uid;
	return true;
}
