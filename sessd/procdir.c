#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sessd/procdir.h"

/* The smallest entry of a pid takes 24 bytes (struct linux_dirent64 with up to 4 digits). */
#define BUFFER ((size_t)PROCDIR_SLICE * 24)

int procdir_open(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int procdir_rewind(int fd)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* The number that a name consists of, or 0. */
static pid_t name_pid(const char *name)
{
	pid_t pid = 0;

	for (; *name >= '0' && *name <= '9' && pid < 100000000; name++)
		pid = pid * 10 + (*name - '0');
	return *name == '\0' ? pid : 0;
}

int procdir_next(int fd, pid_t ret[PROCDIR_SLICE])
{
	_Alignas(struct dirent64) char buf[BUFFER];
	int count = 0;

	/* the first entries are no processes: a slice of only those is not the end */
	while (count == 0) {
		ssize_t n = getdents64(fd, buf, sizeof(buf)), at = 0;

		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		while (at < n && count < PROCDIR_SLICE) {
			struct dirent64 *entry = (struct dirent64 *)(buf + at);
			pid_t pid = name_pid(entry->d_name);

			if (pid > 0)
				ret[count++] = pid;
			at += entry->d_reclen;
		}
	}
	return count;
}
