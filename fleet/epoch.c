#include <string.h>

#include "common/log.h"
#include "fleet/epoch.h"

static bool lacks(const struct reply_store *now, const struct reply_store *known)
{
	return known->revision != 0 &&
	       (strcmp(now->cluster, known->cluster) != 0 || now->term < known->term ||
		       now->revision < known->revision);
}

void epoch_see(struct epoch *e, const json_t *root)
{
	struct reply_store now;

	/* answers overtake each other */
	if (reply_store(root, &now) == 0 && !lacks(&now, &e->seen))
		e->seen = now;
}

bool epoch_goes_on(const struct epoch *asked, uint64_t revision, const json_t *root)
{
	struct reply_store now;

	return reply_store(root, &now) == 0 && !lacks(&now, &asked->seen) &&
	       now.revision >= revision;
}

void epoch_judge(struct epoch *e, const struct epoch *asked, const json_t *list)
{
	struct reply_store now;

	if (asked->n != e->n || reply_store(list, &now) < 0 || !lacks(&now, &asked->seen))
		return;
	log_warning("etcd is not the one that it was: cluster %s, term %llu, revision %llu; it was "
		    "%s, %llu, %llu",
		now.cluster, (unsigned long long)now.term, (unsigned long long)now.revision,
		asked->seen.cluster, (unsigned long long)asked->seen.term,
		(unsigned long long)asked->seen.revision);
	e->n++;
	e->seen = now;
}
