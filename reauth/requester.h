/*
 * Who is at the other end of a connection, by the kernel's word. What is believed of him holds
 * while his process lives: its number is his until then.
 */
#ifndef REAUTH_REQUESTER_H
#define REAUTH_REQUESTER_H

#include <stdbool.h>
#include <sys/types.h>

struct requester {
	pid_t pid;
	uid_t uid;
	int pidfd;
};

/* -errno; -ESRCH where he is gone. To be closed with requester_fini(). */
int requester_init(struct requester *r, int fd);
void requester_fini(struct requester *r);
/* No thread of his process has ended it yet. */
bool requester_lives(const struct requester *r);

#endif
