/*
 * One connection, from `hello` to the verdict: whose session it is says sessd, whether he is its
 * user says PAM, and sessd is told.
 */
#ifndef REAUTH_HEARING_H
#define REAUTH_HEARING_H

#include "common/duration.h"

/* For the whole of it. A module that does not come back is killed by SIGALRM some time later. */
#define HEARING_TIMEOUT (120 * NS_PER_SEC)

/* fd: the connection, which is lent. judge: the path of sessd's pam.sock. 0 where the user has
 * proved himself, 1 where he has not. */
int hearing_hold(int fd, const char *judge);

#endif
