/*
 * The events that wait to be written, in order. What does not fit any more is not forgotten
 * silently: at its place stands a gap, which counts the lost events and keeps the newest row of
 * each session that they changed, because the rows are what a restart goes by. So a gap's rows are
 * written after the older ones and before the newer ones, and a reader of the ledger sees where
 * something is missing.
 *
 * Plain data: no lock, no clock, no database.
 */
#ifndef SESSD_BACKLOG_H
#define SESSD_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sessd/hash.h"
#include "sessd/ledger.h"

struct call;

/* One allocation: the body and the row's record lie behind it. */
struct backlog_event {
	struct backlog_event *next;
	struct call *call; /* who is told, or NULL; its owner is the ledger */
	uid_t subject;
	uint64_t refused; /* of a refusal: who asked; else 0 */
	bool has_row;
	struct ledger_row row;
	uint64_t lost;	  /* not 0: this is a gap of so many events, without a body */
	uint64_t lost_at; /* wall clock of the first of them */
	struct hash rows; /* gap: of struct backlog_row, by id */
	const char *body;
	size_t len;
};

struct backlog_row {
	struct hash_link link;
	struct ledger_row row;
	bool fresh; /* this is the session's first row of all: the database has none */
};

struct backlog {
	struct backlog_event *head, *tail;
};

/* Copies body and row (which may be NULL). NULL: no memory. */
struct backlog_event *backlog_event_new(
	const char *body, size_t len, uid_t subject, const struct ledger_row *row);
void backlog_event_free(struct backlog_event *event);

void backlog_push(struct backlog *b, struct backlog_event *event);

/* Takes up to `max` from the front; and puts all of them back there. */
void backlog_take(struct backlog *b, size_t max, struct backlog *ret);
void backlog_untake(struct backlog *b, struct backlog *taken);

/* Frees all events in it. */
void backlog_fini(struct backlog *b);

/*
 * One more event is lost: counts it in the gap at the end, which is made where there is none
 * (*ret_new then). fresh: the row is the first one of its session. -ENOMEM: the event is not
 * counted or its row is not kept.
 */
int backlog_lose(struct backlog *b, uint64_t wall_ns, const struct ledger_row *row, bool fresh,
	bool *ret_new);

/* Calls fn for each row of a gap; a negative answer ends it and is returned. */
int backlog_gap_rows(const struct backlog_event *gap,
	int (*fn)(void *ctx, const struct ledger_row *row), void *ctx);

#endif
