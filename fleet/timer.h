/* Deadlines of the agent: few, so a list is looked through. Embedded in their owners, all zeros at
 * first. */
#ifndef FLEET_TIMER_H
#define FLEET_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct timer {
	LIST_ENTRY(timer) link;
	uint64_t at; /* clock_boot() */
	void (*fn)(void *ctx);
	void *ctx;
	bool set;
};

struct timers {
	LIST_HEAD(timer_list, timer) list;
};

/* Calls fn once when clock_boot() has reached `at`. A timer that is set is moved. */
void timer_set(
	struct timers *timers, struct timer *t, uint64_t at, void (*fn)(void *ctx), void *ctx);
void timer_cancel(struct timer *t);

/* Calls what is due. A callback may set and cancel any. */
void timers_run(struct timers *timers);
/* Milliseconds until the first is due, rounded up, at most `max`. */
int timers_wait(const struct timers *timers, int max);

/* `ns`, give or take a quarter of it: so that what fails for many is not tried by all together. */
uint64_t timer_jitter(uint64_t ns);
/* How long to leave alone what has failed once more: twice as long each time, from about `first` to
 * `most` at the longest, and up to one half of it less, by chance. Counts the failures; who
 * succeeds sets them to 0. */
uint64_t timer_backoff(unsigned *failures, uint64_t first, uint64_t most);

#endif
