/*
 * In the place of libaudit, for tests/tap/outlets.sh where the kernel's audit log is off: writes
 * what it is given to the file that FAKE_AUDIT names.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int audit_open(void);
int audit_log_user_message(int fd, int type, const char *message, const char *hostname,
	const char *addr, const char *tty, int result);

int audit_open(void)
{
	const char *path = getenv("FAKE_AUDIT");

	return path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
}

int audit_log_user_message(int fd, int type, const char *message, const char *hostname,
	const char *addr, const char *tty, int result)
{
	return dprintf(fd, "%d %s hostname=%s addr=%s terminal=%s res=%s\n", type, message,
		hostname ? hostname : "?", addr, tty, result ? "success" : "failed");
}
