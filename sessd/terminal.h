/*
 * The terminals that a session's processes use, and when somebody last typed there: the youngest
 * access time of them, as w(1) shows it. Found from the processes, because sshd gives PAM no real
 * terminal.
 */
#ifndef SESSD_TERMINAL_H
#define SESSD_TERMINAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One question: of these audit sessions, when was each last typed to? */
struct terminal_query {
	uint32_t audit_session; /* PROC_NO_AUDIT: there is none, so `leader` is looked at instead */
	pid_t leader;		/* for its own terminal only; 0: there is none, so no answer */
	uint64_t last_input;	/* out: ns since the epoch; 0: no terminal */
};

/* Reads /proc once for all of them. -errno where /proc cannot be read, or memory is out. */
int terminal_last_input(struct terminal_query *queries, size_t n);

#endif
