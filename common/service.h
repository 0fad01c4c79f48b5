/*
 * The PAM services of Debian's programs, and the class that each has unless sessd.conf says
 * otherwise. What is not named, greeters among it, is `background`.
 */
#ifndef COMMON_SERVICE_H
#define COMMON_SERVICE_H

#include <stddef.h>

#include "common/terms.h"

struct service_class {
	const char *name;
	enum session_class class;
};

extern const struct service_class service_builtins[];
extern const size_t service_builtin_count;

/* CLASS_NONE: it is not named. */
enum session_class service_builtin(const char *name);

#endif
