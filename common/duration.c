#include <stdio.h>
#include <string.h>

#include "common/duration.h"

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{"w", 7 * 86400 * NS_PER_SEC},
	{"d", 86400 * NS_PER_SEC},
	{"h", 3600 * NS_PER_SEC},
	{"m", 60 * NS_PER_SEC},
	{"s", NS_PER_SEC},
	{"ms", NS_PER_MS},
	{"us", NS_PER_US},
};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

/* Reads `12h` at *s and moves *s behind it. */
static bool part_parse(const char **s, uint64_t *ret)
{
	uint64_t n = 0;
	const char *p = *s;
	size_t len, i;

	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > DURATION_MAX)
			return false;
	}
	len = strspn(p, "wdhmsu");
	if (p == *s || len == 0)
		return false;
	for (i = 0; i < N_UNITS; i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, p, len) == 0)
			break;
	if (i == N_UNITS || n > DURATION_MAX / units[i].ns)
		return false;
	*ret = n * units[i].ns;
	*s = p + len;
	return true;
}

bool duration_parse(const char *s, uint64_t *ret)
{
	uint64_t sum = 0, part;

	if (strcmp(s, "0") == 0) {
		*ret = 0;
		return true;
	}
	do {
		if (!part_parse(&s, &part))
			return false;
		sum += part;
		if (sum > DURATION_MAX)
			return false;
	} while (*s != '\0');
	*ret = sum;
	return true;
}

char *duration_format(uint64_t ns, char *out)
{
	size_t i, used = 0;
	int parts = 0;

	for (i = 0; i < N_UNITS && parts < 2; i++) {
		/* milliseconds beside whole seconds say nothing that a reader wants */
		if (parts > 0 && units[i].ns < NS_PER_SEC)
			break;
		if (ns < units[i].ns)
			continue;
		used += (size_t)snprintf(out + used, DURATION_TEXT - used, "%llu%s",
			(unsigned long long)(ns / units[i].ns), units[i].name);
		ns %= units[i].ns;
		parts++;
	}
	if (parts == 0)
		snprintf(out, DURATION_TEXT, "0s");
	return out;
}
