/* Several sessions' terminals at once, in one reading of /proc that is not interrupted. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "sessd/procdir.h"
#include "sessd/terminal.h"

/* When somebody last typed to this process's terminal, if it is of that audit session
 * (PROC_NO_AUDIT: any). 0: it has none. */
static uint64_t pid_input(pid_t pid, uid_t uid, uint32_t audit_session)
{
	struct terminal_use use;
	uint32_t audit;

	if (!terminal_of_process(pid, uid, &use))
		return 0;
	if (audit_session != PROC_NO_AUDIT &&
		(proc_audit_session(pid, &audit) < 0 || audit != audit_session))
		return 0;
	return use.last_input;
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
	uint64_t input;
	uint32_t audit;
	size_t i;

	if (proc_audit_session_at(proc_fd, pid, &audit) < 0 || audit == PROC_NO_AUDIT)
		return;
	i = first_of(sorted, n, audit);
	if (i == n || sorted[i]->audit_session != audit)
		return;
	input = pid_input(pid, sorted[i]->uid, audit);
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
			queries[i].last_input =
				pid_input(queries[i].leader, queries[i].uid, PROC_NO_AUDIT);
	}
	if (n_sorted > 1)
		qsort(sorted, n_sorted, sizeof(struct terminal_query *), by_audit);
	r = n_sorted > 0 ? read_all(sorted, n_sorted) : 0;
	free(sorted);
	return r;
}
