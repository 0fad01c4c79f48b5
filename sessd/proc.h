/*
 * What /proc says of a process. A pid is only a name that the kernel reuses: whoever acts on one
 * holds a pidfd, and reads again after he got it.
 */
#ifndef SESSD_PROC_H
#define SESSD_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/pidfd.h"

#define PROC_COMM     16
#define PROC_CGROUP   512
#define PROC_NO_AUDIT UINT32_C(4294967295) /* /proc/PID/sessionid where the kernel gave none */

#define PROC_NO_LOGIN \
	UINT32_C(4294967295) /* /proc/PID/loginuid of a process that nobody logged in to start */

struct proc_stat {
	char comm[PROC_COMM + 1]; /* raw: the process chose it; escape it at the sink */
	char state;		  /* R S D Z T ... */
	pid_t ppid;
	dev_t tty;	/* 0: no controlling terminal; as makedev(3) */
	uint64_t start; /* field 22: clock ticks since boot */
};

/* All return 0 or -errno; -ESRCH when there is no such process. */
int proc_stat(pid_t pid, struct proc_stat *ret);
int proc_audit_session(pid_t pid, uint32_t *ret); /* may be PROC_NO_AUDIT */
/* The same by way of an open /proc, for those who ask of many: cheaper. */
int proc_audit_session_at(int proc_fd, pid_t pid, uint32_t *ret);
int proc_cgroup(pid_t pid, char *ret, size_t size); /* the cgroup v2 path, from `/` */

/* Who has logged in and then, by whatever way, started it. PROC_NO_LOGIN: nobody, as of daemons. */
int proc_login(pid_t pid, uid_t *ret);

/* As whom it runs: the real uid, which only root can change, and up to `size` of its groups, the
 * primary one first. What does not fit is left out. */
struct proc_owner {
	uid_t uid;
	gid_t *gids;
	size_t n_gids, size;
};
int proc_owner(pid_t pid, struct proc_owner *ret);

/* Is /proc mounted with hidepid=, so that a process without CAP_SYS_PTRACE cannot read of others?
 */
bool proc_is_hidden(void);

/* The kernel's boot id: 36 characters and a NUL. */
#define PROC_BOOT_ID 37
int proc_boot_id(char ret[PROC_BOOT_ID]);

#endif
