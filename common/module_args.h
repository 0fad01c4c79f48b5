/*
 * The arguments of pam_sess.so: what the module takes, and `sessctl doctor` finds mistakes in.
 */
#ifndef COMMON_MODULE_ARGS_H
#define COMMON_MODULE_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#define MODULE_DIR	   "/run/sessd"
#define MODULE_TIMEOUT	   UINT64_C(1000000000)	 /* ns, for a whole PAM call */
#define MODULE_TIMEOUT_MAX UINT64_C(60000000000) /* a login that hangs longer is an outage */

struct module_args {
	const char *dir;    /* absolute; belongs to the caller's argv */
	uint64_t timeout;   /* ns */
	bool deny;	    /* unavailable=deny */
	uint64_t reauth;    /* ns; 0: not given */
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

#endif
