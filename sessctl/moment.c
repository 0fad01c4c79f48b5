#include <string.h>
#include <time.h>

#include "common/duration.h"
#include "sessctl/moment.h"

#define DAY 86400

const char moment_forms[] = "2026-11-22, \"2026-11-22 14:30\", 2026-11-22T14:30:00Z, -24h, "
			    "yesterday, today or now";

/* What stands in the text; the calendar has not been asked yet. */
struct written {
	struct tm tm;
	uint64_t ns;   /* the fraction of a second */
	bool clock;    /* it has a time of day */
	bool zone;     /* and an offset from UTC … */
	int64_t ahead; /* … of so many seconds */
};

/* `n` digits at *s, which moves behind them. */
static bool read_digits(const char **s, int n, int *ret)
{
	int i, value = 0;

	for (i = 0; i < n; i++) {
		if ((*s)[i] < '0' || (*s)[i] > '9')
			return false;
		value = value * 10 + ((*s)[i] - '0');
	}
	*s += n;
	*ret = value;
	return true;
}

static bool read_char(const char **s, const char *any)
{
	if (**s == '\0' || strchr(any, **s) == NULL)
		return false;
	(*s)++;
	return true;
}

static bool read_date(const char **s, struct tm *tm)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;
	bool leap;

	if (!read_digits(s, 4, &year) || !read_char(s, "-") || !read_digits(s, 2, &month) ||
		!read_char(s, "-") || !read_digits(s, 2, &day))
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (month < 1 || month > 12 || day < 1 ||
		day > days[month - 1] + (month == 2 && leap ? 1 : 0))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

/* Digits beyond the ninth are read and dropped. */
static bool read_fraction(const char **s, uint64_t *ret)
{
	uint64_t unit = NS_PER_SEC / 10, ns = 0;

	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++, unit /= 10)
		ns += (uint64_t)(**s - '0') * unit;
	*ret = ns;
	return true;
}

static bool read_clock(const char **s, struct written *w)
{
	struct tm *tm = &w->tm;

	w->clock = true;
	if (!read_digits(s, 2, &tm->tm_hour) || !read_char(s, ":") ||
		!read_digits(s, 2, &tm->tm_min) || tm->tm_hour > 23 || tm->tm_min > 59)
		return false;
	if (!read_char(s, ":"))
		return true;
	/* 60: a leap second, which the epoch does not count */
	if (!read_digits(s, 2, &tm->tm_sec) || tm->tm_sec > 60)
		return false;
	return !read_char(s, ".") || read_fraction(s, &w->ns);
}

static bool read_zone(const char **s, struct written *w)
{
	bool behind = **s == '-';
	int hours, minutes;

	w->zone = true;
	if (read_char(s, "zZ"))
		return true;
	if (!read_char(s, "+-") || !read_digits(s, 2, &hours) || !read_char(s, ":") ||
		!read_digits(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	w->ahead = (behind ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

static bool read_written(const char *s, struct written *ret)
{
	struct written w = {0};

	if (!read_date(&s, &w.tm))
		return false;
	if (read_char(&s, "Tt ")) {
		if (!read_clock(&s, &w) || (*s != '\0' && !read_zone(&s, &w)))
			return false;
	}
	if (*s != '\0')
		return false;
	*ret = w;
	return true;
}

static int64_t offset_at(time_t t)
{
	struct tm tm;

	return localtime_r(&t, &tm) != NULL ? tm.tm_gmtoff : 0;
}

/*
 * The clock on the wall as seconds since the epoch. The offset in force is one of those of the day
 * before and the day after; where both would do, the greater gives the first of the two moments.
 * Where neither does, the clock jumped over it, and the offset from before the jump carries on.
 */
static int64_t from_local(const struct tm *written)
{
	struct tm copy = *written;
	int64_t utc = timegm(&copy), before = offset_at(utc - DAY), after = offset_at(utc + DAY);
	int64_t most = before > after ? before : after, least = before > after ? after : before;

	if (offset_at(utc - most) == most)
		return utc - most;
	return utc - (offset_at(utc - least) == least ? least : before);
}

static bool to_ns(const struct written *w, int64_t seconds, uint64_t *ret)
{
	/* the year 9999 is far below what 64 bits of ns hold in seconds; 2554 is what they reach */
	if (seconds < 0 || (uint64_t)seconds > UINT64_MAX / NS_PER_SEC - 1)
		return false;
	*ret = (uint64_t)seconds * NS_PER_SEC + w->ns;
	return true;
}

static int64_t from_zone(const struct written *w)
{
	struct tm copy = w->tm;

	return timegm(&copy) - w->ahead;
}

bool moment_parse_exact(const char *s, uint64_t *ret)
{
	struct written w;

	return read_written(s, &w) && w.zone && to_ns(&w, from_zone(&w), ret);
}

/* The first moment of the day that is `ago` days before now. */
static bool day_before(uint64_t now_ns, int ago, uint64_t *ret)
{
	time_t now = (time_t)(now_ns / NS_PER_SEC);
	struct written w = {0};
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		return false;
	w.tm.tm_year = tm.tm_year;
	w.tm.tm_mon = tm.tm_mon;
	/* timegm() takes the 0th of a month for the last of the one before */
	w.tm.tm_mday = tm.tm_mday - ago;
	return to_ns(&w, from_local(&w.tm), ret);
}

bool moment_parse(const char *s, uint64_t now_ns, uint64_t *ret)
{
	struct written w;
	uint64_t ago;

	if (strcmp(s, "now") == 0) {
		*ret = now_ns;
		return true;
	}
	if (strcmp(s, "today") == 0 || strcmp(s, "yesterday") == 0)
		return day_before(now_ns, s[0] == 'y', ret);
	if (s[0] == '-') {
		if (!duration_parse(s + 1, &ago) || ago > now_ns)
			return false;
		*ret = now_ns - ago;
		return true;
	}
	if (!read_written(s, &w))
		return false;
	return to_ns(&w, w.zone ? from_zone(&w) : from_local(&w.tm), ret);
}
