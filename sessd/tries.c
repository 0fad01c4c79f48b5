#include "sessd/tries.h"

#define COST (TRIES_WINDOW / TRIES_MAX)

/* The user's place, else one that is free. TRIES_USERS: there is none. */
static size_t place_of(const struct tries *tries, uid_t uid, uint64_t now)
{
	size_t i, free_one = TRIES_USERS;

	for (i = 0; i < TRIES_USERS; i++) {
		if (tries->user[i].paid_till <= now)
			free_one = i;
		else if (tries->user[i].uid == uid)
			return i;
	}
	return free_one;
}

enum tries_verdict tries_take(struct tries *tries, uid_t uid, uint64_t now)
{
	size_t i = place_of(tries, uid, now);

	if (i == TRIES_USERS)
		return TRIES_NONE_LEFT;
	if (tries->user[i].paid_till <= now) {
		tries->user[i].uid = uid;
		tries->user[i].told = false;
		tries->user[i].paid_till = now;
	}
	if (tries->user[i].paid_till + COST > now + TRIES_WINDOW) {
		if (tries->user[i].told)
			return TRIES_NONE_LEFT;
		tries->user[i].told = true;
		return TRIES_REFUSED;
	}
	tries->user[i].paid_till += COST;
	tries->user[i].told = false;
	return TRIES_ALLOWED;
}

void tries_give_back(struct tries *tries, uid_t uid, uint64_t now)
{
	size_t i = place_of(tries, uid, now);

	if (i < TRIES_USERS && tries->user[i].paid_till > now)
		tries->user[i].paid_till -= COST;
}
