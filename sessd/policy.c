#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessd/policy.h"

/* Bits of the prefix ::ffff:0:0, under which IPv4 addresses stand. */
#define MAPPED_BITS 96

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

enum session_class policy_class(const struct policy_set *set, const char *name)
{
	const struct service *service = NULL;

	if (set->n_services > 0)
		service = bsearch(name, set->services, set->n_services, sizeof(*set->services),
			service_compare);
	return service != NULL ? service->class : CLASS_BACKGROUND;
}

/* An address without a prefix; *ret_max is the longest prefix that it could have. */
static bool address_parse(const char *s, struct in6_addr *ret, unsigned *ret_max)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, s, &v4) == 1) {
		*ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(ret->s6_addr + 12, &v4, sizeof(v4));
		*ret_max = 32;
		return true;
	}
	*ret_max = 128;
	return inet_pton(AF_INET6, s, ret) == 1;
}

/* The source of a login as a number. The zone of fe80::1%eth0 names a link of this machine, which
 * no rule speaks of. */
static bool source_parse(const char *rhost, struct in6_addr *ret)
{
	size_t len = strcspn(rhost, "%");
	char text[INET6_ADDRSTRLEN];
	unsigned max;

	if (len >= sizeof(text) || (rhost[len] == '%' && rhost[len + 1] == '\0'))
		return false;
	memcpy(text, rhost, len);
	text[len] = '\0';
	return address_parse(text, ret, &max) && (rhost[len] == '\0' || max == 128);
}

/* Decimal digits without a sign or a needless zero. */
static bool prefix_parse(const char *s, unsigned max, unsigned *ret)
{
	unsigned n = 0;
	const char *p;

	for (p = s; *p >= '0' && *p <= '9' && n <= max; p++)
		n = n * 10 + (unsigned)(*p - '0');
	if (p == s || *p != '\0' || n > max || (s[0] == '0' && s[1] != '\0'))
		return false;
	*ret = n;
	return true;
}

/* Are the first `bits` bits the same? */
static bool prefix_equal(const struct in6_addr *a, const struct in6_addr *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a->s6_addr, b->s6_addr, whole) != 0)
		return false;
	return rest == 0 || ((a->s6_addr[whole] ^ b->s6_addr[whole]) >> (8 - rest)) == 0;
}

/* Is nothing set beyond the first `bits` bits? */
static bool prefix_clean(const struct in6_addr *addr, unsigned bits)
{
	unsigned i;

	for (i = bits; i < 128; i++)
		if (addr->s6_addr[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

bool network_parse(const char *s, struct network *ret)
{
	size_t len = strcspn(s, "/");
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	unsigned max, bits;

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (!address_parse(text, &addr, &max))
		return false;
	bits = max;
	if (s[len] == '/' && !prefix_parse(s + len + 1, max, &bits))
		return false;
	bits += 128 - max;
	if (!prefix_clean(&addr, bits))
		return false;
	*ret = (struct network){.addr = addr, .bits = (uint8_t)bits};
	return true;
}

bool network_contains(const struct network *network, const struct in6_addr *addr)
{
	/* `::/0` is written to mean IPv6, not everything */
	if (network->bits < MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(addr))
		return false;
	return prefix_equal(&network->addr, addr, network->bits);
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
	if (!source_parse(rhost, &addr))
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

/* The shorter of two spans, of which 0 is none. Of equals the first stays. */
static void keep_shorter(
	uint64_t time, const char *name, uint64_t *shortest, const char **shortest_name)
{
	if (time == 0 || (*shortest != 0 && time >= *shortest))
		return;
	*shortest = time;
	*shortest_name = name;
}

void policy_resolve(const struct policy_set *set, const struct subject *subject, struct limits *ret)
{
	const struct policy *policy;
	struct limits limits = {.exempt = false};
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
	}
	*ret = limits;
}
