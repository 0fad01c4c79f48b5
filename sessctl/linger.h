/*
 * Who lingers: whose service manager systemd starts at the boot and keeps without any login
 * (loginctl enable-linger). Told by the files of systemd-logind(8), one named after each such user.
 */
#ifndef SESSCTL_LINGER_H
#define SESSCTL_LINGER_H

#include <dirent.h>
#include <stdbool.h>

#include "sessctl/context.h"

struct linger {
	struct dirent **user; /* by name */
	int n;
};

/* Nobody, where systemd does not run, or where sessctl was directed to another sessd than the one
 * of this machine. What cannot be read is nobody, too. */
void linger_read(const struct context *ctx, struct linger *ret);
void linger_fini(struct linger *l);

bool linger_has(const struct linger *l, const char *user);

/* `Lingering: alice, bob`, as a line of its own; nothing where it is nobody. */
void linger_print(const struct linger *l, FILE *out);
/* The names as an array of JSON. */
void linger_json(const struct linger *l, FILE *out);

#endif
