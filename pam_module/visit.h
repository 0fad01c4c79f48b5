/*
 * The four phases in which the module works, with their effects. Each returns a PAM code; errno
 * and everything else that is the caller's is module.c's care.
 */
#ifndef PAM_MODULE_VISIT_H
#define PAM_MODULE_VISIT_H

#include <security/pam_modules.h>
#include <stdbool.h>

#include "pam_module/args.h"

/* One PAM call. */
struct visit {
	pam_handle_t *pamh;
	struct module_args args;
	uint64_t deadline; /* clock_boot(); the one for everything that is asked of the daemon */
	bool silent;	   /* PAM_SILENT: no word to the user */
};

/* Notes on the handle that its user was asked to prove who he is. Always PAM_IGNORE. */
int visit_auth(const struct visit *visit);

/* Would the login be let in? Advisory, so that the user reads why not before anything is set up. */
int visit_acct(const struct visit *visit);

/* Admits the session: asks the daemon, or spools where there is none and that is allowed. */
int visit_open(const struct visit *visit);

/* Tells the daemon that the session ended, or spools that. Never fails a logout. */
int visit_close(const struct visit *visit);

#endif
