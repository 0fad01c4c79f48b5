/*
 * From what libconfuse has parsed and option.c has found good to a policy set: looks up the groups,
 * lays the services over the built-in ones, and notes what is allowed but looks wrong.
 */
#ifndef SESSD_CONFBUILD_H
#define SESSD_CONFBUILD_H

#include <confuse.h>

#include "sessd/config.h"

struct confbuild {
	void (*warn)(void *ctx, const char *line); /* or NULL */
	void *ctx;
};

/*
 * Fills ret, which config_fini() frees whatever this returned. `cfg` NULL: as if the file did not
 * exist. -ENOMEM.
 */
int confbuild_run(const struct confbuild *build, cfg_t *cfg, struct config *ret);

#endif
