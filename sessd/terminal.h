/*
 * The terminals that a session's processes use: when somebody last typed there, the youngest access
 * time of them, as w(1) shows it; and a line for whoever sits there. Found from the processes,
 * because sshd gives PAM no real terminal.
 */
#ifndef SESSD_TERMINAL_H
#define SESSD_TERMINAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sessd/cgroup.h"
#include "sessd/pidset.h"
#include "sessd/proc.h"
#include "sessd/sweep.h"

/* One question: of these audit sessions, when was each last typed to? */
struct terminal_query {
	uint32_t audit_session; /* PROC_NO_AUDIT: there is none, so `leader` is looked at instead */
	pid_t leader;		/* for its own terminal only; 0: there is none, so no answer */
	uid_t uid;		/* whose session it is */
	uint64_t last_input;	/* out: ns since the epoch; 0: no terminal */
};

/* Reads /proc once for all of them. -errno where /proc cannot be read, or memory is out. */
int terminal_last_input(struct terminal_query *queries, size_t n);

/* Of a session so many terminals are listed. */
#define TERMINAL_MAX 16

/*
 * The terminals of one session, looked for in slices of a loop turn each; embedded in its owner.
 * Whose processes they are: those of the audit session; where there is none, those in the cgroup;
 * where there is none either, the leader and who descends from him.
 */
struct terminal_look {
	/* the question; what it points to is lent until done() */
	uint32_t audit_session; /* the session's alone, or PROC_NO_AUDIT */
	struct cgroups *cgroups;
	const char *cgroup; /* that sessd made, or "" */
	pid_t leader;
	uint64_t leader_start; /* as in proc_stat */
	uid_t uid;	       /* whose session it is */
	/* Called once, from the loop. error: -errno where a terminal may have been missed; what
	 * was found is there all the same. The look may be freed, or begun once more, in it. */
	void (*done)(struct terminal_look *look, int error);

	/* the answer, from done() on */
	uint64_t last_input; /* ns since the epoch, of all terminals; 0: there is none */
	dev_t tty[TERMINAL_MAX];
	uint64_t input[TERMINAL_MAX]; /* of each: they may be of different settings of the clock */
	uint32_t n_tty;

	/* private */
	struct sweep *sweep;
	struct sweep_target target;
	struct pidset members;
	uint32_t fresh, pass;
	int error;
};

/* -ENOMEM, and done() is not called. */
int terminal_look_begin(struct sweep *sweep, struct terminal_look *look);
/* At any time after terminal_look_begin(): done() is not called any more. */
void terminal_look_cancel(struct terminal_look *look);

/*
 * Writes a line of its own there, escaped. Never waits: -EAGAIN where the terminal takes no output
 * now (stopped, or full), which may have taken a part of it. -EACCES where its user wants no
 * messages (mesg(1)); another -errno.
 */
int terminal_say(dev_t tty, const char *text);

/* Where the node of that terminal is. False: there is none here. */
bool terminal_path(dev_t tty, char *ret, size_t size);

/* A terminal as one process uses it. */
struct terminal_use {
	dev_t tty;
	uint64_t start;	     /* of the process */
	uint64_t last_input; /* ns since the epoch, never 0 */
};

/*
 * Which terminal the process uses, in a session of that user. False: none that can be found here,
 * or process or terminal changed meanwhile. Who believes that the process is of a session asks once
 * more afterwards whether it still is.
 */
bool terminal_of_process(pid_t pid, uid_t uid, struct terminal_use *ret);

#endif
