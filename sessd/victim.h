/*
 * One process that is to be told to end. Between the reading of its pid and the signal the process
 * may have gone and the number may be a stranger's; so each of these opens a pidfd, which holds on
 * to whoever has the number then, asks again who that is, and signals through the pidfd alone.
 */
#ifndef SESSD_VICTIM_H
#define SESSD_VICTIM_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Instead of a signal: he may end by himself. SIGHUP is what an interactive shell heeds and passes
 * on, SIGTERM what all others do; SIGCONT lets one that was stopped act on them.
 */
#define VICTIM_ASK (-1)

enum victim {
	VICTIM_STRANGER, /* not, or no longer, the process meant; it was let alone */
	VICTIM_DEAD,	 /* it has ended, though its parent may not have collected it yet */
	VICTIM_ALIVE,	 /* it was signalled (sig 0: it was not), or refused to be: still there */
};

/* pid, provided that it is in that audit session. Never pid 1 nor ourselves. */
enum victim victim_of_audit(pid_t pid, uint32_t audit_session, int sig);

/* pid, provided that it was started then (proc_stat.start). Never pid 1 nor ourselves. */
enum victim victim_started(pid_t pid, uint64_t start, int sig);

/* pid, provided that it is in that cgroup or below. Never pid 1 nor ourselves. */
enum victim victim_in_cgroup(pid_t pid, const char *path, int sig);

/* The process that the pidfd holds on to. */
enum victim victim_held(int pidfd, int sig);

#endif
