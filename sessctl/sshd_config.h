/* Whether sshd uses PAM, as its configuration says (sshd_config(5)). */
#ifndef SESSCTL_SSHD_CONFIG_H
#define SESSCTL_SSHD_CONFIG_H

#include "sessctl/finding.h"
#include "sessctl/tree.h"

/* Finds out; where there is no configuration there is no sshd, and nothing to find. -ENOMEM */
int sshd_config_check(const struct tree *tree, struct findings *findings);

#endif
