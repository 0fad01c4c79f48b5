/* The fleet's locks, as lock.c and decree.c share them. */
#ifndef FLEET_LOCK_H
#define FLEET_LOCK_H

#include "fleet/agent.h"

struct fleet_lock {
	struct agent *agent;
	LIST_ENTRY(fleet_lock) link;
	struct wire_lock what;
	char id[TEXT_STR_MAX +
		1];	     /* of the order to set it; "": nobody waits for what came of it */
	uint64_t version;    /* of the statement */
	bool lifted;	     /* which says that it is lifted */
	bool listed;	     /* since begin() */
	bool held;	     /* sessd has it, by that very statement */
	json_t *outcomes;    /* it is being set */
	bool unheard;	     /* it was being set, and what came of it was not heard */
	unsigned failures;   /* that sessd has told of, one after the other ... */
	uint64_t rest_until; /* ... so that it is not asked before: clock_boot() */
	bool dying;	     /* it is to go when it has been */
};

struct locks {
	LIST_HEAD(fleet_lock_list, fleet_lock) list;
	unsigned n;
	bool complete; /* all that the store has are in the list */
	bool busy, again;
	unsigned asked; /* of sessd, and not answered */
	struct timer timer;
	bool overfull; /* the store has more than there is room for */
	struct timer relist;
};

/* NULL: nothing is known of it. */
struct fleet_lock *lock_find(const struct agent *a, const char *kind, const char *name);
/* What was said of it last, with room for something new. NULL: there is no room; when there is, all
 * are listed again. */
struct fleet_lock *lock_room(struct agent *a, const char *kind, const char *name);
/* It says that its lock is lifted: it can give way to another one. */
void lock_gives_way(struct agent *a);
/* As if nothing had been said of it; sessd keeps what it has. */
void lock_forget(struct fleet_lock *f);
/* What came of the order with that id, taken over: for who gave it. */
void lock_tell(struct agent *a, const char *id, json_t *outcomes);

/* decree.c: what the store says of locks */
void decrees_watch(struct agent *a);

#endif
