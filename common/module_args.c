#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "common/duration.h"
#include "common/module_args.h"
#include "common/wire.h"

struct row {
	const char *name; /* with the `=` where a value belongs to it */
	bool (*set)(struct module_args *args, const char *value);
};

static bool set_dir(struct module_args *args, const char *value)
{
	/* the socket's name must fit its address */
	const size_t max =
		sizeof(((struct sockaddr_un *)NULL)->sun_path) - sizeof("/" WIRE_PAM_SOCKET);

	args->dir = MODULE_DIR;
	if (value[0] != '/' || strlen(value) > max)
		return false;
	args->dir = value;
	return true;
}

static bool set_timeout(struct module_args *args, const char *value)
{
	uint64_t ns;

	args->timeout = MODULE_TIMEOUT;
	if (!duration_parse(value, &ns) || ns == 0 || ns > MODULE_TIMEOUT_MAX)
		return false;
	args->timeout = ns;
	return true;
}

static bool set_unavailable(struct module_args *args, const char *value)
{
	args->deny = strcmp(value, "deny") == 0;
	return args->deny || strcmp(value, "allow") == 0;
}

static bool set_reauth(struct module_args *args, const char *value)
{
	args->reauth = 0;
	/* 0 would be no limit, and is not what is meant */
	return duration_parse(value, &args->reauth) && args->reauth != 0;
}

static bool set_revoke_others(struct module_args *args, const char *value)
{
	(void)value;
	return args->revoke_others = true;
}

static bool set_quiet(struct module_args *args, const char *value)
{
	(void)value;
	return args->quiet = true;
}

static bool set_debug(struct module_args *args, const char *value)
{
	(void)value;
	return args->debug = true;
}

static const struct row rows[] = {
	{"dir=", set_dir},
	{"timeout=", set_timeout},
	{"unavailable=", set_unavailable},
	{"reauth=", set_reauth},
	{"revoke_others", set_revoke_others},
	{"quiet", set_quiet},
	{"debug", set_debug},
};

void module_args_init(struct module_args *args)
{
	*args = (struct module_args){.dir = MODULE_DIR, .timeout = MODULE_TIMEOUT};
}

bool module_args_set(struct module_args *args, const char *arg)
{
	size_t i, n;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = strlen(rows[i].name);
		if (strncmp(arg, rows[i].name, n) != 0)
			continue;
		if (rows[i].name[n - 1] == '=' || arg[n] == '\0')
			return rows[i].set(args, arg + n);
	}
	return false;
}
