/*
 * One login driven through the module, by libpam or by calling the module's functions directly, and
 * watched at each call.
 */
#ifndef TESTS_PAM_DRIVE_H
#define TESTS_PAM_DRIVE_H

#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/sid.h"
#include "common/text.h"
#include "common/wire.h"
#include "tests/pam/witness.h"

/* The first line of SSH_AUTH_INFO_0 in each login. */
#define DRIVE_AUTH "publickey ssh-ed25519 AAAAC3Nz"

/* The module's calls in the order in which they are made. The second open and the first close are
 * those of a stack that runs the module twice, and are made directly only. */
enum call { CALL_acct, CALL_open, CALL_open_again, CALL_close_first, CALL_close, N_CALLS };

typedef int module_function(pam_handle_t *pamh, int flags, int argc, const char **argv);

struct module {
	module_function *acct_mgmt, *open_session, *close_session;
};

/* What a login is made with. */
struct login_plan {
	const char *through; /* confdir of a stack that holds the module */
	const char *direct;  /* confdir of one that gives a word to the conversation instead */
	const char *service, *user, *rhost, *tty; /* the last two: or NULL */
	const char
		*runtime;  /* how long systemd was told to wait before; in direct calls, or NULL */
	int flags;	   /* of each call */
	const char *dir;   /* the module's dir= */
	const char **argv; /* its arguments in a direct call */
	int argc;
	bool watch_all; /* no other thread runs: descriptors and threads can be compared */
};

struct spool_view {
	bool there;
	struct wire_spooled record;
};

/* What became of it. */
struct login_result {
	bool called[N_CALLS];
	int pam[N_CALLS];
	uint64_t longest;   /* ns */
	unsigned changed;   /* bits of enum property */
	bool errno_changed; /* told in direct calls only */
	unsigned refusals;  /* lines by pam_error */
	char refusal[2048]; /* the last of them */
	unsigned told;	    /* lines by pam_info */
	char telling[2048]; /* all of them, with newlines */
	char runtime[64];   /* how long systemd is told to wait; in direct calls, "": not at all */
	bool has_sid;
	struct sid sid;
	int token; /* 1: there is one in the session keyring after open; 0: not; -1: no keyrings */
	struct spool_view opened, half_closed, closed; /* its spool file after those calls */
};

/* The module's functions; ends the program when it does not load. */
void module_load(const char *path, struct module *ret);

/* acct_mgmt, open_session and, where that succeeded, close_session; by libpam. */
void drive_through(const struct login_plan *plan, struct login_result *ret);

/*
 * The same by direct calls, with errno watched; with `twice` in the nesting of a stack that runs
 * the module twice. pam_set_data works only for a module that libpam has called, so the calls are
 * made from the conversation of pam_echo.so.
 */
void drive_direct(const struct login_plan *plan, const struct module *module, bool twice,
	struct login_result *ret);

/* The spool file of this sid, or with NULL the only one. False: it is there and cannot be read, or
 * there are several. */
bool spool_view(const char *dir, const struct sid *sid, struct spool_view *ret);

#endif
