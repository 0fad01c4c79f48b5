/* The files of locks: see lock.h. What is opened is opened by a descriptor of the folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/lock.h"

/* Root's, and nobody else may write there? */
static bool is_roots(const struct stat *st)
{
	return st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int folder_open(int at, const char *name, bool make)
{
	bool made = make && mkdirat(at, name, 0755) == 0;
	struct stat st;
	int fd, r = 0;

	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	/* the caller's umask may have taken bits away */
	if ((made && fchmod(fd, 0755) < 0) || fstat(fd, &st) < 0)
		r = -errno;
	else if (!is_roots(&st))
		r = -EPERM;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

int lock_folder_open(const char *runtime_dir, bool make)
{
	int top = folder_open(AT_FDCWD, runtime_dir, make), fd;

	if (top < 0)
		return top;
	fd = folder_open(top, LOCK_FOLDER, make);
	close(top);
	return fd;
}

/* Bytes read: as much as there is room for. */
static ssize_t read_some(int fd, uint8_t *buf, size_t size)
{
	size_t at = 0;
	ssize_t n;

	do {
		n = read(fd, buf + at, size - at);
		if (n > 0)
			at += (size_t)n;
	} while ((n > 0 && at < size) || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : (ssize_t)at;
}

static ssize_t file_bytes(int folder, const char *name, uint8_t *buf, size_t size)
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
		n = read_some(fd, buf, size);
	close(fd);
	return n;
}

int lock_file_read(int folder, const char *name, struct wire_frame *frame, struct wire_locked *ret)
{
	uint8_t buf[LOCK_FILE_MAX + 1];
	char own[TEXT_STR_MAX + 1], file[LOCK_NAME_HEX + 1];
	ssize_t n = file_bytes(folder, name, buf, sizeof(buf));
	const struct wire_locked *lock = &frame->u.locked;

	if (n < 0)
		return (int)n;
	if (n > LOCK_FILE_MAX || wire_decode(buf, (size_t)n, frame) < 0 ||
		frame->type != WIRE_locked)
		return -EBADMSG;
	memcpy(own, lock->name, sizeof(own));
	if (lock_check(lock->kind, own, &lock->id) != NULL || strcmp(own, lock->name) != 0 ||
		strcmp(lock_file_name(lock->kind, own, file), name) != 0)
		return -EBADMSG;
	*ret = *lock;
	return 0;
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

int lock_file_write(int folder, const struct wire_locked *lock)
{
	char name[LOCK_NAME_HEX + 1], tmp[LOCK_NAME_HEX + sizeof("..tmp")];
	uint8_t buf[LOCK_FILE_MAX];
	size_t len;
	int fd, r;

	r = wire_encode(WIRE_locked, 0, lock, buf, sizeof(buf), &len);
	if (r < 0)
		return r;
	lock_file_name(lock->kind, lock->name, name);
	snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
	/* left over by one that was killed in the middle */
	if (unlinkat(folder, tmp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, 0600) < 0 ? -errno : write_all(fd, buf, len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(folder, tmp, folder, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(folder, tmp, 0);
	return r;
}
