/*
 * What a spooled login says of its leader, the process that called open_session. Only the daemon's
 * absence makes this needed: otherwise the kernel tells it who is calling.
 */
#ifndef PAM_MODULE_LEADER_H
#define PAM_MODULE_LEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"

/* leader_pid, leader_start and boot_id; zero or empty where /proc does not tell. 0 or -errno. */
int leader_fill(struct wire_spooled *ret);

/* The audit session of this process; 0: the kernel gives none, or /proc does not tell. */
uint32_t leader_audit_session(void);

/*
 * Field 22 (start time, clock ticks since boot) of the text of /proc/PID/stat. The name in field 2
 * may hold spaces and parentheses. False: it is not there, and ret is untouched.
 */
bool leader_start_parse(const char *stat, uint64_t *ret);

/* The id of this boot. 0 or -errno. */
int leader_boot_id(char *out, size_t size);

#endif
