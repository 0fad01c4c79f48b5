/*
 * The ledger: an append-only, hash-chained record of events, and the rows of the sessions as their
 * projection, in one SQLite database, changed in one transaction. One thread owns the database; the
 * loop hands it work through a queue and hears back through another. It knows the loop, never the
 * session table.
 *
 * All functions are the loop thread's. Callbacks run in the loop, never from within the call that
 * asked.
 */
#ifndef SESSD_LEDGER_H
#define SESSD_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/seal.h"
#include "sessd/entry.h"
#include "sessd/loop.h"

#define LEDGER_FILE "ledger.db"

/* Events that wait in memory while the database cannot be written; beyond it they are counted as
 * lost. */
#define LEDGER_QUEUE_MAX 10000

/* Events that wait while it can: the ends of 100,000 sessions, all at once after a reboot, are no
 * reason to lose any. */
#define LEDGER_BURST_MAX 200000

/* Bytes of lines in one answer to a read: what fits a packet. */
#define LEDGER_PAGE 31000

/* Bytes of a row's record, at the most. */
#define LEDGER_RECORD_MAX (LEDGER_PAGE - 12)

/* Refusals of a user's that are looked at, at the most. */
#define LEDGER_REFUSED_MAX 1000

/* Everybody's events. */
#define LEDGER_ALL_UIDS ((uid_t)-1)

struct ledger;

/*
 * The row of a session, or of a lock, beside an event: written (inserted or replaced) in the same
 * transaction. That of a lock that is not live any more is removed.
 */
struct ledger_row {
	bool lock;   /* ids of locks are apart from those of sessions */
	uint64_t id; /* sequential, from 1, given by the caller: see ledger_last_id() */
	bool live;
	bool login; /* of a session: it was let in, and its class is login */
	uid_t uid;
	const uint8_t *record; /* a `stored` message of the wire; copied */
	size_t len;
};

/* 0: on disk. Negative: the database cannot be written (the event waits in memory and will be tried
 * again). */
typedef void ledger_done_fn(void *ctx, int result);

struct ledger_page {
	const char *body; /* whole lines with newlines, or records (see ledger_read_ended) */
	size_t len;	  /* 0 only where nothing more is there */
	uint64_t last; /* where the next page begins: the seq or row id that was looked at last */
	bool more;
};

/* The page is never NULL; it is empty where result is negative. -ESTALE: the events behind the one
 * that was given were pruned. */
typedef void ledger_page_fn(void *ctx, int result, const struct ledger_page *page);

/* Called for each live row; it must not call the ledger. record is the row's. A negative answer
 * stops the load and is returned. */
typedef int ledger_row_fn(void *ctx, uint64_t id, const uint8_t *record, size_t len);

/*
 * Opens or makes dir/ledger.db (mode 0600), checks its schema and the chain's last line, and starts
 * the thread. A database that is corrupt is set aside as ledger.db.corrupt-N and a new one begins,
 * whose first event says so. A newer schema is refused (-EPROTONOSUPPORT). What failed goes to the
 * log; -errno.
 */
int ledger_open(const char *dir, struct loop *loop, struct ledger **ret);

/* Writes what is queued (where that fails, it is not tried for long), stops the thread, closes the
 * database. Callbacks still pending are not called. Not from a callback of the ledger's; NULL is
 * nothing. */
void ledger_close(struct ledger *ledger);

/* The live rows, in the order of their ids. Before the first append only: it reads in the caller's
 * thread. */
int ledger_load(struct ledger *ledger, ledger_row_fn *fn, void *ctx);

/* The same of locks. */
int ledger_load_locks(struct ledger *ledger, ledger_row_fn *fn, void *ctx);

/* The highest row id ever given; 0 in a new ledger. Of locks: the highest of those that stand. */
uint64_t ledger_last_id(const struct ledger *ledger);
uint64_t ledger_last_lock(const struct ledger *ledger);

/*
 * Queues an event, with the row that it changes (or NULL). subject: whose event it is, for reads by
 * that user (LEDGER_ALL_UIDS: nobody's). done may be NULL. Events are committed in the order of
 * these calls, as many in one transaction as are waiting. On any failure done is not called.
 * -ENOMEM; -EMSGSIZE: the record is longer than LEDGER_RECORD_MAX; -ENOSPC when the queue is full:
 * the event is counted as lost, a LEDGER_GAP will stand in its place, and the row is kept for it.
 */
