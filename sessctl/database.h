/*
 * A ledger's database that nobody has open, read through read_only.h: nothing of it, and nothing
 * beside it, is written, and nobody who starts meanwhile has to wait; that he did is noticed. A
 * write-ahead log beside it counts.
 *
 * The file may be anybody's work: what it can make SQLite do is to go once through one table, in
 * bounded memory.
 */
#ifndef SESSCTL_DATABASE_H
#define SESSCTL_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct sqlite3;

struct database {
	struct sqlite3 *db;
	const char *path;      /* the caller's */
	struct stat before[2]; /* of the file and its log, when it was opened */
	const char *wrong;     /* what is wrong with the row behind the last that was given */
	bool changed;	       /* somebody wrote it meanwhile: nothing of what was read counts */
	char error[256];       /* why it could not be opened */
};

/* Is it a regular file that begins as an SQLite database does? */
bool database_is(const char *path);

/* False: db->error says why. There is nothing to close then. */
bool database_open(struct database *db, const char *path);
void database_close(struct database *db);

/* The number of its last event, for the progress; 0: who knows. */
uint64_t database_last(struct database *db);

/* Whole lines, each with a newline, and the seq of the last of them. An exit code as in reading_fn.
 */
typedef int database_fn(void *arg, const char *text, size_t len, uint64_t seq);

/* All events, in their order; EXIT_DONE also with db->wrong or db->changed. */
int database_read(struct database *db, database_fn *fn, void *arg);

#endif
