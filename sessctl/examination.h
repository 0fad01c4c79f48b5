/*
 * A survey as a command asks for it: of this machine's ledger or of files, over a period, with what
 * is known from elsewhere; and then the limits of the accounts that were found.
 */
#ifndef SESSCTL_EXAMINATION_H
#define SESSCTL_EXAMINATION_H

#include "sessctl/command.h"
#include "sessctl/evidence.h"

struct examination_order {
	struct context *ctx;
	const struct command *command;
	const struct args *args;
	const char *since, *until, *anchor; /* of the command line, or NULL */
	char *const *files;		    /* see reading.h */
	int n_files;
};

struct examination {
	struct survey survey; /* ended */
	struct limits limits;
	bool own; /* it is this machine's ledger */
};

/*
 * An exit code; what is wrong is said. EXIT_DONE also where the ledger does not verify, which the
 * survey tells. examination_fini() follows it always.
 */
int examination_run(struct examination *x, const struct examination_order *order);
void examination_fini(struct examination *x);

#endif
