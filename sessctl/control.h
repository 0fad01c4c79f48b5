/*
 * The controls that people are asked about, and which facts of the ledger count for each. The
 * numbers are those of NIST SP 800-53 Rev. 5, PCI DSS 4.0, 45 CFR 164.312 and DISA's requirements.
 */
#ifndef SESSCTL_CONTROL_H
#define SESSCTL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sessctl/fact.h"

/* Clearly wanting, before the ledger is asked about anything. */
enum verdict { VERDICT_NO_DATA, VERDICT_EXCEPTIONS, VERDICT_SUPPORTED };

/* `supported`, `exceptions`, `no data`. A constant. */
const char *verdict_words(enum verdict verdict);

/* What a fact says of a control. */
enum fact_role {
	ROLE_SUPPORTS = 1, /* what the control asks for was done */
	ROLE_TELLS,	   /* belongs to the picture */
	ROLE_EXCEPTS,	   /* somebody should explain it */
};

struct control_fact {
	enum fact_id fact;
	enum fact_role role;
};

/* A limit of a login, as `policy explain` names it, that the control is about. */
struct control_limit {
	const char *what;
	uint64_t
		most; /* ns or sessions: the control wants no more; 0: it leaves that to the site */
};

#define CONTROL_FACTS_MAX  16
#define CONTROL_LIMITS_MAX 4

struct control {
	const char *id;	     /* as it is printed */
	const char *source;  /* what has that number */
	const char *title;   /* in our words */
	const char *aliases; /* other names, separated by blanks; "": none */
	struct control_limit limits[CONTROL_LIMITS_MAX]; /* `what` is NULL behind them */
	struct control_fact facts[CONTROL_FACTS_MAX];	 /* `role` is 0 behind them */
};

extern const struct control controls[];
extern const size_t n_controls;

/*
 * The control of that name, or NULL. Letters and numbers count, and neither what stands between
 * them nor zeros in front; so do the names of the document, as in `NIST 800-53 AC-02 (05)`.
 */
const struct control *control_find(const char *name);

/* What the facts say of a control. */
struct finding_counts {
	uint64_t supports, exceptions;
};

struct finding_counts control_count(const struct control *c, const struct fact facts[N_FACTS]);

enum verdict control_verdict(struct finding_counts counts);

#endif
