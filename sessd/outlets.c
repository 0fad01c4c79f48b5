#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessd/auditd.h"
#include "sessd/feed.h"
#include "sessd/journal.h"
#include "sessd/mirror.h"
#include "sessd/outlets.h"

enum { MIRROR, JOURNAL, AUDITD, N_OUTLETS };

struct outlets {
	struct mirror mirror;
	struct journal journal;
	struct auditd auditd;
	struct feed *feeds[N_OUTLETS];
};

int outlets_new(struct loop *loop, struct ledger *ledger, struct outlets **ret)
{
	struct outlets *o = calloc(1, sizeof(*o));
	int i, r = 0;

	if (o == NULL)
		return -ENOMEM;
	o->mirror = (struct mirror)MIRROR_INIT;
	o->journal.fd = -1;
	o->auditd = (struct auditd)AUDITD_INIT;
	struct feed_sink sinks[N_OUTLETS] = {
		[MIRROR] = mirror_sink(&o->mirror),
		[JOURNAL] = journal_sink(&o->journal),
		[AUDITD] = auditd_sink(&o->auditd),
	};
	for (i = 0; i < N_OUTLETS && r == 0; i++)
		r = feed_new(loop, ledger, &sinks[i], &o->feeds[i]);
	if (r < 0) {
		outlets_free(o);
		return r;
	}
	*ret = o;
	return 0;
}

void outlets_free(struct outlets *o)
{
	bool ended = true;
	int i;

	if (o == NULL)
		return;
	for (i = 0; i < N_OUTLETS; i++)
		ended = feed_free(o->feeds[i]) && ended;
	/* a thread that hangs still uses its sink */
	if (ended)
		free(o);
}

void outlets_set_config(struct outlets *o, const struct config *config)
{
	int i;

	for (i = 0; i < N_OUTLETS; i++)
		feed_reopen(o->feeds[i]);
	feed_direct(o->feeds[MIRROR], config->mirror);
	feed_direct(o->feeds[JOURNAL], config->journal ? JOURNAL_SOCKET : "");
	feed_direct(o->feeds[AUDITD], config->auditd ? AUDITD_LIBRARY : "");
}

void outlets_describe(struct outlets *o, struct wire_state *ret)
{
	char *const errors[N_OUTLETS] = {ret->mirror_error, ret->journal_error, ret->auditd_error};
	struct feed_stats stats;
	int i;

	for (i = 0; i < N_OUTLETS; i++) {
		feed_stats(o->feeds[i], &stats);
		snprintf(errors[i], TEXT_STR_MAX + 1, "%.255s", stats.error);
		if (i == MIRROR && stats.on)
			ret->mirror_seq = stats.seq;
	}
}