int ledger_append(struct ledger *ledger, const struct entry *entry, uid_t subject,
	const struct ledger_row *row, ledger_done_fn *done, void *ctx);

/* What a login has before it. */
struct ledger_past {
	const uint8_t *record; /* of the user's last login, as its row has it */
	size_t len;	       /* 0: there is none */
	uint64_t refused;      /* attempts of his that were refused since then, or ever; what one
				  process asked is one attempt */
};

/* As ledger_done_fn. past is NULL where the past cannot be told. */
typedef void ledger_past_fn(void *ctx, int result, const struct ledger_past *past);

/*
 * As ledger_append(), for the first event of a login, which asks in the same breath what was before
 * it. live: the row of the user's newest login that lives, or 0; the one that ended last is found
 * on disk. Answered when the event is on disk, after those that ask nothing.
 */
int ledger_append_login(struct ledger *ledger, const struct entry *entry,
	const struct ledger_row *row, uint64_t live, ledger_past_fn *done, void *ctx);

/*
 * Seals the ledger from now on: finds the secret that the ledger names, or makes one, beside the
 * database. Then a checkpoint is written every 1,000 events, 60 s after an event that has none, and
 * at the end; each is logged. Before the first append only. -errno: the ledger goes on without a
 * seal; what failed goes to the log.
 */
int ledger_seal(struct ledger *ledger);

/* A checkpoint now, unless the last one has seen all; ledger_stats() then has it. done is told when
 * its secret is gone. -ENOMEM; to done: -ENOKEY where the ledger is not sealed. */
int ledger_checkpoint(struct ledger *ledger, ledger_done_fn *done, void *ctx);

/*
 * What is older than so many ns is removed from now on, at leisure: events in front of a
 * checkpoint, of which a sealed `ledger_pruned` tells, and rows of ended sessions. 0: nothing is.
 * Where the ledger is not sealed, no event is removed. After the loads.
 */
void ledger_retain(struct ledger *ledger, uint64_t ns);

/* A page of event lines with seq > after, of one user or of all. -ENOMEM. */
int ledger_read(struct ledger *ledger, uint64_t after, uid_t uid, ledger_page_fn *done, void *ctx);

/*
 * A page of rows of ended sessions, newest first, with id < before (0: from the newest). The body
 * is a sequence of {u64 id, u32 length, record}, in host order; `last` is the last id in it.
 */
int ledger_read_ended(
	struct ledger *ledger, uint64_t before, uid_t uid, ledger_page_fn *done, void *ctx);

/* fn is called in the loop after a commit, or after several at once: who waits for new events asks
 * again then. For up to LEDGER_WATCHERS; -ENOSPC beyond. */
#define LEDGER_WATCHERS 8
int ledger_on_commit(struct ledger *ledger, loop_fn *fn, void *ctx);
/* Nothing with that ctx is called any more; not from such a call. */
void ledger_off_commit(struct ledger *ledger, const void *ctx);

/* As far as the loop has been told: never ahead of the callbacks. */
struct ledger_stats {
	uint64_t seq;	 /* of the newest event on disk */
	uint64_t queued; /* events that are not */
	uint64_t lost;	 /* events that were dropped since the start */
	uint64_t commits;
	uint64_t errors; /* commits that failed */
	bool failing;	 /* the last one did */
	char error[256]; /* why; "" when it did not */
	char path[256];
	char seal_key[SEAL_KEY_HEX + 1]; /* the first public one, or that of the checkpoint with
					    which a pruned ledger begins; "": it is not sealed */
	char checkpoint[SEAL_HEAD_TEXT]; /* the head after the last one; "": none yet */
	char seal_error[256];		 /* why nothing can be sealed now; "": it can */
	uint64_t unsealed;		 /* events on disk that no checkpoint covers */
	uint64_t sealed_at;		 /* the last checkpoint (wall, ns); 0: none */
	uint64_t bytes;			 /* of the database, when it was last looked at */
	uint64_t oldest_at;		 /* of the oldest event (wall, ns) */
	uint64_t rounds; /* in which what is old was removed, and that are over; the first one goes
			    on with what a start has found half done, or nothing */
};

void ledger_stats(const struct ledger *ledger, struct ledger_stats *ret);

/* Duration of each commit, for the histogram; may be NULL. */
void ledger_on_timing(struct ledger *ledger, void (*fn)(void *ctx, uint64_t ns), void *ctx);

#endif
