#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/bytes.h"
#include "sessd/proc.h"

/* Enough for field 22 of any stat line: a name of 64 bytes and 21 numbers of 20 digits. */
#define STAT_SIZE 1024
/* One line for each hierarchy (12 of version 1 at the most), each with a path. */
#define CGROUP_SIZE 16384
/* Room for a thousand groups; what stands behind them is of no interest here. */
#define STATUS_SIZE 16384

/* Reads a whole small file, or its first size - 1 bytes, and ends it with NUL. Returns the length;
 * -ESRCH where the process went away, before or while it was read. */
static ssize_t read_file(const char *path, char *buf, size_t size)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = bytes_read(fd, buf, size - 1);
	close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n;
}

static ssize_t read_pid_file(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return read_file(path, buf, size);
}

/* tty_nr holds a device number as the kernel packs it for user space (new_encode_dev()). */
static dev_t tty_decode(int tty_nr)
{
	unsigned n = (unsigned)tty_nr;

	return n == 0 ? 0 : makedev((n & 0xfff00) >> 8, (n & 0xff) | ((n >> 12) & 0xfff00));
}

/*
 * `pid (name) state ppid pgrp session tty_nr …`: the process chose the name, which may hold spaces,
 * newlines and parentheses, while no field after it does. So the last parenthesis ends it.
 */
static int stat_parse(const char *line, struct proc_stat *ret)
{
	const char *open = strchr(line, '('), *end = strrchr(line, ')');
	struct proc_stat st = {0};
	unsigned long long start;
	int ppid, tty;
	size_t len;

	if (open == NULL || end == NULL || end < open)
		return -EBADMSG;
	if (sscanf(end + 1,
		    " %c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		    "%llu",
		    &st.state, &ppid, &tty, &start) != 4)
		return -EBADMSG;
	len = (size_t)(end - open - 1);
	if (len > PROC_COMM)
		len = PROC_COMM;
	memcpy(st.comm, open + 1, len);
	st.ppid = ppid;
	st.tty = tty_decode(tty);
	st.start = start;
	*ret = st;
	return 0;
}

int proc_stat(pid_t pid, struct proc_stat *ret)
{
	char buf[STAT_SIZE];
	ssize_t n = read_pid_file(pid, "stat", buf, sizeof(buf));

	return n < 0 ? (int)n : stat_parse(buf, ret);
}

static int audit_parse(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || id > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)id;
	return 0;
}

int proc_audit_session(pid_t pid, uint32_t *ret)
{
	char buf[32], path[64];
	ssize_t n = read_pid_file(pid, "sessionid", buf, sizeof(buf));

	if (n == -ESRCH) {
		/* a kernel without auditing has no such file, yet it has the process */
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		if (pid <= 0 || access(path, F_OK) < 0)
			return -ESRCH;
		*ret = PROC_NO_AUDIT;
		return 0;
	}
	return n < 0 ? (int)n : audit_parse(buf, ret);
}

/* One read gives all of it, and this is called for every process there is. */
int proc_audit_session_at(int proc_fd, pid_t pid, uint32_t *ret)
{
	char buf[32], path[32];
	int fd, r = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%d/sessionid", (int)pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		return r;
	buf[n] = '\0';
	return audit_parse(buf, ret);
}

int proc_cgroup(pid_t pid, char *ret, size_t size)
{
	/* an analyzer does not see that it is filled */
	char buf[CGROUP_SIZE] = "", *line, *end;
	ssize_t n = read_pid_file(pid, "cgroup", buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	for (line = buf; line != NULL && *line != '\0'; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		if (end == NULL || (size_t)(end - line - 3) >= size)
			return -ENAMETOOLONG;
		*end = '\0';
		memcpy(ret, line + 3, (size_t)(end - line - 2));
		return 0;
	}
	return -ENOENT;
}

int proc_login(pid_t pid, uid_t *ret)
{
	char buf[32];
	ssize_t n = read_pid_file(pid, "loginuid", buf, sizeof(buf));

	return n < 0 ? (int)n : audit_parse(buf, ret);
}

/* The numbers of the line that begins with `name`, from the first on; how many, or -1: no such
 * line. The process's own name stands in the first line, with its newlines escaped. */
static int status_numbers(const char *status, const char *name, uint32_t *ret, size_t size)
{
	const char *p = strstr(status, name);
	char *end;
	size_t n;

	if (p == NULL)
		return -1;
	p += strlen(name);
	for (n = 0; n < size; n++, p = end) {
		while (*p == ' ' || *p == '\t')
			p++;
		if (*p < '0' || *p > '9')
			break;
		ret[n] = (uint32_t)strtoul(p, &end, 10);
	}
	return (int)n;
}

int proc_owner(pid_t pid, struct proc_owner *ret)
{
	char buf[STATUS_SIZE];
	ssize_t n = read_pid_file(pid, "status", buf, sizeof(buf));
	int groups;

	if (n < 0)
		return (int)n;
	ret->n_gids = 0;
	if (status_numbers(buf, "\nUid:", &ret->uid, 1) != 1)
		return -EBADMSG;
	if (ret->size == 0)
		return 0;
	if (status_numbers(buf, "\nGid:", ret->gids, 1) != 1)
		return -EBADMSG;
	groups = status_numbers(buf, "\nGroups:", ret->gids + 1, ret->size - 1);
	ret->n_gids = 1 + (groups > 0 ? (size_t)groups : 0);
	return 0;
}

int proc_boot_id(char ret[PROC_BOOT_ID])
{
	char buf[PROC_BOOT_ID + 1];
	ssize_t n = read_file("/proc/sys/kernel/random/boot_id", buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	buf[strcspn(buf, "\n")] = '\0';
	if (strlen(buf) != PROC_BOOT_ID - 1)
		return -EBADMSG;
	memcpy(ret, buf, PROC_BOOT_ID);
	return 0;
}

bool proc_is_hidden(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *option;
	bool hidden = false;
	size_t size = 0;

	while (f != NULL && getline(&line, &size, f) > 0) {
		option = strstr(line, "hidepid=");
		if (strstr(line, " /proc ") != NULL && option != NULL)
			hidden = strncmp(option, "hidepid=0", 9) != 0 &&
				 strncmp(option, "hidepid=off", 11) != 0;
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return hidden;
}
