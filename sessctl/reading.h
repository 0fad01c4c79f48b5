/*
 * The lines of a ledger, from wherever it is, in bounded memory: this machine's own, which the
 * daemon reads to us or, where it is stopped, its database; or files, each an export or a copied
 * database (recognised by what it begins with), in the order of their events.
 */
#ifndef SESSCTL_READING_H
#define SESSCTL_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "sessctl/context.h"

/* Bytes of a line, newline included, that is taken in one piece. sessd's own have 31 KiB at the
 * most. */
#define READING_LINE_MAX ((size_t)1 << 20)

/* The ledger of a daemon that was given no other folder. */
#define READING_DATABASE "/var/lib/sessd/ledger.db"

/*
 * A piece of the text: whole lines with their newlines. The last piece of a file may lack its last
 * newline (it was cut off), and a line beyond READING_LINE_MAX comes in parts. An exit code: any
 * but EXIT_DONE stops the reading and is returned.
 */
typedef int reading_fn(void *arg, const char *text, size_t len);

struct reading {
	/* the caller's */
	struct context *ctx;
	const char *what;   /* for the progress line: `verifying` */
	char *const *files; /* `-` is standard input */
	int n_files;	    /* 0: this machine's own */
	bool follow;	    /* of the daemon's: goes on with what comes, and does not end */
	reading_fn *take;
	void *arg;
	/* found, also where it was stopped */
	bool own;	   /* this machine's ledger */
	const char *wrong; /* what is wrong behind the last line that was given: a database is
			      damaged there; NULL: nothing */
};

/* Reads all, with a progress line. An exit code; what is wrong is said on ctx->err, but for
 * `wrong`, with which it is EXIT_DONE. */
int reading_run(struct reading *r);

/*
 * The next line of a piece, without its newline. *at is 0 at first, and moves on. False: there are
 * no more.
 */
bool reading_line(const char *text, size_t len, size_t *at, const char **ret_line, size_t *ret_len);

#endif
