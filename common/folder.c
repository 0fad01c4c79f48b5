#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/folder.h"

static bool is_roots(const struct stat *st)
{
	return st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int folder_open(int at, const char *name, mode_t mode)
{
	bool made = mode != 0 && mkdirat(at, name, mode) == 0;
	struct stat st;
	int fd, r = 0;

	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	/* the caller's umask may have taken bits away, and is not ours to change */
	if ((made && fchmod(fd, mode) < 0) || fstat(fd, &st) < 0)
		r = -errno;
	else if (!is_roots(&st))
		r = -EPERM;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

ssize_t folder_read(int folder, const char *name, uint8_t *buf, size_t size)
{
	/* a fifo would otherwise hold up whoever opens it */
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ELOOP ? -EPERM : -errno;
	if (fstat(fd, &st) < 0)
		n = -errno;
	else if (!S_ISREG(st.st_mode) || !is_roots(&st))
		n = -EPERM;
	else
		n = bytes_read(fd, buf, size);
	close(fd);
	return n;
}

static int write_all(int fd, const uint8_t *buf, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

int folder_write(int folder, const char *name, const uint8_t *buf, size_t len)
{
	char tmp[FOLDER_NAME_MAX + sizeof("..tmp")];
	int fd, r;

	snprintf(tmp, sizeof(tmp), ".%.*s.tmp", FOLDER_NAME_MAX, name);
	/* left over by one that was killed in the middle */
	if (unlinkat(folder, tmp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* a umask of 0777 would hide it from a daemon without CAP_DAC_OVERRIDE */
	r = fchmod(fd, 0600) < 0 ? -errno : write_all(fd, buf, len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(folder, tmp, folder, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(folder, tmp, 0);
	return r;
}
