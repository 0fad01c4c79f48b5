/*
 * One question to the daemon: connect, ask, read the answer, hang up.
 */
#ifndef PAM_MODULE_ASK_H
#define PAM_MODULE_ASK_H

#include <stdint.h>

#include "pam_module/answer.h"
#include "pam_module/args.h"

/*
 * Asks `request`, a struct wire_<type> of acct, open, close or password, of the daemon in
 * args->dir, and returns by `deadline` (clock_boot()). A connection that breaks after it was made
 * is made once more and the same request sent again: the daemon may have restarted, and takes a
 * repeated sid for the same session. Whatever goes wrong is in the answer.
 */
void ask_daemon(const struct module_args *args, uint64_t deadline, enum wire_type type,
	const void *request, struct answer *ret);

#endif
