/* Which PAM services of a machine sessd has to do with. */
#ifndef SESSCTL_SERVICES_H
#define SESSCTL_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "sessctl/module.h"

/* By which the user of a session proves himself again; asked by sessd-reauth. */
#define SERVICES_REAUTH "sessd-reauth"

struct services {
	char **name;
	size_t n;
	size_t files; /* that PAM's folders hold */
};

/* Does the service log people in, or let users become others, so that it must have pam_sess.so? */
bool services_must_have(const char *name);

/*
 * Those that have a file and log people in, or let users become others, or have pam_sess.so in
 * their stacks; SERVICES_REAUTH and MANAGER_SERVICE. A file that others include is no service,
 * unless it is one of the first two. -ENOMEM
 */
int services_find(struct services *s, const struct modules *modules);
void services_fini(struct services *s);

#endif
