/*
 * One session that is being ended: private to the reaper. Its steps, in order:
 *
 *	COLLECT	only where there is a grace and the leader is all that is known: who descends from
 *		him, before he goes
 *	TELL	whoever is found, or the leader alone, is told to end by himself
 *	GRACE	they are given time for it
 *	STOP	whatever is found is stopped, so that it forks no more
 *	KILL	whatever is found is killed, again and again until nothing is found
 */
#ifndef SESSD_REAP_H
#define SESSD_REAP_H

#include "sessd/pidset.h"
#include "sessd/reaper.h"
#include "sessd/sweep.h"

enum reap_step { REAP_BEGIN, REAP_COLLECT, REAP_TELL, REAP_GRACE, REAP_STOP, REAP_KILL };

/* Of those who live, so many are kept by number, for the report. */
#define REAP_SAMPLE 64
/* A tree must stand still for two passes before it may be killed; waited for so long. */
#define REAP_TREE_PASSES 24

struct reap {
	struct reaper *reaper;
	struct reap *next, *prev;
	reap_report_fn *fn;
	void *ctx;

	char cgroup[PROC_CGROUP]; /* "": none */
	uint32_t audit_session;	  /* PROC_NO_AUDIT: none */
	int leader_fd;		  /* own; -1: it is gone */
	pid_t leader;
	enum reap_tell tell;
	bool tree; /* only the leader is known: his descendants stand for the session */

	enum reap_step step;
	struct loop_timer timer; /* always set, so that setting it needs no memory */
	struct loop_io leader_io;
	struct sweep_target target;
	uint64_t began;
	uint64_t kill_at; /* clock_boot() of the end of the grace */
	uint64_t struck;  /* clock_boot() of the end of TELL and GRACE; 0: not yet */
	uint64_t delay;	  /* before the next pass of GRACE or KILL */

	struct pidset told;    /* that they are to end, or killed */
	struct pidset members; /* with `tree`: who is in it, with their start times */
	uint32_t signalled;

	uint32_t pass;	/* passes of this step */
	uint32_t quiet; /* passes in a row that found none (tree, STOP: none that still ran) */
	uint32_t alive; /* in this pass */
	uint32_t fresh; /* in this pass, and in none before */
	pid_t sample[REAP_SAMPLE];
	bool reported; /* survivors */
	bool reading;  /* a sweep is under way: it goes on in reap_passed() */
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
/* One pass of the step that it is in. */
void reap_pass(struct reap *reap);
/* The end of the grace: all that is left is stopped and killed. */
void reap_strike(struct reap *reap);

/* Counts a process that is alive in this pass. */
void reap_saw(struct reap *reap, pid_t pid);
/* Counts one that is told to end, once however often it is told. */
void reap_told(struct reap *reap, pid_t pid);
bool reap_was_told(const struct reap *reap, pid_t pid);

bool reap_leader_lives(const struct reap *reap);

/* reap_grace.c: the steps COLLECT, TELL and GRACE. */
void reap_grace_begin(struct reap *reap);
void reap_grace_passed(struct reap *reap, int error);
/* The timer: is the grace over, or is nobody left? */
void reap_grace_look(struct reap *reap);

/* reap_report.c. After a pass of KILL: who lives, as that pass saw them. */
void reap_report_survivors(struct reap *reap, uint64_t elapsed);
/* The last report: frees the reap. */
void reap_report_gone(struct reap *reap, uint64_t elapsed);

/* reap_tree.c. Makes the leader the first member; false where it is gone. */
bool reap_tree_init(struct reap *reap);
/* A sweep came by this process: is it a child of a member? */
void reap_tree_found(struct reap *reap, pid_t pid, const struct proc_stat *stat);
/* Signals every member (see victim.h), and counts those that live. */
void reap_tree_signal(struct reap *reap, int sig);

#endif
