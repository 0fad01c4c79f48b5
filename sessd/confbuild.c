#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/lock.h"
#include "common/service.h"
#include "common/wire.h"
#include "sessd/confbuild.h"
#include "sessd/option.h"

/* A group with more members than fit here is no group that a login limit is for. */
#define GROUP_BUFFER_MAX (1024 * 1024)

/* Desktops, and what is like them: what is typed and clicked there reaches no terminal. */
static const char *const graphical[] = {"cockpit", "gdm-autologin", "gdm-fingerprint",
	"gdm-password", "gdm-smartcard", "greetd", "lightdm", "lightdm-autologin", "lxdm", "nodm",
	"sddm", "sddm-autologin", "slim", "wdm", "xdm", "xrdp-sesman"};

#define N_GRAPHICAL (sizeof(graphical) / sizeof(graphical[0]))

/* One line about a section. */
__attribute__((format(printf, 3, 4))) static void note(
	const struct confbuild *build, cfg_t *sec, const char *format, ...)
{
	char words[1024], line[2048];
	va_list ap;

	if (build->warn == NULL)
		return;
	va_start(ap, format);
	vsnprintf(words, sizeof(words), format, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s:%d: %s \"%s\": %s", sec->filename, sec->line,
		cfg_name(sec), cfg_title(sec), words);
	build->warn(build->ctx, line);
}

/* The only value of an option: the file's, or its fallback, or NULL. */
static const char *value_of(cfg_t *cfg, const char *name)
{
	return cfg_size(cfg, name) > 0 ? cfg_getstr(cfg, name) : NULL;
}

/* ns; 0 where it is not given. */
static uint64_t time_of(cfg_t *cfg, const char *name)
{
	const char *value = value_of(cfg, name);
	uint64_t ns = 0;

	if (value != NULL)
		duration_parse(value, &ns);
	return ns;
}

static bool number_parse(const char *s, gid_t *ret)
{
	unsigned long long n = 0;
	const char *p;

	for (p = s; *p >= '0' && *p <= '9' && n < CONFIG_NO_GID; p++)
		n = n * 10 + (unsigned)(*p - '0');
	if (p == s || *p != '\0' || n >= CONFIG_NO_GID)
		return false;
	*ret = (gid_t)n;
	return true;
}

/* A group by name or number. -ENOENT: there is none of that name; or another -errno. */
static int group_find(const char *name, gid_t *ret)
{
	struct group group, *found = NULL;
	size_t size = 1024;
	char *buf = NULL, *more;
	int r;

	if (number_parse(name, ret))
		return 0;
	do {
		size *= 2;
		more = realloc(buf, size);
		if (more == NULL) {
			free(buf);
			return -ENOMEM;
		}
		buf = more;
		r = getgrnam_r(name, &group, buf, size, &found);
	} while (r == EINTR || (r == ERANGE && size < GROUP_BUFFER_MAX));
	if (found != NULL)
		*ret = group.gr_gid;
	free(buf);
	if (found != NULL)
		return 0;
	return r == 0 ? -ENOENT : -r;
}

