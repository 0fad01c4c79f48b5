/*
 * The log of a daemon: one line each to standard error, with the priority as `<N>` in front where
 * that is not a terminal (sd-daemon(3)), so that journald and people both read it. What comes from
 * outside is escaped here.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <syslog.h>

/* Most detailed priority that is written; LOG_INFO at first. */
void log_set_level(int priority);

void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_DEBUG, __VA_ARGS__)

#endif
