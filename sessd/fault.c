#include "sessd/fault.h"

#ifdef SESSD_FAULTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void fault_point(enum fault point)
{
	static const char *const names[] = {
#define FAULT_NAME(name) #name,
		FAULT_POINTS(FAULT_NAME)
#undef FAULT_NAME
	};
	static atomic_long passed;
	const char *want = getenv("SESSD_FAULT");
	size_t len = strlen(names[point]);
	long n;

	if (want == NULL || strncmp(want, names[point], len) != 0)
		return;
	if (want[len] != '\0' && want[len] != ':')
		return;
	n = want[len] == ':' ? strtol(want + len + 1, NULL, 10) : 1;
	if (atomic_fetch_add(&passed, 1) + 1 == n)
		raise(SIGKILL);
}

#endif
