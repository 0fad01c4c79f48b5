/*
 * The leaders of logins that were refused. sshd goes on with a session that PAM refused (and with
 * `-N` would keep the connection): it gets a moment to tell the user, then it is ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

#define CONDEMNED_PAUSE (250 * NS_PER_MS)
#define CONDEMNED_GRACE (2 * NS_PER_SEC)

struct condemned {
	LIST_ENTRY(condemned) link;
	struct core *core;
	struct loop_timer timer;
	int pidfd;
	pid_t leader;
	uint32_t audit_session;
};

static void condemned_free(struct condemned *c)
{
	LIST_REMOVE(c, link);
	loop_timer_cancel(c->core->parts.loop, &c->timer);
	if (c->pidfd >= 0)
		close(c->pidfd);
	free(c);
}

/* Nobody will come back to them after a restart, so they are told now. */
void condemned_forget(struct core *core)
{
	struct condemned *c;

	while ((c = LIST_FIRST(&core->condemned)) != NULL) {
		pidfd_signal(c->pidfd, SIGTERM);
		condemned_free(c);
	}
}

static void condemned_reaped(void *ctx, const struct reap_result *result)
{
	if (result->gone)
		condemned_free(ctx);
}

static void condemned_due(void *ctx)
{
	struct condemned *c = ctx;
	struct reap_order order = {
		.cgroup = "",
		.audit_session = c->audit_session,
		.leader_pidfd = c->pidfd,
		.leader = c->leader,
		.grace = CONDEMNED_GRACE,
		.tell = REAP_TELL_LEADER,
	};

	if (reaper_end(c->core->parts.reaper, &order, condemned_reaped, c, NULL) < 0) {
		log_error("a refused login's process %d could not be ended: out of memory",
			(int)c->leader);
		condemned_free(c);
	}
}

void condemn(struct core *core, int pidfd, pid_t leader, uint32_t audit_session)
{
	struct condemned *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return;
	*c = (struct condemned){.core = core,
		.leader = leader,
		.audit_session = audit_session,
		.pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0)};
	LIST_INSERT_HEAD(&core->condemned, c, link);
	if (c->pidfd < 0 || loop_timer_set(core->parts.loop, &c->timer,
				    clock_boot() + CONDEMNED_PAUSE, condemned_due, c) < 0)
		condemned_free(c);
}
