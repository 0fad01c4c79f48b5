#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "sessd/cgroup.h"
#include "sessd/proc.h"
#include "sessd/victim.h"

static bool of_audit(pid_t pid, const void *audit_session)
{
	const uint32_t *meant = audit_session;
	uint32_t now;

	return proc_audit_session(pid, &now) == 0 && now == *meant && now != PROC_NO_AUDIT;
}

static bool started(pid_t pid, const void *start)
{
	const uint64_t *meant = start;
	struct proc_stat st;

	return proc_stat(pid, &st) == 0 && st.start == *meant;
}

static bool in_cgroup(pid_t pid, const void *path)
{
	return cgroup_holds(path, pid);
}

enum victim victim_held(int pidfd, int sig)
{
	static const int ask[] = {SIGHUP, SIGTERM, SIGCONT};
	size_t i, n = sig == VICTIM_ASK ? sizeof(ask) / sizeof(ask[0]) : sig != 0;

	if (pidfd_is_dead(pidfd))
		return VICTIM_DEAD;
	/* one that the first of them has ended was alive when it came */
	for (i = 0; i < n; i++)
		if (pidfd_signal(pidfd, sig == VICTIM_ASK ? ask[i] : sig) == -ESRCH)
			return i == 0 ? VICTIM_DEAD : VICTIM_ALIVE;
	return VICTIM_ALIVE;
}

static enum victim hit(
	pid_t pid, bool (*meant)(pid_t pid, const void *value), const void *value, int sig)
{
	enum victim v;
	int fd;

	if (pid <= 1 || pid == getpid())
		return VICTIM_STRANGER;
	fd = pidfd_open_pid(pid);
	if (fd == -ESRCH)
		return VICTIM_DEAD;
	if (fd < 0)
		return meant(pid, value) ? VICTIM_ALIVE : VICTIM_STRANGER;
	if (pidfd_is_dead(fd))
		v = VICTIM_DEAD;
	else if (!meant(pid, value))
		v = VICTIM_STRANGER;
	else
		v = victim_held(fd, sig);
	close(fd);
	return v;
}

enum victim victim_of_audit(pid_t pid, uint32_t audit_session, int sig)
{
	return hit(pid, of_audit, &audit_session, sig);
}

enum victim victim_started(pid_t pid, uint64_t start, int sig)
{
	return hit(pid, started, &start, sig);
}

enum victim victim_in_cgroup(pid_t pid, const char *path, int sig)
{
	return hit(pid, in_cgroup, path, sig);
}
