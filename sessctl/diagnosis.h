/* The rules by which doctor judges the stacks of a PAM service. */
#ifndef SESSCTL_DIAGNOSIS_H
#define SESSCTL_DIAGNOSIS_H

#include "common/terms.h"
#include "sessctl/finding.h"
#include "sessctl/stack.h"

struct diagnosis {
	const char *service;
	enum session_class class; /* CLASS_NONE: of none that is built in */
	bool must_have;		  /* pam_sess.so */
	bool has_reauth;	  /* the service sessd-reauth is there */
	bool *wants_reauth;	  /* set where a stack asks for reauth= */
	const struct stacks *stacks;
	const char *dir; /* the daemon's folder, as dir= should have it */
	struct findings *findings;
};

/* All that is wrong goes to the findings; of stacks that are incomplete nothing is said. -ENOMEM */
int diagnosis_make(const struct diagnosis *d);

#endif
