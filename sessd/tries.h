/*
 * How often the users may try to prove themselves again: TRIES_MAX times at once, and then once
 * each TRIES_WINDOW / TRIES_MAX. A try is paid for when it begins, so that those which are made at
 * the same time are counted, too; one that succeeds costs nothing. Pure: time is a parameter.
 */
#ifndef SESSD_TRIES_H
#define SESSD_TRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/duration.h"

#define TRIES_MAX    5
#define TRIES_WINDOW (60 * NS_PER_SEC)
/* Users of whose tries it is known at one time. While there are so many, no other one may try. */
#define TRIES_USERS 1024

struct tries {
	struct {
		uid_t uid;
		bool told;	    /* that he has none left */
		uint64_t paid_till; /* clock_boot(); in the past: nothing is known of him */
	} user[TRIES_USERS];
};

enum tries_verdict {
	TRIES_NONE_LEFT, /* since the last one that was allowed */
	TRIES_REFUSED,	 /* the first time since then */
	TRIES_ALLOWED,
};

enum tries_verdict tries_take(struct tries *tries, uid_t uid, uint64_t now);
/* It succeeded. */
void tries_give_back(struct tries *tries, uid_t uid, uint64_t now);

#endif
