/* The ends of sessions, as revoke and lock are answered. */
#ifndef SESSCTL_OUTCOME_H
#define SESSCTL_OUTCOME_H

#include "sessctl/conn.h"

struct outcomes {
	bool json;
	enum reason reason; /* the one that was asked for */
	uint64_t n;	    /* how many came */
};

/*
 * Reads the outcomes of one request and prints them as they come, until `done`. An exit code:
 * EXIT_NO where processes survive, or a host has not done what was ordered.
 */
int outcomes_read(struct conn *c, struct outcomes *o);

/* The graver of two exit codes. */
int outcomes_graver(int a, int b);

#endif
