#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "sessd/policy.h"

static void list_free(char **list)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static void policy_fini(struct policy *policy)
{
	free(policy->name);
	list_free(policy->users);
	free(policy->gids);
	list_free(policy->services);
	free(policy->from);
}

void policy_set_fini(struct policy_set *set)
{
	size_t i;

	if (set == NULL)
		return;
	for (i = 0; i < set->n_policies; i++)
		policy_fini(&set->policies[i]);
	free(set->policies);
	for (i = 0; i < set->n_services; i++)
		free(set->services[i].name);
	free(set->services);
	*set = (struct policy_set){.policies = NULL};
}

static int service_compare(const void *key, const void *row)
{
	const struct service *service = row;

	return strcmp(key, service->name);
}

/* NULL: no row names it. */
static const struct service *service_find(const struct policy_set *set, const char *name)
{
	if (set->n_services == 0)
		return NULL;
	return bsearch(
		name, set->services, set->n_services, sizeof(*set->services), service_compare);
}

enum session_class policy_class(const struct policy_set *set, const char *name)
{
	const struct service *service = service_find(set, name);

	return service != NULL ? service->class : CLASS_BACKGROUND;
}

static bool list_contains(char *const *list, const char *name)
{
	size_t i;

	if (list == NULL)
		return true;
	for (i = 0; list[i] != NULL; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static bool group_matches(const struct policy *policy, const struct subject *subject)
{
	size_t i, j;

	if (policy->any_group)
		return true;
	for (i = 0; i < policy->n_gids; i++)
		for (j = 0; j < subject->n_gids; j++)
			if (policy->gids[i] == subject->gids[j])
				return true;
	return false;
}

static bool source_matches(const struct policy *policy, const char *rhost)
{
	struct in6_addr addr;
	size_t i;

	if (policy->n_from == 0)
		return true;
	if (rhost[0] == '\0')
		return false;
	if (!network_source(rhost, &addr))
		return !policy->exempt;
	for (i = 0; i < policy->n_from; i++)
		if (network_contains(&policy->from[i], &addr))
			return true;
	return false;
}

bool policy_matches(const struct policy *policy, const struct subject *subject)
{
	return list_contains(policy->users, subject->user) &&
	       list_contains(policy->services, subject->service) &&
	       group_matches(policy, subject) && source_matches(policy, subject->rhost);
}

unsigned policy_mismatches(const struct policy *policy, const struct subject *subject)
{
	unsigned found = 0;

	if (!list_contains(policy->users, subject->user))
		found |= MISMATCH_USER;
	if (!group_matches(policy, subject))
		found |= MISMATCH_GROUP;
	if (!list_contains(policy->services, subject->service))
		found |= MISMATCH_SERVICE;
	if (!source_matches(policy, subject->rhost))
		found |= MISMATCH_SOURCE;
	return found;
}

char *policy_mismatch_words(unsigned mismatches, char *out)
{
	static const struct {
		enum mismatch mismatch;
		const char *word;
	} words[] = {
		{MISMATCH_USER, "user"},
		{MISMATCH_GROUP, "group"},
		{MISMATCH_SERVICE, "service"},
		{MISMATCH_SOURCE, "source"},
	};
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (mismatches & words[i].mismatch)
			n += (size_t)snprintf(out + n, POLICY_MISMATCH_TEXT - n, "%s%s",
				n > 0 ? ", " : "", words[i].word);
	return out;
}

/* The shorter of two spans, of which 0 is none. Of equals the first stays, here and below. */
static void keep_shorter(
	uint64_t time, const char *name, uint64_t *shortest, const char **shortest_name)
{
	if (time == 0 || (*shortest != 0 && time >= *shortest))
		return;
	*shortest = time;
	*shortest_name = name;
}

static void keep_longer(
	uint64_t time, const char *name, uint64_t *longest, const char **longest_name)
{
	if (time <= *longest)
		return;
	*longest = time;
	*longest_name = name;
}

void policy_resolve(const struct policy_set *set, const struct subject *subject, struct limits *ret)
{
	const struct service *service = service_find(set, subject->service);
	bool graphical = service != NULL && service->graphical;
	struct limits limits = {.exempt = false};
	const struct policy *policy;
	size_t i;

	for (i = 0; i < set->n_policies; i++) {
		policy = &set->policies[i];
		if (!policy_matches(policy, subject))
			continue;
		if (policy->exempt) {
			*ret = (struct limits){.exempt = true, .exempt_policy = policy->name};
			return;
		}
		keep_shorter(
			policy->lifetime, policy->name, &limits.lifetime, &limits.lifetime_policy);
		keep_shorter(policy->max_lifetime, policy->name, &limits.max_lifetime,
			&limits.max_lifetime_policy);
		if (!graphical)
			keep_shorter(policy->idle, policy->name, &limits.idle, &limits.idle_policy);
		keep_longer(policy->warn, policy->name, &limits.warn, &limits.warn_policy);
		keep_shorter(policy->grace, policy->name, &limits.grace, &limits.grace_policy);
		keep_shorter(policy->reauth, policy->name, &limits.reauth, &limits.reauth_policy);
		if (policy->leftovers > limits.leftovers) {
			limits.leftovers = policy->leftovers;
			limits.leftovers_policy = policy->name;
		}
	}
	*ret = limits;
}

uint64_t policy_reauth_anyhow(const struct policy_set *set, const struct subject *subject)
{
	const unsigned unknown = MISMATCH_SERVICE | MISMATCH_SOURCE;
	uint64_t shortest = 0;
	size_t i;

	for (i = 0; i < set->n_policies; i++)
		if ((policy_mismatches(&set->policies[i], subject) & ~unknown) == 0)
			shortest = duration_shorter(shortest, set->policies[i].reauth);
	return shortest;
}
