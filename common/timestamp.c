#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/duration.h"
#include "common/timestamp.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0 || ts.tv_sec < 0)
		return 0;
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_wall(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint64_t clock_boot(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

char *timestamp_format(uint64_t wall_ns, char *out)
{
	time_t t = (time_t)(wall_ns / NS_PER_SEC);
	struct tm tm;
	size_t n;

	gmtime_r(&t, &tm);
	n = strftime(out, TIMESTAMP_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, TIMESTAMP_TEXT - n, ".%06uZ",
		(unsigned)(wall_ns % NS_PER_SEC / NS_PER_US));
	return out;
}

bool timestamp_read(const char *text, uint64_t *ret)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S.", &tm), *at;
	uint64_t us = 0;
	time_t t;

	if (end == NULL || strspn(end, "0123456789") != 6 || end[6] != 'Z')
		return false;
	for (at = end; *at != 'Z'; at++)
		us = us * 10 + (uint64_t)(*at - '0');
	t = timegm(&tm);
	if (t < 0)
		return false;
	*ret = (uint64_t)t * NS_PER_SEC + us * NS_PER_US;
	return true;
}

char *timestamp_brief(uint64_t wall_ns, uint64_t now_ns, char *out)
{
	time_t t = (time_t)(wall_ns / NS_PER_SEC), now = (time_t)(now_ns / NS_PER_SEC);
	struct tm tm, today;

	localtime_r(&t, &tm);
	localtime_r(&now, &today);
	if (tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday)
		strftime(out, TIMESTAMP_TEXT, "%H:%M", &tm);
	else
		strftime(out, TIMESTAMP_TEXT, "%b %e %H:%M", &tm);
	return out;
}

char *timestamp_local(uint64_t wall_ns, char *out)
{
	time_t t = (time_t)(wall_ns / NS_PER_SEC);
	struct tm tm;

	localtime_r(&t, &tm);
	/* a zone may have a name of any length */
	if (strftime(out, TIMESTAMP_TEXT, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
		strftime(out, TIMESTAMP_TEXT, "%Y-%m-%d %H:%M:%S %z", &tm);
	return out;
}
