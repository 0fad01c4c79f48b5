/*
 * One session that is being ended: private to the reaper. Its steps, in order:
 *
 *	COLLECT	only where the leader is given a grace and is all that is known: who descends from
 *		him, before he goes
 *	GRACE	the leader was told to end by himself
 *	STOP	whatever is found is stopped, so that it forks no more
 *	KILL	whatever is found is killed, again and again until nothing is found
 */
#ifndef SESSD_REAP_H
#define SESSD_REAP_H

#include "sessd/pidset.h"
#include "sessd/reaper.h"
#include "sessd/sweep.h"

enum reap_step { REAP_BEGIN, REAP_COLLECT, REAP_GRACE, REAP_STOP, REAP_KILL };

/* Of those who live, so many are kept by number, for the report. */
#define REAP_SAMPLE 64

struct reap {
	struct reaper *reaper;
	struct reap *next, *prev;
	reap_report_fn *fn;
	void *ctx;

	char cgroup[PROC_CGROUP]; /* "": none */
	uint32_t audit_session;	  /* PROC_NO_AUDIT: none */
	int leader_fd;		  /* own; -1: it is gone */
	pid_t leader;
	uint64_t grace;
	bool tree; /* only the leader is known: his descendants stand for the session */

	enum reap_step step;
	struct loop_timer timer; /* always set, so that setting it needs no memory */
	struct loop_io leader_io;
	struct sweep_target target;
	uint64_t began;
	uint64_t delay; /* before the next pass of KILL */

	/* Everybody seen. With `tree`: its members, with their start times. */
	struct pidset known;
	uint32_t signalled;

	uint32_t pass;	/* passes of this step */
	uint32_t quiet; /* passes in a row that found none (tree, STOP: none that still ran) */
	uint32_t alive; /* in this pass */
	uint32_t fresh; /* in this pass, and in none before */
	pid_t sample[REAP_SAMPLE];
	bool reported; /* survivors */
	bool termed;   /* the leader was told by SIGTERM */
	bool blind;    /* it was logged that /proc could not be read */
};

struct reaper {
	struct loop *loop;
	struct cgroups *cg;
	struct sweep *sweep;
	struct reap *first;
	uint32_t active;
	uint64_t patience;
};

/* reaper.c: the last report has been made, or never will be. */
void reap_free(struct reap *reap);
/* reap_step() is called so many ns from now, and not at the time set before. */
void reap_wake(struct reap *reap, uint64_t in);

/* reap_step.c: the reap's timer calls it; it needs nothing else. */
void reap_step(struct reap *reap);

/* Counts a process that is alive in this pass. */
void reap_saw(struct reap *reap, pid_t pid);
/* Counts one that is told to end, once however often it is told. */
void reap_told(struct reap *reap, pid_t pid);

bool reap_leader_lives(const struct reap *reap);

/* reap_report.c. After a pass of KILL: who lives, as that pass saw them. */
void reap_report_survivors(struct reap *reap, uint64_t elapsed);
/* The last report: frees the reap. */
void reap_report_gone(struct reap *reap, uint64_t elapsed);

/* reap_tree.c. Makes the leader the first member; false where it is gone. */
bool reap_tree_init(struct reap *reap);
/* A sweep came by this process: is it a child of a member? */
void reap_tree_found(struct reap *reap, pid_t pid, const struct proc_stat *stat);
/* Kills every member, and counts those that live; the first time also as told. */
void reap_tree_kill(struct reap *reap);

#endif
