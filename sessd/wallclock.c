#include <assert.h>
#include <string.h>

#include "common/duration.h"
#include "sessd/wallclock.h"

/* The two clocks are read one after the other; a thread may wait for its turn in between. */
#define JITTER ((int64_t)NS_PER_SEC)

void wallclock_init(struct wallclock *w, uint64_t wall, uint64_t boot)
{
	*w = (struct wallclock){.n = 1, .eras[0].offset = (int64_t)wall - (int64_t)boot};
}

bool wallclock_note(struct wallclock *w, uint64_t wall, uint64_t boot)
{
	int64_t offset = (int64_t)wall - (int64_t)boot, old;

	assert(w->n > 0);
	old = w->eras[w->n - 1].offset;
	if (offset < old + JITTER && offset > old - JITTER) {
		w->eras[w->n - 1].offset = offset;
		return false;
	}
	if (w->n == WALLCLOCK_ERAS)
		memmove(w->eras, w->eras + 1, --w->n * sizeof(w->eras[0]));
	w->eras[w->n++] = (struct wallclock_era){.from = boot, .offset = offset};
	return true;
}

uint64_t wallclock_to_boot(const struct wallclock *w, uint64_t wall, uint64_t now)
{
	int64_t at = wall < INT64_MAX ? (int64_t)wall : INT64_MAX, first, last;
	uint64_t until = now;
	bool older = true; /* than all eras */
	unsigned i;

	for (i = w->n; i > 0; until = w->eras[--i].from) {
		const struct wallclock_era *era = &w->eras[i - 1];

		first = (int64_t)era->from + era->offset;
		last = (int64_t)until + era->offset;
		if (at >= first && at <= last)
			return era->from + (uint64_t)(at - first);
		older = older && at < first;
	}
	return older ? w->eras[0].from : now;
}
