/*
 * The second net: systemd ends the scope of a login that outlives its lifetime, whatever became of
 * sessd. pam_systemd(8), which makes the scope, takes the time from the PAM handle.
 */
#ifndef PAM_MODULE_RUNTIME_H
#define PAM_MODULE_RUNTIME_H

#include <security/pam_modules.h>
#include <stdint.h>

/* Where pam_systemd looks: text, a number of seconds. */
#define RUNTIME_KEY "systemd.runtime_max_sec"

/* ns, rounded up to seconds. A shorter time that another module has set stays, and so does one that
 * cannot be read. A PAM code. */
int runtime_limit(pam_handle_t *pamh, uint64_t ns);

#endif
