/*
 * The pieces of wirepeer, a tool that speaks the wire as module, as administrator and as enemy.
 * Each subcommand is a row of the table in wirepeer.c. Failures of the tool itself end it with a
 * line on standard error and status 3; what the daemon answers is printed and is never a failure.
 */
#ifndef TESTS_WIREPEER_H
#define TESTS_WIREPEER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/client.h"
#include "common/wire.h"

#define REPORT_MAX 2048

_Noreturn void die(const char *what);

/* A login that a process of ours shall make. */
struct login {
	struct wire_open open; /* sid and new token: the leader's own, random */
	uint64_t timeout;      /* ns, of one exchange */
	bool audit;	       /* take an audit session of its own first */
	bool tty;	       /* take a terminal of its own first */
	bool key;	       /* put the token into a key, and tell of that */
	bool stay;	       /* also where it was refused */
	bool spool;  /* where the daemon does not answer, write it down, as the module does */
	bool hangup; /* disconnect at once, without reading the answer */
	bool dead;   /* connect, and be dead before the request is sent (by a child) */
	pid_t wake;  /* with dead: be dead before the connection is accepted; then
			SIGCONT to this process */
};

/* What a leader is made of, lent. */
struct leader_parts {
	const char *dir; /* the daemon's runtime directory */
	int channel;	 /* SEQPACKET: reports out, orders in */
	int barrier;	 /* it asks when this one is readable; -1: at once */
	struct login *login;
};

/* wirepeer_leader.c: the life of a leader. Reports `WORD PID SID [MORE]`, then obeys orders:
 * `close`, `again`, `exit`; and with a key `renew`, `prove`, `replay`: as a sudo in his session
 * that has seen a password, that shows the token as it is now, or the one that it was before. */
_Noreturn void leader_main(const struct leader_parts *parts);

/* wirepeer_crowd.c */
int crowd_main(int argc, char **argv);
/* wirepeer_raw.c */
int raw_main(int argc, char **argv);
/* wirepeer_flood.c */
int flood_main(int argc, char **argv);
int requests_main(int argc, char **argv);
/* wirepeer_visits.c */
int visits_main(int argc, char **argv);
/* wirepeer_manager.c */
int manager_main(int argc, char **argv);

/* `-u UID` in front of the other arguments: becomes that user, without groups. Returns how many
 * arguments it took. */
int become_user(int argc, char **argv);

/* A blocking connection to the socket, or -1 with errno. */
int connect_socket(const char *path);
const char *error_id(uint64_t code);

#endif
