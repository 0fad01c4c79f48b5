#include <arpa/inet.h>
#include <assert.h>
#include <confuse.h>
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "common/wire.h"
#include "sessd/option.h"

static const struct {
	const char *name;
	enum at_limit at_limit;
} at_limits[] = {
	{"deny", AT_LIMIT_DENY},
	{"evict_oldest", AT_LIMIT_EVICT_OLDEST},
	{"evict_idlest", AT_LIMIT_EVICT_IDLEST},
};

static const char *const leftovers[] = {[LEFTOVERS_KEEP] = "keep", [LEFTOVERS_KILL] = "kill"};

#define N_AT_LIMITS (sizeof(at_limits) / sizeof(at_limits[0]))

static const char *check_name(const char *value)
{
	return value[0] == '\0' ? "it is empty" : NULL;
}

static const char *check_bool(const char *value)
{
	return cfg_parse_boolean(value) < 0 ? "neither true nor false" : NULL;
}

static const char *check_class(const char *value)
{
	return class_by_name(value) == CLASS_NONE ? "no such class" : NULL;
}

static const char *check_network(const char *value)
{
	size_t len = strcspn(value, "/");
	char text[INET6_ADDRSTRLEN];
	struct network network;

	if (network_parse(value, &network))
		return NULL;
	if (len >= sizeof(text))
		return "neither an address nor a network";
	memcpy(text, value, len);
	text[len] = '\0';
	if (!network_parse(text, &network))
		return "neither an address nor a network";
	/* the same prefix behind an address of zeros, which has no bits beyond it */
	snprintf(text, sizeof(text), "%s%s", strchr(text, ':') != NULL ? "::" : "0.0.0.0",
		value + len);
	return network_parse(text, &network) ? "the address has bits beyond the prefix"
					     : "the length of the prefix is wrong";
}

static const char *check_count(const char *value)
{
	size_t len = strspn(value, "0123456789");
	const char *p;
	uint32_t n = 0;

	if (len == 0 || value[len] != '\0')
		return "no whole number";
	for (p = value; *p != '\0' && n <= OPTION_SESSIONS_MAX; p++)
		n = n * 10 + (uint32_t)(*p - '0');
	return n == 0 || n > OPTION_SESSIONS_MAX ? "out of range" : NULL;
}

static const char *check_duration(const char *value)
{
	uint64_t ns;

	if (!duration_parse(value, &ns))
		return "no time";
	return ns == 0 ? "no time at all" : NULL;
}

static const char *check_grace(const char *value)
{
	const char *wrong = check_duration(value);
	uint64_t ns;

	if (wrong != NULL)
		return wrong;
	return duration_parse(value, &ns) && ns > WIRE_GRACE_MAX ? "too long" : NULL;
}

static const char *check_at_limit(const char *value)
{
	size_t i;

	for (i = 0; i < N_AT_LIMITS; i++)
		if (strcmp(at_limits[i].name, value) == 0)
			return NULL;
	return "no such way";
}

static const char *check_leftovers(const char *value)
{
	return strcmp(value, leftovers[LEFTOVERS_KEEP]) != 0 &&
			       strcmp(value, leftovers[LEFTOVERS_KILL]) != 0
		       ? "neither keep nor kill"
		       : NULL;
}

static const char *check_token(const char *value)
{
	return strcmp(value, "optional") != 0 && strcmp(value, "required") != 0
		       ? "neither optional nor required"
		       : NULL;
}

static const char *check_orphans(const char *value)
{
	return strcmp(value, "allow") != 0 && strcmp(value, "deny") != 0 ? "neither allow nor deny"
									 : NULL;
}

static const char *check_scope(const char *value)
{
	if (strcmp(value, "fleet") == 0)
		return "a cap over several hosts is not supported by this version";
	return strcmp(value, "host") != 0 ? "no such scope" : NULL;
}

#define EXPECTED_NAMES "names in quotes, as in {\"anna\", \"ben\"}; leave it out to mean all"

