/*
 * The service manager that systemd runs for a user: `user@UID.service`. And the orders to stop one,
 * which sessd leaves for sessd-stopper: empty files whose names are the uid, in decimal digits.
 */
#ifndef COMMON_MANAGER_H
#define COMMON_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

/* The PAM service that it is started through. */
#define MANAGER_SERVICE "systemd-user"

/* Where orders are, in the runtime directory: root's alone. */
#define MANAGER_FOLDER "stop"

/* Bytes of a unit's name and of an order's, the NUL included. */
#define MANAGER_UNIT  sizeof("user@4294967295.service")
#define MANAGER_ORDER sizeof("4294967295")

bool manager_is(const char *service);

/* Both return out. */
char *manager_unit(uint32_t uid, char out[MANAGER_UNIT]);
char *manager_order(uint32_t uid, char out[MANAGER_ORDER]);

/* The uid of an order that has this name. False: it is none; root's is none. */
bool manager_order_parse(const char *name, uint32_t *ret);

#endif
