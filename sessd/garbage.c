/*
 * Cgroups that sessd made and whose sessions are over. Who is left in one (jobs that outlive a
 * logout) keeps it; it is removed when it is empty, looked for ever more seldom.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"

#define GARBAGE_WAIT_MIN (20 * NS_PER_MS)
#define GARBAGE_WAIT_MAX (30 * NS_PER_SEC)

/* One cgroup, removed when it is empty. */
struct garbage {
	struct garbage *next;
	char path[];
};

static void collect(void *ctx)
{
	struct core *core = ctx;
	struct garbage **p = &core->garbage, *g;

	while ((g = *p) != NULL) {
		if (cgroup_remove(core->parts.cgroups, g->path) == -EBUSY) {
			p = &g->next;
			continue;
		}
		*p = g->next;
		free(g);
	}
	if (core->garbage == NULL)
		return;
	core->garbage_wait *= 2;
	if (core->garbage_wait > GARBAGE_WAIT_MAX)
		core->garbage_wait = GARBAGE_WAIT_MAX;
	loop_timer_set(core->parts.loop, &core->garbage_timer, clock_boot() + core->garbage_wait,
		collect, core);
}

void garbage_collect(struct core *core, const char *cgroup)
{
	struct garbage *g = malloc(sizeof(*g) + strlen(cgroup) + 1);

	/* without memory, the empty cgroup stays until the next start */
	if (g == NULL)
		return;
	memcpy(g->path, cgroup, strlen(cgroup) + 1);
	g->next = core->garbage;
	core->garbage = g;
	core->garbage_wait = GARBAGE_WAIT_MIN;
	loop_timer_set(core->parts.loop, &core->garbage_timer, clock_boot() + core->garbage_wait,
		collect, core);
}

void garbage_forget(struct core *core)
{
	struct garbage *g;

	while ((g = core->garbage) != NULL) {
		core->garbage = g->next;
		free(g);
	}
	loop_timer_cancel(core->parts.loop, &core->garbage_timer);
}
