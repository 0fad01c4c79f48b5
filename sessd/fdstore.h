/*
 * The pidfds of leaders, kept by the service manager while sessd is being restarted
 * (FileDescriptorStoreMax= of systemd.service(5)). With one a leader is found again for certain,
 * also where its number has become another's. It is a help and no more: where the manager keeps
 * none, or lost one, the leader is found by its number and start time.
 */
#ifndef SESSD_FDSTORE_H
#define SESSD_FDSTORE_H

#include "common/sid.h"

/* The manager hands the names over in one string of the environment, and a string of more than 128
 * KiB would keep sessd from starting. */
#define FDSTORE_MAX 3000

struct fdstore;

/* With what was handed over. *ret is NULL, which all others accept, where nobody keeps descriptors.
 * -ENOMEM. */
int fdstore_new(struct fdstore **ret);
/* What the manager keeps stays there. */
void fdstore_free(struct fdstore *store);

/* The pidfd of that session's leader from before the restart; it is the caller's from then on.
 * -ENOENT where there is none. */
int fdstore_take(struct fdstore *store, const struct sid *sid);
/* After the sessions from before are watched: the manager forgets what none of them keeps. */
void fdstore_settle(struct fdstore *store);

/* The pidfd is lent. Neither waits for the manager. */
void fdstore_keep(struct fdstore *store, const struct sid *sid, int pidfd);
void fdstore_drop(struct fdstore *store, const struct sid *sid);

#endif
