/*
 * An export of the ledger under way: what of it is wanted, in which format, and where it goes.
 */
#ifndef SESSCTL_EXPORT_H
#define SESSCTL_EXPORT_H

#include "sessctl/context.h"
#include "sessctl/filter.h"
#include "sessctl/format.h"
#include "sessctl/host.h"
#include "sessctl/outfile.h"

struct export
{
	/* the caller's: what is to be done */
	struct context *ctx;
	const struct format *format;
	struct filter filter;
	bool follow;
	char *const *files; /* see struct reading */
	int n_files;
	/* private */
	bool begun;   /* something was written */
	bool to_file; /* else to standard output */
	struct outfile file;
	FILE *out;
	char host[HOST_TEXT];
	uint64_t lines;	  /* read */
	uint64_t events;  /* written */
	uint64_t damaged; /* lines that are no events */
};

/* To standard output, or to a file, whole or not at all. An exit code; what is wrong is said. */
int export_print(struct export *e);
int export_save(struct export *e, const char *path);

#endif
