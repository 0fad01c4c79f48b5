/*
 * What every command is handed: where it writes, where the daemon is, how long to wait. Commands
 * return one of the exit codes below, having said on `err` what went wrong.
 */
#ifndef SESSCTL_CONTEXT_H
#define SESSCTL_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/un.h>

#include "sessctl/progress.h"

/* Those of sessctl.8, and of WIRE_ERRORS in common/wire.h. */
enum {
	EXIT_DONE = 0,
	EXIT_NO = 1, /* the answer is no, or not all was done */
	EXIT_USAGE = 2,
	EXIT_UNAVAILABLE = 3,
	EXIT_FORBIDDEN = 4,
	EXIT_NO_SESSION = 5,
};

struct context {
	FILE *out;
	FILE *err;
	int out_errno;	/* the first write to `out` that failed: why; 0: none has */
	bool pipe_ends; /* that the reader of `out` went away is how it ends (watch) */
	bool bold;	/* `out` may be sent colours */
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool usual_dir; /* it is where it is unless somebody said otherwise */
	char reauth_socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint64_t timeout; /* ns for each answer of the daemon; 0: none */
	bool timeout_given;
	struct progress progress;
};

void context_init(struct context *ctx, FILE *out, FILE *err);

/* `sessctl: …` and a newline on err; what cannot be printed is escaped. */
void context_error(struct context *ctx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Sends what was written to `out` on its way. False: it cannot be written, so go no further. */
bool context_flush(struct context *ctx);

/* Flushes, complains where that failed, and returns the exit code of the program. */
int context_finish(struct context *ctx, int code);

/*
 * Copies an argument into a STR field (TEXT_STR_MAX + 1 bytes) of a request; EXIT_USAGE, with a
 * message that calls it `what`, where it does not fit.
 */
int context_copy(struct context *ctx, const char *what, const char *value, char *ret);

#endif
