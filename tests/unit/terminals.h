/* Pseudo terminals, and processes that use them. */
#ifndef TESTS_UNIT_TERMINALS_H
#define TESTS_UNIT_TERMINALS_H

#include "tests/unit/processes.h"

#include <sys/ioctl.h>

struct terminal {
	int master;
	int slave;
};

/* False where there are no pseudo terminals whose names can be found under /dev/pts. */
static inline bool terminal_open(struct terminal *t)
{
	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	t->slave = -1;
	if (t->master < 0 || unlockpt(t->master) < 0)
		return false;
	t->slave = open(ptsname(t->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return t->slave >= 0;
}

static inline void terminal_close(struct terminal *t)
{
	close(t->master);
	close(t->slave);
}

static inline void set_input(const struct terminal *t, time_t sec, long nsec)
{
	const struct timespec times[2] = {{sec, nsec}, {0, UTIME_OMIT}};

	assert_int_equal(futimens(t->slave, times), 0);
}

static struct terminal mine;

static inline void wait_here(struct shared *s)
{
	s->ready++;
	for (;;)
		pause();
}

static inline void on_mine(struct shared *s)
{
	setsid();
	if (ioctl(mine.slave, TIOCSCTTY, 0) < 0)
		_exit(1);
	wait_here(s);
}

#endif
