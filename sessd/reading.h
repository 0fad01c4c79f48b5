/*
 * What one connection reads of everybody's events, page by page, so that the ledger can say so: one
 * `ledger_read` when a reading has come to its end, or its connection to its own, and one when
 * somebody begins to follow. What is read further on the same connection is added up until that is
 * closed. So a reader who is given the record of his own reading does not make another one by that.
 */
#ifndef SESSD_READING_H
#define SESSD_READING_H

#include "sessd/core.h"
#include "sessd/peer.h"

/* A request for what is behind `after`; wait: and for what is not there yet. -ENOMEM. */
int reading_ask(struct core *core, struct peer *peer, uint64_t after, bool wait);

/* A page of it is given. */
void reading_give(struct peer *peer, const struct ledger_page *page);

#endif
