#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessd/notify.h"
#include "sessd/watchdog.h"

/* A day: what is longer is no watchdog, and its ns might not fit. */
#define USEC_MAX (24ULL * 3600 * 1000000)

/* How often to tell, in ns: twice in the time that the service manager waits. 0: never. */
static uint64_t period(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long n;
	char *end;

	if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	errno = 0;
	n = strtoull(usec, &end, 10);
	if (errno != 0 || *end != '\0' || n > USEC_MAX)
		return 0;
	return n * 1000 / 2;
}

static void tell(void *ctx)
{
	struct watchdog *w = ctx;

	/* one that is lost is followed by another before the time is over */
	notify_now("WATCHDOG=1", -1);
	(void)loop_timer_set(w->loop, &w->timer, clock_boot() + w->period, tell, w);
}

int watchdog_start(struct watchdog *w, struct loop *loop)
{
	w->loop = loop;
	w->period = period();
	return w->period == 0 ? 0
			      : loop_timer_set(loop, &w->timer, clock_boot() + w->period, tell, w);
}
