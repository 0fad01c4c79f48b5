#include <sodium.h>
#include <stddef.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "fleet/timer.h"

void timer_set(
	struct timers *timers, struct timer *t, uint64_t at, void (*fn)(void *ctx), void *ctx)
{
	if (!t->set)
		LIST_INSERT_HEAD(&timers->list, t, link);
	t->set = true;
	t->at = at;
	t->fn = fn;
	t->ctx = ctx;
}

void timer_cancel(struct timer *t)
{
	if (t->set)
		LIST_REMOVE(t, link);
	t->set = false;
}

static struct timer *first_due(const struct timers *timers, uint64_t now)
{
	struct timer *t, *first = NULL;

	LIST_FOREACH (t, &timers->list, link)
		if (t->at <= now && (first == NULL || t->at < first->at))
			first = t;
	return first;
}

void timers_run(struct timers *timers)
{
	uint64_t now = clock_boot();
	struct timer *t;

	/* what a callback sets for a later time waits for the next turn */
	while ((t = first_due(timers, now)) != NULL) {
		timer_cancel(t);
		t->fn(t->ctx);
	}
}

int timers_wait(const struct timers *timers, int max)
{
	uint64_t now = clock_boot(), first = UINT64_MAX, ms;
	const struct timer *t;

	LIST_FOREACH (t, &timers->list, link)
		if (t->at < first)
			first = t->at;
	if (first == UINT64_MAX)
		return max;
	if (first <= now)
		return 0;
	ms = (first - now + NS_PER_MS - 1) / NS_PER_MS;
	return ms > (uint64_t)max ? max : (int)ms;
}

uint64_t timer_jitter(uint64_t ns)
{
	return ns - ns / 4 + randombytes_uniform(1000) * (ns / 2) / 1000;
}

uint64_t timer_backoff(unsigned *failures, uint64_t first, uint64_t most)
{
	uint64_t ns = first;
	unsigned i;

	for (i = 0; i < *failures && ns < most; i++)
		ns *= 2;
	if (ns < most)
		(*failures)++;
	else
		ns = most;
	return ns - randombytes_uniform(1001) * (ns / 2) / 1000;
}
