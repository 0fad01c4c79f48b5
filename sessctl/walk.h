/*
 * Follows all ways through a stack as libpam does (pam_dispatch.c, pam.conf(5)), with each module
 * returning whatever it may. Pure.
 */
#ifndef SESSCTL_WALK_H
#define SESSCTL_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sessctl/stack.h"

/* What pam_sess.so returns on the ways that are looked at, as bits; 0: whatever it may. */
struct walk {
	const struct stack *stack;
	uint32_t ours;
	size_t leaper; /* an item */
	/* what was found out; to be initialised with zeros */
	bool succeeds; /* some way ends in PAM_SUCCESS */
	bool bypassed; /* some way does so that has jumped from, or ended at, `leaper` over a
			  pam_sess.so, and has come to none */
	bool passed;   /* some way does so that has come to one */
	bool reached;  /* some way comes to one and has not been refused before */
};

/* -ENOMEM */
int walk_run(struct walk *w);

#endif
