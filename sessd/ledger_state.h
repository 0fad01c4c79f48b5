/*
 * What the halves of the ledger share: the loop's (ledger.c, ledger_open.c) and the thread's
 * (ledger_thread.c). The backlog passes one way, finished calls the other way; `lock` guards
 * `shared`, the store is the thread's while it has work, `loop_side` is the loop's.
 */
#ifndef SESSD_LEDGER_STATE_H
#define SESSD_LEDGER_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/duration.h"
#include "sessd/backlog.h"
#include "sessd/ledger.h"
#include "sessd/loop.h"
#include "sessd/seal.h"
#include "sessd/store.h"

/* Commits whose duration the loop has not fetched; where it stays away for longer, the later ones
 * go unmeasured. */
#define LEDGER_TIMINGS 512

/* Somebody who waits, with one of the three callbacks: for an event to be on disk, for the same and
 * a user's past, or for a page. */
struct call {
	struct call *next;
	ledger_done_fn *done;
	ledger_past_fn *past_done;
	ledger_page_fn *page_done;
	void *ctx;
	int result;
	bool ended;	 /* a page of ended sessions */
	bool past_known; /* the answer is in `past` */
	union {
		struct store_page page;
		struct store_past past;
	};
	char buf[];
};

struct calls {
	struct call *head, *tail;
};

/* How the seal of the ledger stands; the thread's, like the store. */
struct sealing {
	bool wanted; /* ledger_seal() was called */
	bool on;
	char error[256]; /* why nothing can be sealed now, which was logged; "": it can */
	bool written;	 /* a checkpoint is in the transaction under way */
	struct seal seal;
	uint64_t seq; /* of the event that named the present key */
	uint64_t due; /* CLOCK_MONOTONIC of a checkpoint; 0: there is nothing new */
};

/* One round of removing what is old: see ledger_prune.c. The thread's, like the store. */
enum pruning_step {
	PRUNING_EVENTS, /* removes what is left of an older round; and of this one */
	PRUNING_ROWS,	/* of ended sessions */
	PRUNING_LOOK,	/* for what is old enough */
	PRUNING_STATE,	/* in the next commit it is written down, and sealed */
};

struct pruning {
	enum pruning_step step;
	uint64_t at;	      /* CLOCK_MONOTONIC of the next step */
	uint64_t retain;      /* ns, of this round */
	uint64_t now, now_at; /* the wall clock as it was believed, and CLOCK_MONOTONIC of that */
	bool written;	      /* `ledger_pruned` is in the transaction under way */
	struct store_prune round;
};

struct ledger {
	struct store store; /* the thread's while it runs */
	struct sealing sealing;
	struct pruning pruning;
	struct loop *loop;
	struct loop_io io;
	int event_fd; /* -1: none */
	char dir[256];
	pthread_t thread;
	bool threaded;

	pthread_mutex_t lock;
	pthread_cond_t work;
	struct {
		struct backlog backlog;
		struct calls reads;
		struct calls seals; /* for a checkpoint */
		struct calls finished;
		bool told; /* the loop: event_fd was written and not read since */
		bool stopping;
		bool retain_known; /* ledger_retain() was called: before it, nothing is removed */
		uint64_t retain;   /* ns; 0: for ever */
		uint64_t retry_at; /* CLOCK_MONOTONIC; with stats.failing */
		int result;	   /* of the last commit */
		uint64_t written;  /* items of the backlog, gaps included */
		struct ledger_stats stats;
		uint64_t timings[LEDGER_TIMINGS];
		size_t n_timings;
	} shared;

	struct {
		uint64_t last_id;
		uint64_t last_lock;
		uint64_t appended; /* items put into the backlog */
		uint64_t written;
		uint64_t lost;
		struct ledger_stats stats; /* as the callbacks have been told so far */
		struct {
			loop_fn *fn;
			void *ctx;
		} watchers[LEDGER_WATCHERS];
		size_t n_watchers;
		void (*on_timing)(void *ctx, uint64_t ns);
		void *on_timing_ctx;
	} loop_side;
};

static inline void calls_push(struct calls *calls, struct call *call)
{
	call->next = NULL;
	if (calls->tail != NULL)
		calls->tail->next = call;
	else
		calls->head = call;
	calls->tail = call;
}

static inline struct call *calls_pop(struct calls *calls)
{
	struct call *call = calls->head;

	if (call != NULL)
		calls->head = call->next;
	if (calls->head == NULL)
		calls->tail = NULL;
	return call;
}

/* With the lock: the loop is to look at `finished` and `stats`. */
void ledger_tell_loop(struct ledger *l);

/* With the lock: answers the event's caller, if he has not been. */
void ledger_finish(struct ledger *l, struct backlog_event *event, int result);

/* CLOCK_MONOTONIC, ns. */
uint64_t ledger_now(void);

/* In the loop, when the thread has told it. */
void ledger_on_finished(void *ctx, uint32_t events);

/* ledger_seal.c: the checkpoints, as the thread makes them. */

/* How long an event waits for its checkpoint, and how many do, at the most (give or take a commit).
 */
#define SEALING_NS     (60 * NS_PER_SEC)
#define SEALING_EVENTS 1000

/* With the lock: is there a reason to make one although no event waits? */
bool sealing_due(const struct ledger *l, uint64_t now);
/* At the end of a transaction: writes one, where one is due or wanted. -errno: it failed. */
int sealing_write(struct ledger *l, bool wanted, uint64_t now);
/* With the lock, after the commit or instead of it: who waits for one is told when it failed. */
void sealing_committed(struct ledger *l, uint64_t now);
void sealing_failed(struct ledger *l, int result, uint64_t retry_at);
/* Without the lock, after the commit: replaces the secret, and tells who waits. */
void sealing_finish(struct ledger *l);

/* Without the lock: the store is another one. */
void sealing_restart(struct ledger *l);
/* Without the lock: can a checkpoint be made? */
bool sealing_ready(struct ledger *l);

/* ledger_store.c: opens the store, or begins a new one for a damaged one. -errno, and the store
 * says why. */
int ledger_open_store(struct ledger *l, const char *path);
/* Without the lock: the store was found damaged while it was open, or could not be opened since.
 * -errno: it is not open. */
int ledger_renew(struct ledger *l);

/* ledger_prune.c: removing what is old, as the thread does it. */

/* With the lock: is there a step to do; is there something to write with the next commit; and when
 * will there be one of both? (0: never) */
bool pruning_due(const struct ledger *l, uint64_t now);
bool pruning_states(const struct ledger *l, uint64_t now);
uint64_t pruning_next(const struct ledger *l);
/* In a transaction, in front of the checkpoint that must follow. -errno. */
int pruning_write(struct ledger *l);
/* With the lock, after the commit or instead of it. */
void pruning_committed(struct ledger *l);
void pruning_failed(struct ledger *l, uint64_t retry_at);
/* Without the lock. */
void pruning_step(struct ledger *l);

/* Without the lock: looks how large the ledger is, and how old. */
void ledger_measure(struct ledger *l);

/* The thread's body; arg is the ledger. Ends when `stopping` is set and the backlog is written, or
 * cannot be. */
void *ledger_thread(void *arg);

#endif
