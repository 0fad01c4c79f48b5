/*
 * When, by the clock that nobody can set, was a moment of the wall clock? Access times are of the
 * wall clock, deadlines are not. Pure.
 *
 * Between two settings of the wall clock, which is an era, the two clocks differ by a constant:
 * what slows down or speeds up the one does the same to the other. Suspend counts on both.
 */
#ifndef SESSD_WALLCLOCK_H
#define SESSD_WALLCLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* So many are remembered; of one before them it is only known that it was before. */
#define WALLCLOCK_ERAS 16

struct wallclock {
	struct wallclock_era {
		uint64_t from;	/* clock_boot(); it lasts until the next one begins */
		int64_t offset; /* wall - boot, ns */
	} eras[WALLCLOCK_ERAS]; /* oldest first; the last one is the present */
	unsigned n;
};

/* All that was before belongs to the present era, for all that is known. Both clocks as they are
 * now, ns. */
void wallclock_init(struct wallclock *w, uint64_t wall, uint64_t boot);

/* Both clocks as they are now. True: the wall clock was set, and a new era begins. */
bool wallclock_note(struct wallclock *w, uint64_t wall, uint64_t boot);

/*
 * The moment at which the wall clock showed that, by clock_boot(), `now` at the latest: the
 * youngest where it has shown it more than once. What it never showed (somebody set an access time
 * by hand) is now, or where it is older than all that is known, the beginning of that.
 */
uint64_t wallclock_to_boot(const struct wallclock *w, uint64_t wall, uint64_t now);

#endif
