#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/duration.h"
#include "sessd/proc.h"
#include "sessd/procdir.h"
#include "sessd/terminal.h"

/* Device numbers as in the kernel's devices.txt. */
#define MAJOR_TTY      4   /* minors 1 to 63: consoles; from 64: serial lines */
#define MAJOR_PTS      136 /* slaves of pseudo terminals, 256 to a major, */
#define MAJOR_PTS_LAST 143 /* or all of them in the first one's larger minors */

/* Where the node of another terminal is (hvc0, ttyAMA0): the kernel names it. */
static bool path_by_sysfs(dev_t tty, char *ret, size_t size)
{
	char link[64], target[256], *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(tty), minor(tty));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	return name != NULL && (size_t)snprintf(ret, size, "/dev%s", name) < size;
}

static bool tty_path(dev_t tty, char *ret, size_t size)
{
	unsigned ma = major(tty), mi = minor(tty);

	if (ma >= MAJOR_PTS && ma <= MAJOR_PTS_LAST)
		snprintf(ret, size, "/dev/pts/%u", (ma - MAJOR_PTS) * 256 + mi);
	else if (ma == MAJOR_TTY && mi < 64)
		snprintf(ret, size, "/dev/tty%u", mi);
	else if (ma == MAJOR_TTY)
		snprintf(ret, size, "/dev/ttyS%u", mi - 64);
	else
		return path_by_sysfs(tty, ret, size);
	return true;
}

/* The access time of the terminal's node, or 0 where there is no such node, or another's. */
static uint64_t tty_input(dev_t tty)
{
	char path[300];
	struct stat st;

	if (tty == 0 || !tty_path(tty, path, sizeof(path)) || lstat(path, &st) < 0)
		return 0;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != tty || st.st_atim.tv_sec < 0)
		return 0;
	return (uint64_t)st.st_atim.tv_sec * NS_PER_SEC + (uint64_t)st.st_atim.tv_nsec;
}

/*
 * When somebody last typed to this process's terminal. It is asked again afterwards whether the
 * process still has that terminal and is of that audit session (PROC_NO_AUDIT: any): a number that
 * was handed on meanwhile, of a process or a terminal, would tell of somebody else's typing.
 */
static uint64_t pid_input(pid_t pid, uint32_t audit_session)
{
	struct proc_stat before, after;
	uint64_t input;
	uint32_t audit;

	if (proc_stat(pid, &before) < 0)
		return 0;
	input = tty_input(before.tty);
	if (input == 0 || proc_stat(pid, &after) < 0 || after.start != before.start ||
		after.tty != before.tty)
		return 0;
	if (audit_session != PROC_NO_AUDIT &&
		(proc_audit_session(pid, &audit) < 0 || audit != audit_session))
		return 0;
	return input;
}

static int by_audit(const void *a, const void *b)
{
	const struct terminal_query *const *x = a, *const *y = b;

	return ((*x)->audit_session > (*y)->audit_session) -
	       ((*x)->audit_session < (*y)->audit_session);
}

static size_t first_of(struct terminal_query **sorted, size_t n, uint32_t audit_session)
{
	size_t low = 0, high = n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (sorted[mid]->audit_session < audit_session)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void look_at(struct terminal_query **sorted, size_t n, int proc_fd, pid_t pid)
{
	uint32_t audit;
	uint64_t input;
	size_t i;

	if (proc_audit_session_at(proc_fd, pid, &audit) < 0 || audit == PROC_NO_AUDIT)
		return;
	i = first_of(sorted, n, audit);
	if (i == n || sorted[i]->audit_session != audit)
		return;
	input = pid_input(pid, audit);
	for (; i < n && sorted[i]->audit_session == audit; i++) {
		if (input > sorted[i]->last_input)
			sorted[i]->last_input = input;
	}
}

static int read_all(struct terminal_query **sorted, size_t n)
{
	pid_t pids[PROCDIR_SLICE];
	int fd = procdir_open(), count, i;

	if (fd < 0)
		return fd;
	while ((count = procdir_next(fd, pids)) > 0) {
		for (i = 0; i < count; i++)
			look_at(sorted, n, fd, pids[i]);
	}
	close(fd);
	return count;
}

int terminal_last_input(struct terminal_query *queries, size_t n)
{
	struct terminal_query **sorted;
	size_t i, n_sorted = 0;
	int r;

	sorted = reallocarray(NULL, n + 1, sizeof(struct terminal_query *));
	if (sorted == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		queries[i].last_input = 0;
		if (queries[i].audit_session != PROC_NO_AUDIT)
			sorted[n_sorted++] = &queries[i];
		else if (queries[i].leader > 0)
			queries[i].last_input = pid_input(queries[i].leader, PROC_NO_AUDIT);
	}
	if (n_sorted > 1)
		qsort(sorted, n_sorted, sizeof(struct terminal_query *), by_audit);
	r = n_sorted > 0 ? read_all(sorted, n_sorted) : 0;
	free(sorted);
	return r;
}
