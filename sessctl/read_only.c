#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sessctl/read_only.h"

#define NAME "sessctl-read-only"

struct file {
	sqlite3_file base;
	int fd; /* -1: an empty file */
};

static int fd_of(sqlite3_file *base)
{
	return ((struct file *)(void *)base)->fd;
}

static int file_close(sqlite3_file *base)
{
	if (fd_of(base) >= 0)
		close(fd_of(base));
	return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *buf, int len, sqlite3_int64 at)
{
	int fd = fd_of(base), got = 0;
	ssize_t n = 1;

	while (fd >= 0 && got < len && n > 0) {
		n = pread(fd, (char *)buf + got, (size_t)(len - got), (off_t)(at + got));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			return SQLITE_IOERR_READ;
		else
			got += (int)n;
	}
	if (got == len)
		return SQLITE_OK;
	memset((char *)buf + got, 0, (size_t)(len - got));
	return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *buf, int len, sqlite3_int64 at)
{
	(void)base;
	(void)buf;
	(void)len;
	(void)at;
	return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	(void)base;
	(void)size;
	return SQLITE_READONLY;
}

static int file_sync(sqlite3_file *base, int flags)
{
	(void)base;
	(void)flags;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
	struct stat st = {.st_size = 0};

	if (fd_of(base) >= 0 && fstat(fd_of(base), &st) < 0)
		return SQLITE_IOERR_FSTAT;
	*ret = st.st_size;
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level)
{
	(void)base;
	(void)level;
	return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *ret)
{
	(void)base;
	*ret = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int file_none(sqlite3_file *base)
{
	(void)base;
	return 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_lock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_none,
	.xDeviceCharacteristics = file_none,
};

static int vfs_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
	struct file *f = (struct file *)(void *)base;
	struct stat st;

	(void)vfs;
	base->pMethods = NULL;
	if (name == NULL || !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
		return SQLITE_CANTOPEN;
	f->fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->fd < 0 && !(errno == ENOENT && (flags & SQLITE_OPEN_WAL)))
		return SQLITE_CANTOPEN;
	if (f->fd >= 0 && (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(f->fd);
		return SQLITE_CANTOPEN;
	}
	if (ret_flags != NULL)
		*ret_flags = SQLITE_OPEN_READONLY;
	base->pMethods = &methods;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	(void)name;
	(void)sync;
	return SQLITE_IOERR_DELETE;
}

/* The log is all that is asked for; of a rollback journal, which sessd never has, nothing is known.
 */
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	const char *end = strrchr(name, '-');

	(void)vfs;
	(void)flags;
	*ret = end != NULL && strcmp(end, "-wal") == 0 && access(name, F_OK) == 0;
	return SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
	int n = snprintf(ret, (size_t)size, "%s", name);

	(void)vfs;
	return n >= 0 && n < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

const char *read_only_vfs(void)
{
	static sqlite3_vfs vfs;
	const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);

	if (sqlite3_vfs_find(NAME) != NULL)
		return NAME;
	if (usual == NULL)
		return NULL;
	/* for its clock and its random numbers */
	vfs = *usual;
	vfs.iVersion = 1;
	vfs.szOsFile = sizeof(struct file);
	vfs.zName = NAME;
	vfs.pNext = NULL;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs.xAccess = vfs_access;
	vfs.xFullPathname = vfs_path;
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? NAME : NULL;
}
