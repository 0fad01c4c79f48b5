/*
 * How long the sessions of a user have been idle, and how old they are, asked of the hosts that
 * have them. The answers are durations, which need no common clock. Who does not answer in time is
 * not waited for.
 */
#ifndef FLEET_QUESTION_H
#define FLEET_QUESTION_H

#include "fleet/roll.h"

struct question;

enum question_about { QUESTION_IDLE, QUESTION_AGE };

/*
 * About those of the roll, which is not kept, that count under the policy. done() is called once,
 * not from within, when all have answered or the time is over; the question may be freed in it.
 * NULL: no memory, or nobody can be asked.
 */
struct question *question_ask(struct agent *a, const struct roll *roll, const char *policy,
	enum question_about about, void (*done)(void *ctx), void *ctx);
/* At any time; NULL is none. */
void question_free(struct question *q);
/* ns; 0: nothing was said of it, or q is NULL. */
uint64_t question_time(const struct question *q, const struct listed *e);

#endif
