/*
 * The database of the ledger as the one thread sees it that uses it: tables, statements, the head
 * of the chain. It knows neither queue nor loop nor log; what went wrong is in `error`.
 *
 *	meta     what the file says about itself: `schema`; `seal`, `seal_first`: see store_seal.c;
 *	         `begin`: see store_prune.c
 *	event    the truth: the lines of the chain, by seq; `refused`: of a login that was turned
 *	         away, the process that asked for it
 *	session  the projection: the newest record of each session, by id; `login`: of one that was
 *	         let in as a login, the seq of its first event
 *	lock     the same of each lock that stands, by id
 *
 * Keys are sequential, so that a commit writes at the end of each tree. Only the live sessions, the
 * ended ones of a user and his ended logins are indexed, each where it costs one entry when a
 * session changes sides, and refusals, of which there are few;
 * the events of one user are found by reading on from where the reader stands, in slices, which is
 * cheaper than an index that every commit has to write.
 *
 * A second connection is shut out by SQLite's exclusive locking mode: releases before 3.51.3 can
 * corrupt a WAL that two connections write, and a well-meant sqlite3(1) is one. It also needs no
 * shared memory. The files may be copied at any time.
 */
#ifndef SESSD_STORE_H
#define SESSD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/chain.h"
#include "common/seal.h"
#include "sessd/entry.h"
#include "sessd/ledger.h"

/* Bytes of a whole line: `{"seq":N,"prev":"…",` in front of an entry. */
#define STORE_LINE_MAX (ENTRY_MAX + 128)

/* Rows that one call of a read looks at, so that commits need not wait for a long search. */
#define STORE_SLICE 4096

/* The last events whose chain is checked at each start. */
#define STORE_TAIL 1000

/* Pages (of 4 KiB) in the WAL before they are copied: enough that a tree's last page, which every
 * commit changes, is copied once for many of them; little enough that it takes tens of
 * milliseconds. */
#define STORE_WAL_PAGES 4000

struct sqlite3;
struct sqlite3_stmt;

enum store_statement {
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_EVENT,
	STORE_ROW,
	STORE_READ,
	STORE_ENDED,
	STORE_ENDED_OF_UID,
	STORE_LIVE,
	STORE_LOCK_PUT,
	STORE_LOCK_DROP,
	STORE_LOCKS,
	STORE_LAST_LOGIN,
	STORE_REFUSED,
	STORE_META_PUT,
	STORE_SEAL_GET,
	STORE_PRUNE,
	STORE_OLD_ROWS,
	STORE_ROW_DROP,
	STORE_PAGES,
	STORE_OLDEST,
	STORE_N_STATEMENTS,
};

struct store {
	struct sqlite3 *db;
	struct sqlite3_stmt *statements[STORE_N_STATEMENTS];
	struct chain head; /* of what is committed */
	uint64_t begin; /* seq of the first event; those before it are being removed; 0: of all */
	struct chain next;  /* of the transaction under way */
	uint64_t known_seq; /* store_open: the newest seq found, also where it failed */
	uint64_t newest_at; /* store_open: of the newest event (wall, ns); 0: there is none */
	uint64_t last_id;   /* store_open: the highest row id found */
	uint64_t last_lock; /* the same of locks */
	int wal_pages;	    /* after the last commit */
	int checkpoint_at;  /* pages at which they are copied into the file, see STORE_WAL_PAGES */
	char error[256];    /* of the last call that failed */
	char line[STORE_LINE_MAX];
};

/*
 * Opens or makes the file (mode 0600) and checks its schema, the end of its chain and its live
 * rows. -EBADMSG: it is damaged; -EPROTONOSUPPORT: a newer schema; -EBUSY: somebody else has it
 * open. After a failure nothing is open.
 */
int store_open(struct store *s, const char *path);

/* Parts of it that store.c has: makes the statements; keeps why SQLite's last call failed, and
 * gives its -errno. */
int store_prepare(struct store *s);
int store_failed(struct store *s);

/* Runs a statement that has no rows, with what is bound to it. */
int store_run(struct store *s, enum store_statement which);

void store_close(struct store *s);

/* Closes a damaged file as it is, its -wal too; `error` stays. */
void store_abandon(struct store *s);

/*
 * A damaged file is first set aside as PATH.damaged, with its -wal; when a new one has taken over
 * what can be read of it, it is put away as PATH.corrupt-N, the first that is free. So a crash in
 * between loses nothing. store_aside() says where it will be (without folder); -ENOENT: no file is
 * set aside.
 */
