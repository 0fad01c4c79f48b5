/* One terminal, by its device number: its node, and who uses it. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/text.h"
#include "sessd/proc.h"
#include "sessd/terminal.h"

/* Device numbers as in the kernel's devices.txt. */
#define MAJOR_TTY      4   /* minors 1 to 63: consoles; from 64: serial lines */
#define MAJOR_PTS      136 /* slaves of pseudo terminals, 256 to a major, */
#define MAJOR_PTS_LAST 143 /* or all of them in the first one's larger minors */

#define TTY_PATH 300

/* What an access time may be beyond that, ns do not hold. */
#define SEC_MAX ((time_t)(INT64_MAX / NS_PER_SEC))

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

/* The terminal's node: false where there is none, or another's. */
static bool tty_stat(dev_t tty, struct stat *ret)
{
	char path[TTY_PATH];

	return tty != 0 && tty_path(tty, path, sizeof(path)) && lstat(path, ret) == 0 &&
	       S_ISCHR(ret->st_mode) && ret->st_rdev == tty;
}

bool terminal_path(dev_t tty, char *ret, size_t size)
{
	struct stat st;

	return tty_stat(tty, &st) && tty_path(tty, ret, size);
}

/*
 * A terminal's number says little where there is another instance of devpts (in a container that
 * the user started in his session): the node of that number here may be somebody else's. One that
 * the process uses belongs to the session's user, as login and sshd make it, or to the user as whom
 * the process runs, as where root in a session opens one.
 */
static bool may_be_theirs(const struct stat *node, pid_t pid, uid_t uid)
{
	char path[32];
	struct stat st;

	if (node->st_uid == uid)
		return true;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) == 0 && st.st_uid == node->st_uid;
}

bool terminal_of_process(pid_t pid, uid_t uid, struct terminal_use *ret)
{
	struct proc_stat before, after;
	struct stat node;
	uint64_t input = 1; /* the epoch or before it: somebody set it so */

	if (proc_stat(pid, &before) < 0 || !tty_stat(before.tty, &node) ||
		!may_be_theirs(&node, pid, uid))
		return false;
	/* a number that was handed on meanwhile, of a process or a terminal, would tell of
	 * somebody else's typing */
	if (proc_stat(pid, &after) < 0 || after.start != before.start || after.tty != before.tty)
		return false;
	if (node.st_atim.tv_sec >= SEC_MAX)
		input = SEC_MAX * NS_PER_SEC;
	else if (node.st_atim.tv_sec > 0)
		input = (uint64_t)node.st_atim.tv_sec * NS_PER_SEC + (uint64_t)node.st_atim.tv_nsec;
	*ret = (struct terminal_use){.tty = after.tty, .start = after.start, .last_input = input};
	return true;
}

static int write_line(int fd, dev_t tty, const char *line, size_t len)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != tty)
		return -ENODEV;
	n = write(fd, line, len);
	if (n < 0)
		return -errno;
	return (size_t)n < len ? -EAGAIN : 0;
}

int terminal_say(dev_t tty, const char *text)
{
	char path[TTY_PATH], line[TEXT_LONG_MAX + 5] = "\r\n";
	size_t len;
	int fd, r;

	if (tty == 0 || !tty_path(tty, path, sizeof(path)))
		return -ENODEV;
	/* whatever stands on the line, and however the terminal is set */
	len = 2 + text_escape(text, strlen(text), line + 2, TEXT_LONG_MAX + 1);
	line[len++] = '\r';
	line[len++] = '\n';
	fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r = write_line(fd, tty, line, len);
	close(fd);
	return r;
}
