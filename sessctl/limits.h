/*
 * The limits under which the accounts of a ledger would log in now: asked of sessd for each
 * account, and put together, so that it can be seen how many have which limit, and who has none.
 */
#ifndef SESSCTL_LIMITS_H
#define SESSCTL_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"
#include "sessctl/context.h"
#include "sessctl/tally.h"

/* Accounts that are asked about: those with the most logins. */
#define LIMITS_ACCOUNTS 100
#define LIMITS_MAX	64

enum limit_state {
	LIMIT_SET,
	LIMIT_NONE,   /* no policy sets it */
	LIMIT_EXEMPT, /* a policy exempts from it */
};

/* One limit with one value from one policy, and how many accounts have it. */
struct limit_row {
	const char *what; /* `idle`; a constant */
	enum limit_state state;
	uint64_t value; /* ns, or sessions */
	bool is_time;
	char policy[TEXT_STR_MAX + 1];
	uint64_t accounts;
	char example[TEXT_STR_MAX + 1]; /* the first of them */
};

struct limits {
	bool asked;
	const char *why_not; /* where it is not; a constant */
	uint64_t accounts;   /* that were asked about */
	uint64_t unknown;    /* of the period, but this machine has no such account now */
	uint64_t left_out;   /* beyond LIMITS_ACCOUNTS, or rows that had no room */
	size_t n;
	struct limit_row rows[LIMITS_MAX];
};

/*
 * Asks; nothing is said where nobody answers, but in `why_not`. `users` is sorted: whose logins are
 * 0 are not asked about. What was found is in l->rows, in the order of its finding.
 */
void limits_ask(struct limits *l, struct context *ctx, const struct tally *users);

/* `15m`, `10`, `none` or `none (exempt)`, into out. Returns out. */
#define LIMIT_TEXT 48
char *limit_text(const struct limit_row *row, char out[LIMIT_TEXT]);

/* Does it allow more than that (ns or sessions; 0: anything is allowed)? */
bool limit_exceeds(const struct limit_row *row, uint64_t most);

#endif
