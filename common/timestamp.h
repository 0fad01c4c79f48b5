/*
 * Clocks and how points in time are written. Deadlines run on CLOCK_BOOTTIME, which counts suspend
 * and which nobody can set; the wall clock is for records only.
 */
#ifndef COMMON_TIMESTAMP_H
#define COMMON_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `2026-11-23T08:15:30.123456Z` and a NUL */
#define TIMESTAMP_TEXT 32

/* ns since the epoch; 0 where the clock stands before it */
uint64_t clock_wall(void);
/* ns since boot, suspend included */
uint64_t clock_boot(void);

/* RFC 3339, UTC, microseconds. Returns out (TIMESTAMP_TEXT bytes). */
char *timestamp_format(uint64_t wall_ns, char *out);

/* Reads back what timestamp_format() wrote, whatever stands behind it. False: it is none. */
bool timestamp_read(const char *text, uint64_t *ret);

/* For people, in the machine's time zone: `09:12` where it is on the day of now_ns, `Nov 22 09:12`
 * where it is not. Returns out (TIMESTAMP_TEXT bytes). */
char *timestamp_brief(uint64_t wall_ns, uint64_t now_ns, char *out);

/* The same with date, seconds and zone: `2026-11-22 17:05:12 CET`. */
char *timestamp_local(uint64_t wall_ns, char *out);

#endif
