/*
 * What a ledger shows of a control: the limits that are configured, the facts of the period, and a
 * verdict. It never says that a control is met: that is for people to judge.
 */
#ifndef SESSCTL_EVIDENCE_H
#define SESSCTL_EVIDENCE_H

#include "sessctl/control.h"
#include "sessctl/limits.h"
#include "sessctl/survey.h"

extern const char evidence_caution[]; /* a sentence that stands under each evidence */

struct evidence {
	const struct control *control;
	const struct survey *survey; /* ended */
	const struct limits *limits;
	struct finding_counts counts; /* of the facts */
	uint64_t weak;		      /* accounts whose limit is more than the control wants */
	bool intact;		      /* the chain and the seal are, and all lines are events */
	enum verdict verdict;
};

void evidence_judge(const struct control *control, const struct survey *survey,
	const struct limits *limits, struct evidence *ret);

/* The limits that the control is about: the row and what the control wants. NULL: there are no
 * more; *at is 0 at first, and moves on. */
const struct limit_row *evidence_limit(const struct evidence *e, size_t *at, bool *ret_weak);

/* `the worst: 0.063 s (event 12)`, in what its measure counts; "" where there is none. Returns out.
 */
#define EVIDENCE_WORST 96
char *evidence_worst(const struct evidence *e, enum fact_id id, char out[EVIDENCE_WORST]);

/* For people, or as one JSON object and a newline (false: no memory). */
void evidence_print(const struct evidence *e, bool own, bool bold, FILE *out);
bool evidence_json(const struct evidence *e, FILE *out);

#endif
