/*
 * PAM modules, as files and by name: where the distribution keeps them, which is ours, and what
 * one may return.
 */
#ifndef SESSCTL_MODULE_H
#define SESSCTL_MODULE_H

#include <stdint.h>

#include "sessctl/pam_rule.h"
#include "sessctl/tree.h"

struct modules {
	const struct tree *tree;
	char folder[TREE_PATH_MAX]; /* "": not found */
};

/* The folder is the one that has pam_unix.so. */
void modules_init(struct modules *m, const struct tree *tree);

/* Is the module, named as in a PAM file, installed? True where that is not known. */
bool modules_has(const struct modules *m, const char *module);

/* `pam_unix.so`, `/lib/security/pam_unix.so` and `pam_unix` are "pam_unix". */
bool module_is(const char *module, const char *name);

/* The values that it may return, as bits; all but PAM_INCOMPLETE of one that is not known. */
uint32_t module_returns(const char *module);

#endif
