#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "common/text.h"
#include "common/log.h"

static atomic_int level = LOG_INFO;

void log_set_level(int priority)
{
	level = priority;
}

void log_line(int priority, const char *format, ...)
{
	char raw[2048], line[4096];
	va_list ap;
	int n;

	if (priority > level)
		return;
	va_start(ap, format);
	n = vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	if (n < 0)
		return;
	text_escape(raw, (size_t)n < sizeof(raw) ? (size_t)n : sizeof(raw) - 1, line, sizeof(line));
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
	else
		fprintf(stderr, "<%d>%s\n", priority, line);
}
