#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/logins.h"

/* So many users share the logins. */
#define USERS	  1000
#define FIRST_UID 200000

void logins_renew(struct logins *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (sid_random(&l->sids[i]) < 0)
			err(1, "random numbers");
}

void logins_init(struct logins *l, size_t n)
{
	struct wire_open *open = &l->open;
	uint32_t i;

	*l = (struct logins){.sids = calloc(n, sizeof(struct sid)), .n = n};
	if (l->sids == NULL)
		err(1, "memory for %zu logins", n);
	logins_renew(l);
	/* as long as what a login with a key by sshd brings */
	snprintf(open->service, sizeof(open->service), "sshd");
	snprintf(open->tty, sizeof(open->tty), "ssh");
	snprintf(open->rhost, sizeof(open->rhost), "2001:db8:4f3a::17");
	snprintf(open->auth, sizeof(open->auth),
		"publickey ssh-ed25519 SHA256:u1cGmVnKzLxW0YhK7yQ3r8bXv5sPjJqTfA2dE9oRZtM");
	for (i = 0; i < 5; i++)
		open->gids.gid[open->gids.n++] = 1000 + i;
}

void logins_fini(struct logins *l)
{
	free(l->sids);
	l->sids = NULL;
}

const void *logins_open(void *logins, size_t i)
{
	struct logins *l = logins;

	l->open.uid = FIRST_UID + i % USERS;
	snprintf(l->open.user, sizeof(l->open.user), "user%u", (unsigned)(i % USERS));
	l->open.sid = l->sids[i % l->n];
	/* any will do here that is not another's */
	memcpy(l->open.new_token.b, l->open.sid.b, SID_BYTES);
	return &l->open;
}

const void *logins_close(void *logins, size_t i)
{
	struct logins *l = logins;

	l->close.sid = l->sids[i % l->n];
	return &l->close;
}

const void *logins_show(void *logins, size_t i)
{
	struct logins *l = logins;

	sid_hex(&l->sids[i % l->n], l->show.prefix);
	return &l->show;
}
