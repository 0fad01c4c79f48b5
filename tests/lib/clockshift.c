/*
 * clockshift.so: clocks that a test can move, for a private host whose /etc/ld.so.preload names it.
 * A mock, because the machine's own clock must not be touched, a time namespace has no wall clock
 * and cannot be moved while somebody lives in it, and a suspend would stop the tests as well.
 *
 * The file CLOCKSHIFT_FILE, two numbers of 64 bits in the host's byte order, says by how many ns
 * CLOCK_REALTIME and CLOCK_BOOTTIME are ahead of the machine's. Who writes it sets the clock (the
 * first alone), or was suspended for so long (both, by the same). CLOCK_MONOTONIC goes on as it is,
 * and so do the timeouts of epoll_wait(2) and poll(2), as after a true suspend. When the second
 * number changes, timers on CLOCK_BOOTTIME that are over are made to fire, and nothing else is
 * woken up: that is what the kernel does when it resumes. When the first one does, timers that are
 * to be cancelled when the clock is set are: read(2) says ECANCELED.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CLOCKSHIFT_FILE "/run/clockshift"
#define TIMERS_MAX	64
#define LOOK_NS		2000000 /* how often it is looked whether the file has changed */
#define NS_PER_S	INT64_C(1000000000)

struct shift {
	volatile int64_t wall, boot;
};

/* A timerfd. */
struct timer {
	bool used, cancels, cancelled;
	clockid_t clock;
	int flags;
	struct itimerspec when; /* as it was asked for */
};

static const struct shift none;
static const struct shift *shift = &none;
static struct timer timers[TIMERS_MAX]; /* by descriptor */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool watched;

__attribute__((constructor)) static void begin(void)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, CLOCKSHIFT_FILE, O_RDONLY | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		shift = p;
	close(fd);
}

static int64_t shift_of(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return shift->wall;
	case CLOCK_BOOTTIME:
		return shift->boot;
	default:
		return 0;
	}
}

static void add(struct timespec *ts, int64_t ns)
{
	int64_t sum = ts->tv_nsec + ns % NS_PER_S;

	ts->tv_sec += ns / NS_PER_S + (sum >= NS_PER_S) - (sum < 0);
	ts->tv_nsec = sum + (sum < 0) * NS_PER_S - (sum >= NS_PER_S) * NS_PER_S;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, clock, ts) < 0)
		return -1;
	add(ts, shift_of(clock));
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret != NULL)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

int gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	*tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return 0;
}

/* Tells the kernel, in its own time; what is over by the shifted clock fires at once. */
static int arm(int fd, const struct timer *t, struct itimerspec *old)
{
	struct itimerspec when = t->when;
	bool armed = when.it_value.tv_sec != 0 || when.it_value.tv_nsec != 0;

	if (armed && (t->flags & TFD_TIMER_ABSTIME))
		add(&when.it_value, -shift_of(t->clock));
	if (armed && (when.it_value.tv_sec < 0 || t->cancelled))
		when.it_value = (struct timespec){.tv_nsec = 1};
	return (int)syscall(SYS_timerfd_settime, fd, t->flags & TFD_TIMER_ABSTIME, &when, old);
}

static void *watch(void *arg)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	int64_t wall = shift->wall, boot = shift->boot;
	int fd;

	for (;; nanosleep(&pause, NULL)) {
		if (wall == shift->wall && boot == shift->boot)
			continue;
		pthread_mutex_lock(&lock);
		for (fd = 0; fd < TIMERS_MAX; fd++) {
			struct timer *t = &timers[fd];

			if (wall != shift->wall && t->used && t->cancels)
				t->cancelled = true;
			if (t->used && (t->flags & TFD_TIMER_ABSTIME))
				arm(fd, t, NULL);
		}
		wall = shift->wall;
		boot = shift->boot;
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

int timerfd_create(clockid_t clock, int flags)
{
	int fd = (int)syscall(SYS_timerfd_create, clock, flags);
	sigset_t all, before;
	pthread_t thread;

	if (fd < 0 || shift == &none)
		return fd;
	if (fd >= TIMERS_MAX)
		abort();
	pthread_mutex_lock(&lock);
	timers[fd] = (struct timer){.used = true, .clock = clock};
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!watched && pthread_create(&thread, NULL, watch, NULL) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	watched = true;
	pthread_mutex_unlock(&lock);
	return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	struct timer *t = fd >= 0 && fd < TIMERS_MAX ? &timers[fd] : NULL;
	int r;

	if (t == NULL || !t->used)
		return (int)syscall(SYS_timerfd_settime, fd, flags, new, old);
	pthread_mutex_lock(&lock);
	t->flags = flags;
	t->when = *new;
	t->cancels = (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
	t->cancelled = false;
	r = arm(fd, t, old);
	pthread_mutex_unlock(&lock);
	return r;
}

ssize_t read(int fd, void *buf, size_t size)
{
	ssize_t n = syscall(SYS_read, fd, buf, size);
	bool cancelled = false;

	if (fd < 0 || fd >= TIMERS_MAX || !timers[fd].used)
		return n;
	pthread_mutex_lock(&lock);
	if (n > 0 && timers[fd].cancelled) {
		cancelled = true;
		timers[fd].cancelled = false;
		arm(fd, &timers[fd], NULL);
	}
	pthread_mutex_unlock(&lock);
	if (!cancelled)
		return n;
	errno = ECANCELED;
	return -1;
}

int close(int fd)
{
	if (fd >= 0 && fd < TIMERS_MAX && timers[fd].used) {
		pthread_mutex_lock(&lock);
		timers[fd].used = false;
		pthread_mutex_unlock(&lock);
	}
	return (int)syscall(SYS_close, fd);
}
