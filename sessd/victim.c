#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "sessd/proc.h"
#include "sessd/victim.h"

static bool of_audit(pid_t pid, uint64_t audit_session)
{
	uint32_t now;

	return proc_audit_session(pid, &now) == 0 && now == audit_session && now != PROC_NO_AUDIT;
}

static bool started(pid_t pid, uint64_t start)
{
	struct proc_stat st;

	return proc_stat(pid, &st) == 0 && st.start == start;
}

static enum victim hit(pid_t pid, bool (*meant)(pid_t pid, uint64_t value), uint64_t value, int sig)
{
	enum victim v = VICTIM_ALIVE;
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
	else if (sig != 0 && pidfd_signal(fd, sig) == -ESRCH)
		v = VICTIM_DEAD;
	close(fd);
	return v;
}

enum victim victim_of_audit(pid_t pid, uint32_t audit_session, int sig)
{
	return hit(pid, of_audit, audit_session, sig);
}

enum victim victim_started(pid_t pid, uint64_t start, int sig)
{
	return hit(pid, started, start, sig);
}
