/*
 * pam_sess.so, the entry points. The module is a guest in root processes of strangers: it forks
 * nothing, starts no thread, keeps no static state, leaves no descriptor open, touches no signal,
 * mask, directory, umask, environment or locale, gives errno back as it found it, and asks within
 * one deadline. What it may link says the Makefile.
 */
#include <errno.h>
#include <security/pam_modules.h>

#include "common/timestamp.h"
#include "pam_module/visit.h"

/* The rest of the module is hidden; see also pam_sess.map. */
#define ENTRY __attribute__((visibility("default")))

static int run(int (*act)(const struct visit *visit), pam_handle_t *pamh, int flags, int argc,
	const char **argv)
{
	struct visit visit = {.pamh = pamh, .silent = (flags & PAM_SILENT) != 0};
	int saved = errno, r;

	module_args_parse(pamh, argc, argv, &visit.args);
	visit.deadline = clock_boot() + visit.args.timeout;
	r = act(&visit);
	errno = saved;
	return r;
}

/* Refuses a login that the daemon would refuse, with one line that says why. */
ENTRY int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return run(visit_acct, pamh, flags, argc, argv);
}

/* Opens the session; the calling process becomes its leader. */
ENTRY int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return run(visit_open, pamh, flags, argc, argv);
}

/* Ends the session that was opened on this handle; PAM_IGNORE when none was. */
ENTRY int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return run(visit_close, pamh, flags, argc, argv);
}

/* The module authenticates nobody. It notes that others were asked to, and whether they did says
 * the application: it comes to acct_mgmt with this handle only then. */
ENTRY int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return run(visit_auth, pamh, flags, argc, argv);
}

/* It sets no credentials: sudo with NOPASSWD calls this without any authentication. */
ENTRY int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_IGNORE;
}

/* It changes no password. */
ENTRY int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_IGNORE;
}
