/*
 * Spans of time as people write them: a sum of numbers with units, largest first or not: `90s`,
 * `15m`, `1h30m`, `12h`, `7d`, `2w`, `250ms`; a bare `0`.
 */
#ifndef COMMON_DURATION_H
#define COMMON_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US  UINT64_C(1000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

/* The longest: 10 years. Deadlines are sums of these and of the clock, which thus cannot overflow.
 */
#define DURATION_MAX (UINT64_C(3650) * 86400 * NS_PER_SEC)

#define DURATION_TEXT 32

/* False where s is no duration or is too long; ret (ns) is untouched then. */
bool duration_parse(const char *s, uint64_t *ret);

/* Whole units only, at most two of them: `1h30m`, `45s`, `12ms`. Returns out (DURATION_TEXT bytes).
 */
char *duration_format(uint64_t ns, char *out);

/* The shorter of two limits, of which 0 is none. */
static inline uint64_t duration_shorter(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

#endif