/* clang-format off */
const struct option options[] = {
	{"root", "admin_group", OPTION_VALUE, "group", "sessd-admin", check_name, "the name or number of a group",
		"Members of this group may list and end everybody's sessions."},
	{"root", "ledger_required", OPTION_VALUE, "boolean", "false", check_bool, "true or false",
		"Whether logins are refused while the ledger cannot be written."},
	{"root", "token", OPTION_VALUE, "optional | required", "optional", check_token, "optional or required",
		"Whether su and sudo need the token of the login that they are called in."},
	{"root", "orphans", OPTION_VALUE, "allow | deny", "allow", check_orphans, "allow or deny",
		"What happens to su and sudo that are called in no live session."},

	{"service", "class", OPTION_VALUE, "login | elevation | background | ignored", NULL, check_class,
		"login, elevation, background or ignored",
		"What kind of session the service opens; it must be given."},

	{"policy", "users", OPTION_LIST, "list of names", NULL, check_name, EXPECTED_NAMES,
		"The policy applies to these users."},
	{"policy", "groups", OPTION_LIST, "list of groups", NULL, check_name, EXPECTED_NAMES,
		"The policy applies to members of these groups, given by name or number."},
	{"policy", "services", OPTION_LIST, "list of names", NULL, check_name, EXPECTED_NAMES,
		"The policy applies to logins through these PAM services."},
	{"policy", "from", OPTION_LIST, "list of networks", NULL, check_network,
		"addresses and networks in quotes, as in {\"10.0.0.0/8\", \"2001:db8::/32\"}; leave it out to mean anywhere",
		"The policy applies to logins from these addresses and networks."},
	{"policy", "max_sessions", OPTION_VALUE, "number", NULL, check_count,
		"a number from 1 to 1000000; leave it out for no cap",
		"How many login sessions a user may have at a time under this policy."},
	{"policy", "scope", OPTION_VALUE, "host", "host", check_scope, "host",
		"Where the sessions are counted."},
	{"policy", "at_limit", OPTION_VALUE, "deny | evict_oldest | evict_idlest", "deny", check_at_limit,
		"deny, evict_oldest or evict_idlest",
		"What happens to a login that finds the cap reached."},
	{"policy", "lifetime", OPTION_VALUE, "time", NULL, check_duration,
		"such as 12h or 1h30m, in w, d, h, m, s or ms, longer than 0 and at most 3650d; leave it out for no limit",
		"How long after its login a session is ended."},
	{"policy", "max_lifetime", OPTION_VALUE, "time", NULL, check_duration,
		"such as 24h, in w, d, h, m, s or ms, longer than 0 and at most 3650d; leave it out for no limit",
		"How long after its login a session may last when an administrator extends it."},
	{"policy", "idle", OPTION_VALUE, "time", NULL, check_duration,
		"such as 15m, in w, d, h, m, s or ms, longer than 0 and at most 3650d; leave it out for no limit",
		"How long nobody may have typed on a session's terminals before it is ended."},
	{"policy", "warn", OPTION_VALUE, "time", NULL, check_duration,
		"such as 5m, in w, d, h, m, s or ms, longer than 0 and at most 3650d; leave it out for no warning",
		"How long before the end by lifetime or idle the user is told so."},
	{"policy", "grace", OPTION_VALUE, "time", NULL, check_grace,
		"such as 10s, in h, m, s or ms, longer than 0 and at most 1h; leave it out to kill at once",
		"How long the processes of a session that ends by lifetime or idle may take to end by themselves."},
	{"policy", "leftovers", OPTION_VALUE, "keep | kill", "keep", check_leftovers, "keep or kill",
		"What happens to processes that outlive a normal logout."},
	{"policy", "exempt", OPTION_VALUE, "boolean", "false", check_bool, "true or false",
		"Whether those to whom the policy applies are free of every limit of every policy."},
	{"policy", "reauth", OPTION_VALUE, "time", NULL, check_duration,
		"such as 15m, in w, d, h, m, s or ms, longer than 0 and at most 3650d; leave it out for no limit",
		"How long ago the user of a session may have authenticated when su or sudo is called in it."},
};
/* clang-format on */

const size_t n_options = sizeof(options) / sizeof(options[0]);

const struct option *option_find(const char *section, const char *name)
{
	size_t i;

	for (i = 0; i < n_options; i++)
		if (strcmp(options[i].section, section) == 0 && strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

uint32_t option_count(const char *value)
{
	uint32_t n = 0;

	for (; *value != '\0'; value++)
		n = n * 10 + (uint32_t)(*value - '0');
	return n;
}

bool option_bool(const char *value)
{
	return cfg_parse_boolean(value) == 1;
}

enum at_limit option_at_limit(const char *value)
{
	size_t i;

	for (i = 0; i < N_AT_LIMITS - 1; i++)
		if (strcmp(at_limits[i].name, value) == 0)
			break;
	assert(strcmp(at_limits[i].name, value) == 0);
	return at_limits[i].at_limit;
}

const char *option_at_limit_name(enum at_limit at_limit)
{
	size_t i;

	for (i = 0; i < N_AT_LIMITS - 1; i++)
		if (at_limits[i].at_limit == at_limit)
			break;
	assert(at_limits[i].at_limit == at_limit);
	return at_limits[i].name;
}

enum leftovers option_leftovers(const char *value)
{
	return strcmp(value, leftovers[LEFTOVERS_KILL]) == 0 ? LEFTOVERS_KILL : LEFTOVERS_KEEP;
}

const char *option_leftovers_name(enum leftovers what)
{
	return leftovers[what];
}
