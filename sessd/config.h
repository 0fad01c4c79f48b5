/*
 * /etc/sessd/sessd.conf, read with libconfuse into a policy set and the daemon's own settings. The
 * rows of options in config.c are the one place where an option is declared.
 */
#ifndef SESSD_CONFIG_H
#define SESSD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sessd/policy.h"

#define CONFIG_ERROR_TEXT 1024

/* No such group: nobody but root is an administrator. */
#define CONFIG_NO_GID ((gid_t)-1)
/* No such user: nobody but root is the fleet's agent. */
#define CONFIG_NO_UID ((uid_t)-1)

struct config {
	struct policy_set policies;
	gid_t admin_gid;      /* of `admin_group` (default sessd-admin), or CONFIG_NO_GID */
	gid_t breakglass_gid; /* of sessd-breakglass, whom locks spare, or CONFIG_NO_GID */
	bool ledger_required; /* refuse logins while the ledger cannot be written */
	uint64_t retain;      /* ns that events are kept; 0: for ever */
	bool token_required;  /* refuse su and sudo without the token of their login */
	bool orphans_denied;  /* … whose caller belongs to no live session */
	char mirror[256];     /* the file to which the ledger's lines go, too; "": none */
	bool journal, auditd; /* they go to journald, to the kernel's audit log */
	uid_t fleet_uid;      /* of sessd-fleet's user, or CONFIG_NO_UID */
	bool fleet_required;  /* refuse logins under a cap over the fleet that cannot be asked */
};

/* What the file means where it does not exist: no cap, no lifetime, the built-in services. */
int config_default(struct config *ret);

/*
 * Reads the file. On a mistake: -EINVAL, and `error` says `FILE:LINE: what is wrong; what was
 * expected`, or FILE:LINE:COLUMN where the column is known. A file that cannot be read: -errno, and
 * error says so. `warn` is called with a line for each thing that is allowed but looks wrong (a
 * group that does not exist here), and may be NULL.
 */
int config_load(const char *path, void (*warn)(void *ctx, const char *line), void *ctx,
	struct config *ret, char error[CONFIG_ERROR_TEXT]);

void config_fini(struct config *config);

#endif
