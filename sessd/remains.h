/*
 * What the logins of some users have started and what runs still, by audit session: one for each
 * login, cron job and service manager of a user. Found by the login uid, which every process
 * inherits from its login through sudo, setsid and double forks, and which a service that the
 * system's manager starts does not have. Whether such a login is over is not known here.
 */
#ifndef SESSD_REMAINS_H
#define SESSD_REMAINS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "sessd/hash.h"
#include "sessd/proc.h"
#include "sessd/sweep.h"

/* So many audit sessions are told of at the most; there are never more than processes. */
#define REMAINS_MAX 65536

/* `/user.slice/user-1000.slice/user@1000.service` */
#define REMAINS_CGROUP 80

/* The processes of one audit session. */
struct remains {
	LIST_ENTRY(remains) link;
	struct hash_link by_audit;
	uint32_t audit_session;
	uid_t login;	/* who has logged in */
	uint64_t start; /* of the oldest process that another audit session's process started */
	char name[PROC_COMM + 1];    /* its name, raw */
	char cgroup[REMAINS_CGROUP]; /* it is his service manager: that one's cgroup; else "" */
	bool cron;		     /* cron, or one of its kind, started it */
	bool root;   /* only root's: maybe a login that has just begun, or a job of cron's */
	gid_t *gids; /* the groups of a process of his own; NULL: there is none */
	size_t n_gids;
};

/* One reading; embedded in its owner. */
struct remains_look {
	/* Is the reader interested in what that user's logins have started? */
	bool (*wants)(const struct remains_look *look, uid_t login);
	/* Called once, from the loop. error: -errno where something may have been missed; what was
	 * found is there all the same, until remains_fini() or the next reading. */
	void (*done)(struct remains_look *look, int error);
	LIST_HEAD(remains_list, remains) list;

	/* private */
	struct sweep *sweep;
	struct sweep_target target;
	struct hash by_audit;
	int error;
};

/* -ENOMEM. The owner has set wants and done, the rest is zero. */
int remains_init(struct remains_look *look, struct sweep *sweep);
/* At any time; done() is not called any more. Does nothing for one that is all zero. */
void remains_fini(struct remains_look *look);

/* Begins a reading. */
void remains_want(struct remains_look *look);

#endif