#define STORE_ASIDE ".damaged"
int store_set_aside(const char *path);
int store_aside(const char *path, char *ret_name, size_t size);
int store_put_away(const char *path);

/* One transaction: begin, events and rows, commit. After any -errno: rollback, which keeps `error`.
 * refused: 0, or of a refusal the process that asked. */
int store_begin(struct store *s);
int store_event(struct store *s, uid_t subject, uint64_t refused, const char *body, size_t len);
int store_row(struct store *s, const struct ledger_row *row);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/* Copies the WAL into the database file where it has grown long. Apart from the commit, so that
 * who waits for that does not wait for this. */
bool store_checkpoint_due(const struct store *s);
int store_checkpoint(struct store *s);

int store_live(struct store *s, ledger_row_fn *fn, void *ctx);
int store_locks(struct store *s, ledger_row_fn *fn, void *ctx);

/* A page that is being read, slice by slice. */
struct store_page {
	uid_t uid; /* or LEDGER_ALL_UIDS */
	uint64_t
		at; /* events: looked at up to this seq; ended sessions: down to this id, 0: none */
	bool more;
	char *buf;
	size_t size;
	size_t len;
};

/* 1: the page is complete; 0: call again; -errno; -ESTALE: what is behind `at` was pruned. */
int store_read(struct store *s, struct store_page *page);
int store_read_ended(struct store *s, struct store_page *page);

/* A question about a user's past, and its answer: see ledger_append_login(). */
struct store_past {
	uid_t uid;
	uint64_t before, live; /* ids */
	char *buf;	       /* for the record */
	size_t size;
	size_t len; /* 0: no login before */
	uint64_t refused;
};

int store_read_past(struct store *s, struct store_past *past);

/* In a transaction: one of the rows of `meta` below. */
int store_meta_put(struct store *s, const char *key, uint64_t value);

/* store_seal.c: where in the ledger its seal is: the event with which the first key, or the present
 * one, was named. The first one is the checkpoint with which a pruned ledger begins. */
#define STORE_SEAL_FIRST "seal_first"
#define STORE_SEAL_LAST	 "seal"

/* In a transaction: it is the event that was written last. */
int store_seal_put(struct store *s, const char *which);
/* Its line, valid until the next call, goes to s->line. -ENOENT: there is none. */
int store_seal_get(struct store *s, const char *which, uint64_t *ret_seq, size_t *ret_len);

/* store_salvage.c: what can still be read of a damaged file. */
struct store_salvage {
	struct chain
		checkpoint; /* the head after the last one whose signature holds; seq 0: none */
	uint64_t seq;	    /* the newest event found */
	uint64_t sessions, locks; /* rows that were taken over */
};

/* In a transaction of the new store of that path: takes over, from the file that was set aside, the
 * rows of sessions that live, and of locks. A
 * damaged page hides what is behind it. -errno: the new store fails. */
int store_salvage(struct store *s, const char *path, struct store_salvage *ret);

/* store_prune.c: the oldest events, and how they are removed. */

/* The event with which the ledger begins, where it is not the first one. */
#define STORE_BEGIN_AT "begin"

/* Rows that one step removes, and those that it looks at: each is a millisecond or two. */
#define STORE_STEP 256
#define STORE_LOOK 1024

/* The search for what is old enough to go, step by step. */
struct store_prune {
	uint64_t cutoff;	    /* wall, ns: what is older goes; 0: it is not chosen yet */
	uint64_t at;		    /* looked at up to this seq, or row id */
	uint64_t first;		    /* the oldest event */
	uint64_t begin;		    /* the checkpoint that will be the first event; 0: none yet */
	char hash[CHAIN_HEX + 1];   /* of the event before it */
	char key[SEAL_KEY_HEX + 1]; /* that signs it */
	uint64_t others; /* events in front of it that tell of something else than pruning */
	uint64_t seen;	 /* the same so far */
};

/* Each: 1: there is no more; 0: call again; -errno. */
int store_prune_look(struct store *s, struct store_prune *p);
/* Removes events in front of s->begin. */
int store_prune_events(struct store *s);
/* Removes rows of sessions that ended before the cutoff. */
int store_prune_rows(struct store *s, struct store_prune *p);

/* How much there is: bytes, and the time of the oldest event (wall, ns; 0: unknown). */
int store_extent(struct store *s, uint64_t *ret_bytes, uint64_t *ret_oldest);

#endif