static int build_names(cfg_t *sec, const char *name, char ***ret)
{
	unsigned i, n = cfg_size(sec, name);

	if (n == 0)
		return 0;
	*ret = calloc((size_t)n + 1, sizeof(**ret));
	if (*ret == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		(*ret)[i] = strdup(cfg_getnstr(sec, name, i));
		if ((*ret)[i] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int build_groups(const struct confbuild *build, cfg_t *sec, struct policy *policy)
{
	unsigned i, n = cfg_size(sec, "groups");
	const char *name;
	int r;

	policy->any_group = n == 0;
	if (n == 0)
		return 0;
	policy->gids = calloc(n, sizeof(*policy->gids));
	if (policy->gids == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		name = cfg_getnstr(sec, "groups", i);
		r = group_find(name, &policy->gids[policy->n_gids]);
		if (r == 0)
			policy->n_gids++;
		else if (r == -ENOENT)
			note(build, sec, "there is no group \"%s\" here; nobody is in it", name);
		else if (r == -ENOMEM)
			return r;
		else
			note(build, sec,
				"cannot look up the group \"%s\" (%s); nobody is taken to be in it",
				name, strerror(-r));
	}
	return 0;
}

static int build_from(cfg_t *sec, struct policy *policy)
{
	unsigned i, n = cfg_size(sec, "from");

	if (n == 0)
		return 0;
	policy->from = calloc(n, sizeof(*policy->from));
	if (policy->from == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		if (network_parse(cfg_getnstr(sec, "from", i), &policy->from[policy->n_from]))
			policy->n_from++;
	return 0;
}

static int build_policy(const struct confbuild *build, cfg_t *sec, struct policy *policy)
{
	const char *value;
	int r;

	policy->name = strdup(cfg_title(sec));
	if (policy->name == NULL)
		return -ENOMEM;
	r = build_names(sec, "users", &policy->users);
	if (r == 0)
		r = build_names(sec, "services", &policy->services);
	if (r == 0)
		r = build_groups(build, sec, policy);
	if (r == 0)
		r = build_from(sec, policy);
	if (r < 0)
		return r;
	value = value_of(sec, "max_sessions");
	policy->max_sessions = value != NULL ? option_count(value) : 0;
	policy->at_limit = option_at_limit(value_of(sec, "at_limit"));
	policy->scope = strcmp(value_of(sec, "scope"), "fleet") == 0 ? SCOPE_FLEET : SCOPE_HOST;
	policy->lifetime = time_of(sec, "lifetime");
	policy->max_lifetime = time_of(sec, "max_lifetime");
	policy->idle = time_of(sec, "idle");
	policy->warn = time_of(sec, "warn");
	policy->grace = time_of(sec, "grace");
	policy->reauth = time_of(sec, "reauth");
	policy->leftovers = option_leftovers(value_of(sec, "leftovers"));
	policy->exempt = option_bool(value_of(sec, "exempt"));
	return 0;
}

/* What is allowed, and most likely not meant. */
static void doubt_policy(const struct confbuild *build, cfg_t *sec, const struct config *config,
	const struct policy *policy)
{
	bool limits = policy->max_sessions > 0 || policy->lifetime > 0 ||
		      policy->max_lifetime > 0 || policy->idle > 0 || policy->warn > 0 ||
		      policy->grace > 0 || policy->reauth > 0 ||
		      policy->leftovers == LEFTOVERS_KILL;
	enum session_class class;
	size_t i;

	if (policy->exempt && limits)
		note(build, sec, "its limits mean nothing, since it exempts");
	if (policy->exempt && policy->users == NULL && policy->any_group &&
		policy->services == NULL && policy->n_from == 0)
		note(build, sec, "it exempts everybody from every limit");
	if (!policy->exempt && !limits)
		note(build, sec, "it limits nothing");
	if (policy->max_sessions == 0 && policy->at_limit != AT_LIMIT_DENY)
		note(build, sec, "at_limit means nothing without max_sessions");
	if (policy->max_sessions == 0 && policy->scope == SCOPE_FLEET)
		note(build, sec, "scope means nothing without max_sessions");
	if (policy->max_sessions == 0 || policy->services == NULL)
		return;
	for (i = 0; policy->services[i] != NULL; i++) {
		class = policy_class(&config->policies, policy->services[i]);
		if (class != CLASS_LOGIN)
			note(build, sec, "max_sessions counts login sessions; service \"%s\" is %s",
				policy->services[i], class_name(class));
	}
}

static int build_policies(const struct confbuild *build, cfg_t *cfg, struct config *config)
{
	struct policy_set *set = &config->policies;
	unsigned i, n = cfg_size(cfg, "policy");
	cfg_t *sec;
	int r;

	set->policies = calloc((size_t)n + 1, sizeof(*set->policies));
	if (set->policies == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		sec = cfg_getnsec(cfg, "policy", i);
		r = build_policy(build, sec, &set->policies[set->n_policies++]);
		if (r < 0)
			return r;
		doubt_policy(build, sec, config, &set->policies[i]);
	}
	return 0;
}

static int service_order(const void *a, const void *b)
{
	return strcmp(((const struct service *)a)->name, ((const struct service *)b)->name);
}

/* The class that the file gives a service, or CLASS_NONE. */
static enum session_class class_given(cfg_t *cfg, const char *name)
{
	cfg_t *sec = cfg != NULL ? cfg_gettsec(cfg, "service", name) : NULL;

	return sec != NULL ? class_by_name(cfg_getstr(sec, "class")) : CLASS_NONE;
}

static bool is_graphical(const char *name)
{
	size_t i;

	for (i = 0; i < N_GRAPHICAL; i++)
		if (strcmp(graphical[i], name) == 0)
			return true;
	return false;
}

static int service_add(struct policy_set *set, const char *name, enum session_class class)
{
	struct service *service = &set->services[set->n_services];

	service->name = strdup(name);
	if (service->name == NULL)
		return -ENOMEM;
	service->class = class;
	service->graphical = is_graphical(name);
	set->n_services++;
	return 0;
}

static int build_services(cfg_t *cfg, struct policy_set *set)
{
	unsigned i, n = cfg != NULL ? cfg_size(cfg, "service") : 0;
	enum session_class given;
	const char *name;
	int r = 0;

	set->services = calloc(service_builtin_count + n, sizeof(*set->services));
	if (set->services == NULL)
		return -ENOMEM;
	for (i = 0; i < service_builtin_count && r == 0; i++) {
		given = class_given(cfg, service_builtins[i].name);
		r = service_add(set, service_builtins[i].name,
			given != CLASS_NONE ? given : service_builtins[i].class);
	}
	for (i = 0; i < n && r == 0; i++) {
		name = cfg_title(cfg_getnsec(cfg, "service", i));
		if (service_builtin(name) == CLASS_NONE)
			r = service_add(set, name, class_given(cfg, name));
	}
	qsort(set->services, set->n_services, sizeof(*set->services), service_order);
	return r;
}

static int build_admins(const struct confbuild *build, const char *name, struct config *config)
{
	const char *fallback = option_find("root", "admin_group")->fallback;
	char line[512];
	int r;

	r = group_find(name != NULL ? name : fallback, &config->admin_gid);
	if (r == 0 || r == -ENOMEM)
		return r;
	config->admin_gid = CONFIG_NO_GID;
	if (name != NULL && strcmp(name, fallback) != 0 && build->warn != NULL) {
		snprintf(line, sizeof(line),
			"admin_group: there is no group \"%s\" here; only root is an administrator",
			name);
		build->warn(build->ctx, line);
	}
	return 0;
}

static void build_outlets(cfg_t *cfg, struct config *ret)
{
	const char *mirror = value_of(cfg, "mirror");

	snprintf(ret->mirror, sizeof(ret->mirror), "%s", mirror != NULL ? mirror : "");
	ret->journal = option_bool(value_of(cfg, "journal"));
	ret->auditd = option_bool(value_of(cfg, "auditd"));
}

/* Once, when the configuration is read: the loop asks no directory. */
static uid_t fleet_user(void)
{
	const struct passwd *pw = getpwnam(WIRE_FLEET_USER);

	return pw != NULL ? pw->pw_uid : CONFIG_NO_UID;
}

int confbuild_run(const struct confbuild *build, cfg_t *cfg, struct config *ret)
{
	int r;

	*ret = (struct config){.admin_gid = CONFIG_NO_GID,
		.breakglass_gid = CONFIG_NO_GID,
		.fleet_uid = fleet_user()};
	r = build_services(cfg, &ret->policies);
	if (r == 0)
		r = build_admins(build, cfg != NULL ? value_of(cfg, "admin_group") : NULL, ret);
	if (r == 0 && group_find(LOCK_BREAKGLASS_GROUP, &ret->breakglass_gid) == -ENOMEM)
		r = -ENOMEM;
	if (r == 0 && cfg != NULL) {
		ret->ledger_required = option_bool(value_of(cfg, "ledger_required"));
		ret->retain = time_of(cfg, "retain");
		ret->token_required = strcmp(value_of(cfg, "token"), "required") == 0;
		ret->fleet_required = strcmp(value_of(cfg, "fleet_unreachable"), "deny") == 0;
		ret->orphans_denied = strcmp(value_of(cfg, "orphans"), "deny") == 0;
		build_outlets(cfg, ret);
		r = build_policies(build, cfg, ret);
	}
	return r;
}
