/* Who logs in, as sessd is asked about him: looked up here, so that a slow directory holds up
 * nobody's login. */
#ifndef SESSCTL_ACCOUNT_H
#define SESSCTL_ACCOUNT_H

#include "common/wire.h"

/*
 * Fills uid and groups of a request whose `user` is set. 0; -ENOENT: there is no such user; or what
 * the look-up failed with.
 */
int account_fill(struct wire_explain *ask);

#endif
