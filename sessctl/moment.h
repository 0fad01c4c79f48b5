/*
 * A point in time, as people type it:
 *
 *	2026-11-22			the day's first moment
 *	2026-11-22 14:30[:05[.123]]	also with a T in between
 *	2026-11-22T14:30:05Z		RFC 3339, in UTC or with an offset such as +01:00
 *	-24h				so long ago: a duration of common/duration.h
 *	today, yesterday		that day's first moment
 *	now
 *
 * What has no offset is in the time zone of TZ. A time that the clock showed twice is the first of
 * the two; one that it left out is as much later as the clock was set forward.
 */
#ifndef SESSCTL_MOMENT_H
#define SESSCTL_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/* What moment_parse() takes, for a message. */
extern const char moment_forms[];

/* now_ns and *ret: ns since the epoch. False: s is no time, or one before 1970; *ret is untouched.
 */
bool moment_parse(const char *s, uint64_t now_ns, uint64_t *ret);

/* The same for the times of a record: RFC 3339 with an offset, and nothing else. */
bool moment_parse_exact(const char *s, uint64_t *ret);

#endif
