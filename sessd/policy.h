/*
 * Which limits a login is under. Pure: no descriptor, no clock, no log, no names to look up;
 * config.c fills a policy set from the file, and core asks it.
 *
 * Every policy that matches applies; for each limit the strictest wins. `exempt` beats all of them.
 */
#ifndef SESSD_POLICY_H
#define SESSD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/network.h"
#include "common/terms.h"

/* What to do with a login that finds the cap reached. In order of strictness. */
enum at_limit { AT_LIMIT_DENY, AT_LIMIT_EVICT_OLDEST, AT_LIMIT_EVICT_IDLEST };

/* What happens to processes that outlive a normal logout. In order of strictness. */
enum leftovers { LEFTOVERS_KEEP, LEFTOVERS_KILL };

struct policy {
	char *name;
	char **users; /* NULL: all; else NULL-terminated names */
	gid_t *gids;  /* with any_group false: none resolved means that nobody matches */
	size_t n_gids;
	bool any_group;
	char **services; /* NULL: all */
	struct network *from;
	size_t n_from; /* 0: from anywhere */

	uint32_t max_sessions; /* 0: no cap */
	enum at_limit at_limit;
	uint64_t lifetime;     /* ns; 0: none */
	uint64_t max_lifetime; /* of one that is extended, ns; 0: none */
	uint64_t idle;	       /* ns; 0: none */
	uint64_t warn;	       /* before the end, ns; 0: none */
	uint64_t grace;	       /* of its end by lifetime or idle time, ns; 0: none */
	uint64_t reauth;       /* how old an authentication may be at su or sudo, ns; 0: any age */
	enum leftovers leftovers;
	bool exempt;
};

/* A PAM service and its class. */
struct service {
	char *name;
	enum session_class class;
	bool graphical; /* its users type elsewhere than on terminals: they are never idle */
};

struct policy_set {
	struct policy *policies; /* in the order of the file */
	size_t n_policies;
	struct service *services; /* sorted by name */
	size_t n_services;
};

/* Who is judged. All strings are the caller's, none is NULL (empty: unknown). */
struct subject {
	const char *user;
	const char *service;
	const char *rhost; /* as PAM gave it */
	const uint32_t *gids;
	size_t n_gids;
};

/* The limits of one subject. The names point into the policy set. */
struct limits {
	bool exempt;
	uint64_t lifetime;	     /* ns; 0: none */
	const char *lifetime_policy; /* NULL where there is none */
	uint64_t max_lifetime;	     /* the same */
	const char *max_lifetime_policy;
	uint64_t idle; /* the same */
	const char *idle_policy;
	uint64_t warn; /* the same, and of all the longest: told the earliest */
	const char *warn_policy;
	uint64_t grace; /* the same */
	const char *grace_policy;
	uint64_t reauth; /* the same, of a su or sudo that is called in such a session, or is one */
	const char *reauth_policy;
	enum leftovers leftovers;
	const char *leftovers_policy; /* NULL where none kills */
	const char *exempt_policy;
};

void policy_set_fini(struct policy_set *set);

/* The class of a PAM service; CLASS_BACKGROUND (tracked, never capped) for one that no row names.
 */
enum session_class policy_class(const struct policy_set *set, const char *service);

/*
 * Does the policy apply? A source that is no numeric address (a host name, an X display) matches
 * any `from` of a policy that limits, and none of a policy that exempts: strict where it cannot
 * know. An empty source (a console) matches no `from`.
 */
bool policy_matches(const struct policy *policy, const struct subject *subject);

/* What keeps a policy from applying. */
enum mismatch {
	MISMATCH_USER = 1,
	MISMATCH_GROUP = 2,
	MISMATCH_SERVICE = 4,
	MISMATCH_SOURCE = 8,
};

/* All of it, as a set of enum mismatch; 0: it applies, which is when policy_matches() says so. */
unsigned policy_mismatches(const struct policy *policy, const struct subject *subject);

/* `user, source`. Room for all of them is POLICY_MISMATCH_TEXT bytes. Returns out. */
#define POLICY_MISMATCH_TEXT 32
char *policy_mismatch_words(unsigned mismatches, char *out);

void policy_resolve(
	const struct policy_set *set, const struct subject *subject, struct limits *ret);

/* The shortest `reauth` that could apply to the user, by whatever service and from wherever he has
 * logged in; 0: none. Strict where it cannot know. */
uint64_t policy_reauth_anyhow(const struct policy_set *set, const struct subject *subject);

#endif
