/*
 * The module's arguments in the PAM stack. A mistake in them never locks anybody out: what is
 * unknown or malformed is named in the log, and the default stands in its place.
 */
#ifndef PAM_MODULE_ARGS_H
#define PAM_MODULE_ARGS_H

#include <security/pam_modules.h>

#include "common/module_args.h"

/* All arguments of a PAM call; those that are wrong are reported by pam_syslog. */
void module_args_parse(pam_handle_t *pamh, int argc, const char **argv, struct module_args *ret);

#endif
