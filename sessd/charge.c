#include <stdlib.h>

#include "common/duration.h"
#include "sessd/charge.h"

#define COST (NS_PER_SEC / CHARGE_RATE)

static struct charge *find(const struct charges *c, uid_t uid)
{
	struct hash_link *l = hash_first(&c->by_uid, hash_mix(uid));

	return l ? container_of(l, struct charge, link) : NULL;
}

struct charge *charge_connection(struct charges *c, uid_t uid, uint64_t now)
{
	struct charge *charge = find(c, uid);

	if (charge == NULL) {
		charge = calloc(1, sizeof(*charge));
		if (charge == NULL || hash_reserve(&c->by_uid) < 0) {
			free(charge);
			return NULL;
		}
		charge->uid = uid;
		charge->credit = CHARGE_BURST * COST;
		charge->filled = now;
		hash_put(&c->by_uid, &charge->link, hash_mix(uid));
	}
	if (uid != 0 && charge->connections >= CHARGE_CONNECTIONS)
		return NULL;
	charge->connections++;
	return charge;
}

/*
 * A uid without connections is forgotten, and with it what it owed: a new connection costs more
 * than the request that it could smuggle in.
 */
void charge_release(struct charges *c, struct charge *charge)
{
	if (charge == NULL || --charge->connections > 0)
		return;
	hash_remove(&c->by_uid, &charge->link);
	free(charge);
}

bool charge_request(struct charge *charge, uint64_t now)
{
	if (charge->uid == 0)
		return true;
	charge->credit += now - charge->filled;
	charge->filled = now;
	if (charge->credit > CHARGE_BURST * COST)
		charge->credit = CHARGE_BURST * COST;
	if (charge->credit < COST)
		return false;
	charge->credit -= COST;
	return true;
}

void charges_fini(struct charges *c)
{
	hash_fini(&c->by_uid);
}
