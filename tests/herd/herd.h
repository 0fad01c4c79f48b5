/*
 * A herd of hosts, to see how a store bears them: each is the agent as it is, in a thread of its
 * own, and a stand-in for its sessd that this process plays for all of them. Nothing of the agents
 * or of the store is simulated, the sessions alone are.
 *
 * One thread, the loop's, owns all that is declared here.
 */
#ifndef TESTS_HERD_H
#define TESTS_HERD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/wire.h"
#include "fleet/agent.h"

/* Connections of one agent: what it hears, says, locks, and carries out. */
#define CONNS_MAX 8

struct host;

struct conn {
	struct host *host;
	int fd; /* -1: none */
};

/* A session, from the question for its place to its end. */
struct stay {
	TAILQ_ENTRY(stay) link;	  /* of the host */
	TAILQ_ENTRY(stay) queued; /* host.queue: to be told */
	struct sid sid;
	char user[64];
	uint64_t uid;
	uint64_t asked_at; /* clock_boot() */
	bool seeks, left, waits_in_queue;
};

TAILQ_HEAD(stay_list, stay);

struct host {
	char name[32];
	char dir[128], socket[160];
	struct agent_options options;
	unsigned cap; /* sessions of a user */
	struct agent *agent;
	pthread_t thread;
	uint64_t begun_at, joined_at; /* clock_boot(); 0: not yet */
	int listener;
	struct conn conns[CONNS_MAX];
	struct conn *attending; /* its request waits for something to tell */
	uint32_t attend_serial;
	struct stay_list stays, queue;
	struct wire_locked lock; /* the one that it knows; kind "": none */
	struct wire_errand *errand;
	uint8_t errand_body[1024];
};

/* What is waited for, and what came. */
struct tally {
	uint64_t joined, placed, locked, unlocked, told; /* so many since the command began */
};

struct herd {
	int epoll;
	const char *dir;
	struct host *hosts;
	size_t n_hosts;
	struct tally tally;
};

_Noreturn void die(const char *what);

/* host.c: the stand-in. A sample is printed as `WHAT NS [HOW]` when it comes. */
void host_listen(struct herd *herd, struct host *h);
/* A connection comes, or something on one; `data` is the host or one of its connections. */
void host_accept(struct herd *herd, struct host *h);
void host_hear(struct herd *herd, struct conn *c);
/* A user comes to this host, and goes. */
void host_login(struct host *h, const char *user, uint64_t uid);
void host_logout(struct host *h, struct stay *s);
/* An administrator of this host sets or lifts a lock of the fleet. */
void host_order(struct host *h, enum wire_type type, const void *msg);

#endif
