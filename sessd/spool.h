/*
 * The spool: what the module wrote into RUNTIME/pending while the daemon did not answer. One file
 * for each session, a `spooled` message of the wire, named by its sid. A file goes when what it
 * says is on disk in the ledger.
 */
#ifndef SESSD_SPOOL_H
#define SESSD_SPOOL_H

#include "sessd/core.h"

struct spool;

/* Makes the folder (mode 0700) where it is missing, and watches it once spool_watch() is called.
 * -errno, logged. */
int spool_open(const char *runtime_dir, struct loop *loop, struct core *core, struct spool **ret);
void spool_free(struct spool *spool);

/* Hands every file to core: those of sessions that were closed, or all others. A file that is
 * malformed is set aside under the name `bad.NAME`. */
void spool_read(struct spool *spool, bool closed);

/* From now on, what comes in is read at once. */
int spool_watch(struct spool *spool);

#endif
