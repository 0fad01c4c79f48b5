/* A user's sessions on all hosts, as the store has them at one revision. */
#ifndef FLEET_ROLL_H
#define FLEET_ROLL_H

#include "fleet/agent.h"

struct question;

struct listed {
	char user[TEXT_STR_MAX + 1], host[TEXT_STR_MAX + 1];
	char sid[SID_HEX + 1];
	uint64_t created; /* revision */
	uint64_t lease;
	json_t *value; /* NULL: it is none */
	bool chosen;   /* roll_choose() has given it */
};

struct roll {
	struct listed *entry;
	size_t n;
	uint64_t revision;
};

/* False: a user without a name has none. */
bool roll_key(const char *user, struct key *ret);
/* The answer to a range of that key. -errno: it is none, or memory is out. */
int roll_read(const struct etcd_answer *answer, struct roll *ret);
void roll_fini(struct roll *roll);

/* How many count under the policy. */
unsigned roll_count(const struct agent *a, const struct roll *roll, const char *policy);
/* Does that one? */
bool roll_counts(const struct agent *a, const struct listed *e, const char *policy);
/* The first few of them: `sshd from 10.0.0.7 on web1, …` */
void roll_words(const struct agent *a, const struct roll *roll, const char *policy, char *text,
	size_t size);
/*
 * Who of them goes next, and is `chosen` then: of whom the answers to the question say the longest
 * time, and where they say nothing (NULL: nobody was asked) whom the store has known the longest.
 * NULL: there is none.
 */
const struct listed *roll_choose(const struct agent *a, struct roll *roll, const char *policy,
	const struct question *question);
/* Whom the store has known the shortest; NULL: there is none. */
const struct listed *roll_youngest(
	const struct agent *a, const struct roll *roll, const char *policy);

#endif
