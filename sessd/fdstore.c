/*
 * Owns a list of what the service manager keeps, by sid, and until they are taken the descriptors
 * that it handed over. A name in the manager's store is a sid.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sessd/fdstore.h"
#include "sessd/hash.h"
#include "sessd/notify.h"

struct kept {
	struct hash_link link;
	struct sid sid;
	int fd;	     /* handed over and not taken; else -1 */
	bool wanted; /* not only by a daemon from before */
};

struct fdstore {
	struct hash by_sid;
};

static struct kept *find(const struct fdstore *store, const struct sid *sid)
{
	struct hash_link *link;

	for (link = hash_first(&store->by_sid, hash_bytes(sid->b)); link; link = hash_next(link)) {
		struct kept *k = container_of(link, struct kept, link);

		if (sid_equal(&k->sid, sid))
			return k;
	}
	return NULL;
}

/* Takes over fd, -1 for none. NULL: that sid is there already, or there is no memory. */
static struct kept *add(struct fdstore *store, const struct sid *sid, int fd)
{
	struct kept *k;

	if (find(store, sid) != NULL)
		return NULL;
	k = calloc(1, sizeof(*k));
	if (k == NULL || hash_reserve(&store->by_sid) < 0) {
		free(k);
		return NULL;
	}
	*k = (struct kept){.sid = *sid, .fd = fd, .wanted = fd < 0};
	hash_put(&store->by_sid, &k->link, hash_bytes(sid->b));
	return k;
}

static void forget(struct fdstore *store, struct kept *k)
{
	hash_remove(&store->by_sid, &k->link);
	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

static int tell(const char *what, const struct sid *sid, int fd)
{
	char text[64], hex[SID_HEX + 1];

	snprintf(text, sizeof(text), "%s=1\nFDNAME=%s", what, sid_hex(sid, hex));
	return notify_now(text, fd);
}

static void handed_over(void *ctx, const char *name, int fd)
{
	struct sid sid;

	/* else a socket, which is taken elsewhere */
	if (sid_parse(name, &sid) && add(ctx, &sid, fd) == NULL)
		close(fd);
}

int fdstore_new(struct fdstore **ret)
{
	struct fdstore *store = NULL;

	if (getenv("NOTIFY_SOCKET") != NULL) {
		store = calloc(1, sizeof(*store));
		if (store == NULL)
			return -ENOMEM;
		notify_each(handed_over, store);
	}
	*ret = store;
	return 0;
}

static struct kept *first_in(const struct fdstore *store, size_t *bucket)
{
	for (; *bucket < store->by_sid.size; (*bucket)++) {
		if (store->by_sid.buckets[*bucket] != NULL)
			return container_of(store->by_sid.buckets[*bucket], struct kept, link);
	}
	return NULL;
}

void fdstore_free(struct fdstore *store)
{
	struct kept *k;
	size_t bucket = 0;

	if (store == NULL)
		return;
	while ((k = first_in(store, &bucket)) != NULL)
		forget(store, k);
	hash_fini(&store->by_sid);
	free(store);
}

int fdstore_take(struct fdstore *store, const struct sid *sid)
{
	struct kept *k = store ? find(store, sid) : NULL;
	int fd;

	if (k == NULL || k->fd < 0)
		return -ENOENT;
	fd = k->fd;
	k->fd = -1;
	return fd;
}

void fdstore_settle(struct fdstore *store)
{
	size_t bucket;

	for (bucket = 0; store != NULL && bucket < store->by_sid.size; bucket++) {
		struct hash_link *link = store->by_sid.buckets[bucket], *next;

		for (; link != NULL; link = next) {
			struct kept *k = container_of(link, struct kept, link);

			next = link->next;
			if (!k->wanted) {
				(void)tell("FDSTOREREMOVE", &k->sid, -1);
				forget(store, k);
			}
		}
	}
}

void fdstore_keep(struct fdstore *store, const struct sid *sid, int pidfd)
{
	struct kept *k = store ? find(store, sid) : NULL;

	if (k != NULL) {
		k->wanted = true;
		return;
	}
	if (store == NULL || store->by_sid.n >= FDSTORE_MAX)
		return;
	k = add(store, sid, -1);
	if (k != NULL && tell("FDSTORE", sid, pidfd) < 0)
		forget(store, k);
}

void fdstore_drop(struct fdstore *store, const struct sid *sid)
{
	struct kept *k = store ? find(store, sid) : NULL;

	if (k == NULL)
		return;
	/* should it be lost, the manager sees for itself that the process is gone, or is told at
	 * the next start */
	(void)tell("FDSTOREREMOVE", sid, -1);
	forget(store, k);
}
