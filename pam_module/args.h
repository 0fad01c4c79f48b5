/*
 * The module's arguments in the PAM stack. A mistake in them never locks anybody out: what is
 * unknown or malformed is named in the log, and the default stands in its place.
 */
#ifndef PAM_MODULE_ARGS_H
#define PAM_MODULE_ARGS_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdint.h>

#define MODULE_DIR	   "/run/sessd"
#define MODULE_TIMEOUT	   UINT64_C(1000000000)	 /* ns, for a whole PAM call */
#define MODULE_TIMEOUT_MAX UINT64_C(60000000000) /* a login that hangs longer is an outage */

struct module_args {
	const char *dir;    /* absolute; belongs to the caller's argv */
	uint64_t timeout;   /* ns */
	bool deny;	    /* unavailable=deny */
	uint64_t reauth;    /* ns; 0: not given. Accepted, without effect yet */
	bool revoke_others; /* likewise */
	bool quiet;
	bool debug;
};

/* Every argument at its default. */
void module_args_init(struct module_args *args);

/*
 * Takes one argument over into args. False: it is unknown or malformed, and the field that it names
 * is at its default.
 */
bool module_args_set(struct module_args *args, const char *arg);

/* All arguments of a PAM call; those that are wrong are reported by pam_syslog. */
void module_args_parse(pam_handle_t *pamh, int argc, const char **argv, struct module_args *ret);

#endif
