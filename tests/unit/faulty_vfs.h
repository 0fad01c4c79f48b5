/*
 * A VFS under SQLite whose reads and writes fail, or whose syncs wait, when a test says so. It
 * offers no shared memory, so it also shows that the ledger needs none.
 */
#ifndef TESTS_FAULTY_VFS_H
#define TESTS_FAULTY_VFS_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real; /* lies behind this */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	atomic_int write_error; /* an SQLITE_ code; 0: none */
	atomic_int sync_error;
	atomic_int read_error;
	atomic_int short_writes; /* so many are cut to half, and fail */
	atomic_int tries;	 /* writes that were failed */
	pthread_mutex_t gate;	 /* held: a sync waits */
	atomic_int waiting;
} faulty = {.gate = PTHREAD_MUTEX_INITIALIZER};

static inline sqlite3_file *faulty_real(sqlite3_file *file)
{
	return ((struct faulty_file *)file)->real;
}

static inline int faulty_close(sqlite3_file *f)
{
	return faulty_real(f)->pMethods->xClose(faulty_real(f));
}

static inline int faulty_read(sqlite3_file *f, void *buf, int n, sqlite3_int64 at)
{
	if (faulty.read_error != 0) {
		faulty.tries++;
		return faulty.read_error;
	}
	return faulty_real(f)->pMethods->xRead(faulty_real(f), buf, n, at);
}

static inline int faulty_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 at)
{
	if (faulty.write_error != 0) {
		faulty.tries++;
		return faulty.write_error;
	}
	if (faulty.short_writes > 0) {
		faulty.short_writes--;
		faulty.tries++;
		faulty_real(f)->pMethods->xWrite(faulty_real(f), buf, n / 2, at);
		return SQLITE_FULL;
	}
	return faulty_real(f)->pMethods->xWrite(faulty_real(f), buf, n, at);
}

static inline int faulty_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return faulty_real(f)->pMethods->xTruncate(faulty_real(f), size);
}

static inline int faulty_sync(sqlite3_file *f, int flags)
{
	if (faulty.sync_error != 0) {
		faulty.tries++;
		return faulty.sync_error;
	}
	faulty.waiting++;
	pthread_mutex_lock(&faulty.gate);
	pthread_mutex_unlock(&faulty.gate);
	faulty.waiting--;
	return faulty_real(f)->pMethods->xSync(faulty_real(f), flags);
}

static inline int faulty_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return faulty_real(f)->pMethods->xFileSize(faulty_real(f), size);
}

static inline int faulty_lock(sqlite3_file *f, int level)
{
	return faulty_real(f)->pMethods->xLock(faulty_real(f), level);
}

static inline int faulty_unlock(sqlite3_file *f, int level)
{
	return faulty_real(f)->pMethods->xUnlock(faulty_real(f), level);
}

static inline int faulty_reserved(sqlite3_file *f, int *ret)
{
	return faulty_real(f)->pMethods->xCheckReservedLock(faulty_real(f), ret);
}

static inline int faulty_control(sqlite3_file *f, int op, void *arg)
{
	return faulty_real(f)->pMethods->xFileControl(faulty_real(f), op, arg);
}

static inline int faulty_sector(sqlite3_file *f)
{
	return faulty_real(f)->pMethods->xSectorSize(faulty_real(f));
}

static inline int faulty_traits(sqlite3_file *f)
{
	return faulty_real(f)->pMethods->xDeviceCharacteristics(faulty_real(f));
}

static inline int faulty_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	static const sqlite3_io_methods methods = {
		.iVersion = 1,
		.xClose = faulty_close,
		.xRead = faulty_read,
		.xWrite = faulty_write,
		.xTruncate = faulty_truncate,
		.xSync = faulty_sync,
		.xFileSize = faulty_size,
		.xLock = faulty_lock,
		.xUnlock = faulty_unlock,
		.xCheckReservedLock = faulty_reserved,
		.xFileControl = faulty_control,
		.xSectorSize = faulty_sector,
		.xDeviceCharacteristics = faulty_traits,
	};
	struct faulty_file *f = (struct faulty_file *)file;
	int rc;

	(void)vfs;
	f->real = (sqlite3_file *)(f + 1);
	rc = faulty.real->xOpen(faulty.real, name, f->real, flags, ret_flags);
	f->base.pMethods = f->real->pMethods != NULL ? &methods : NULL;
	return rc;
}

/* Until it is not 0, for at most a minute. */
static inline void faulty_await(atomic_int *value)
{
	int i;

	for (i = 0; *value == 0 && i < 60000; i++)
		usleep(1000);
}

/* Makes it the VFS of all databases that are opened from now on. */
static inline int faulty_install(void)
{
	faulty.real = sqlite3_vfs_find(NULL);
	faulty.vfs = *faulty.real;
	faulty.vfs.pNext = NULL;
	faulty.vfs.zName = "faulty";
	faulty.vfs.szOsFile += (int)sizeof(struct faulty_file);
	faulty.vfs.xOpen = faulty_open;
	return sqlite3_vfs_register(&faulty.vfs, 1);
}

#endif
