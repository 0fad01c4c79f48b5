/*
 * fleet.conf: where etcd is, and how it is spoken to. A file of its own, because sessd has no
 * business with it, and the agent none with the rest: it can be readable for root and the agent's
 * group alone.
 */
#ifndef FLEET_CONF_H
#define FLEET_CONF_H

#include <confuse.h>

#include "fleet/agent.h"

#define CONF_ERROR 1024

struct conf {
	cfg_t *cfg;
	char host[HOST_NAME_MAX + 1];
	char password[256];
	struct authority authority;
	/* etcd, host, lease_ttl, witness and what is of orders are filled; their strings live as
	 * long as the conf */
	struct agent_options options;
};

/* -errno, and `error` says what is wrong with the file. */
int conf_load(const char *path, struct conf *ret, char error[CONF_ERROR]);
void conf_fini(struct conf *conf);

#endif
