/*
 * A disk that keeps a record of what is done to it, so that a test can have the power fail at any
 * moment of it. SQLite's files live in memory, below a VFS; the files of the seal's secret are real
 * ones, and the calls that change them are recorded on their way (see the end of this file).
 *
 * What a failure leaves: of each file, all that was written before its last sync, and of what came
 * later any part, in sectors, in any order; of the folder, all names as of its last sync, and any
 * number of the changes after it, in their order.
 */
#ifndef TESTS_POWER_DISK_H
#define TESTS_POWER_DISK_H

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/seeded.h"

#define DISK_FILES 256
#define DISK_NAME  32
#define DISK_FDS   1024

enum disk_op_kind {
	DISK_WRITE,
	DISK_TRUNCATE,
	DISK_SYNC,
	DISK_CREATE,
	DISK_RENAME,
	DISK_REMOVE,
	DISK_SYNC_FOLDER,
};

struct disk_op {
	enum disk_op_kind kind;
	int file; /* write, truncate, sync, create */
	size_t at, len;
	uint8_t *data;
	char name[DISK_NAME], to[DISK_NAME]; /* create, remove, rename */
};

struct disk_file {
	uint8_t *data;
	size_t len, room;
};

static struct {
	pthread_mutex_t lock;
	bool recording;
	struct disk_op *ops;
	size_t n_ops, room;
	/* as the program that runs sees it */
	struct disk_file files[DISK_FILES];
	int n_files;
	struct {
		char name[DISK_NAME]; /* "": free */
		int file;
	} names[8];
	int file_of_fd[DISK_FDS];
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- Files --- */

static inline void disk_put(struct disk_file *f, size_t at, const uint8_t *data, size_t len)
{
	if (at + len > f->room) {
		f->room = 2 * (at + len);
		f->data = realloc(f->data, f->room);
		if (f->data == NULL)
			abort();
	}
	if (at > f->len)
		memset(f->data + f->len, 0, at - f->len);
	memcpy(f->data + at, data, len);
	if (at + len > f->len)
		f->len = at + len;
}

static inline void disk_cut(struct disk_file *f, size_t len)
{
	static const uint8_t zero;

	if (len > f->len)
		disk_put(f, len - 1, &zero, 1);
	f->len = len;
}

static inline int *disk_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(disk.names) / sizeof(disk.names[0]); i++)
		if (strcmp(disk.names[i].name, name) == 0)
			return &disk.names[i].file;
	return NULL;
}

static inline void disk_set_name(const char *name, int file)
{
	int *old = disk_name(name);
	size_t i;

	if (old != NULL) {
		*old = file;
		return;
	}
	for (i = 0; disk.names[i].name[0] != '\0'; i++)
		if (i + 1 == sizeof(disk.names) / sizeof(disk.names[0]))
			abort();
	snprintf(disk.names[i].name, DISK_NAME, "%s", name);
	disk.names[i].file = file;
}

static inline void disk_drop_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(disk.names) / sizeof(disk.names[0]); i++)
		if (strcmp(disk.names[i].name, name) == 0)
			disk.names[i].name[0] = '\0';
}

/* --- The record --- */

static inline void disk_record(struct disk_op op, const void *data)
{
	if (!disk.recording)
		return;
	if (disk.n_ops == disk.room) {
		disk.room = 2 * disk.room + 1024;
		disk.ops = realloc(disk.ops, disk.room * sizeof(*disk.ops));
		if (disk.ops == NULL)
			abort();
	}
	if (data != NULL) {
		op.data = malloc(op.len + 1);
		if (op.data == NULL)
			abort();
		memcpy(op.data, data, op.len);
	}
	disk.ops[disk.n_ops++] = op;
}

static inline int disk_create(const char *name)
{
	struct disk_op op = {.kind = DISK_CREATE, .file = disk.n_files};

	if (disk.n_files == DISK_FILES)
		abort();
	snprintf(op.name, sizeof(op.name), "%s", name);
	disk.files[disk.n_files] = (struct disk_file){0};
	disk_set_name(name, disk.n_files);
	disk_record(op, NULL);
	return disk.n_files++;
}

static inline void disk_forget_record(void)
{
	size_t i;

	for (i = 0; i < disk.n_ops; i++)
		free(disk.ops[i].data);
	free(disk.ops);
	disk.ops = NULL;
	disk.n_ops = disk.room = 0;
}

/* No file is left. */
static inline void disk_clear(void)
{
	size_t i;

	for (i = 0; i < (size_t)disk.n_files; i++)
		free(disk.files[i].data);
	disk.n_files = 0;
	memset(disk.names, 0, sizeof(disk.names));
}

/* --- The moment after a failure --- */

struct disk_chance {
	size_t sector;	/* what is written whole or not at all: 512 or 4096 */
	unsigned keeps; /* of 100 sectors that were not synced, so many reach the disk */
	bool reorders;	/* and in any order */
	bool garbage;	/* what a file grew by and did not get has anything in it */
};

/* What is left, as names and files of its own. */
struct disk_image {
	struct {
		char name[DISK_NAME];
		int file;
	} names[8];
	size_t n_names;
	struct disk_file files[DISK_FILES];
};

static inline void disk_image_free(struct disk_image *image)
{
	size_t i;

	for (i = 0; i < DISK_FILES; i++)
		free(image->files[i].data);
	memset(image, 0, sizeof(*image));
}

/* A write that was not synced: some of its sectors. */
static inline void disk_put_some(
	struct disk_file *f, const struct disk_op *op, const struct disk_chance *chance)
{
	size_t at = op->at, end = op->at + op->len, n, i, grown = f->len;
	uint8_t *junk;

	for (; at < end; at += n) {
		n = chance->sector - at % chance->sector;
		if (n > end - at)
			n = end - at;
		if (any(100) < chance->keeps) {
			disk_put(f, at, op->data + (at - op->at), n);
		} else if (chance->garbage && at >= grown) {
			junk = malloc(n);
			if (junk == NULL)
				abort();
			for (i = 0; i < n; i++)
				junk[i] = (uint8_t)any(256);
			disk_put(f, at, junk, n);
			free(junk);
		}
	}
}

static inline void disk_shuffle(const struct disk_op **ops, size_t n)
{
	const struct disk_op *swap;
	size_t i, j;

	for (i = n; i > 1; i--) {
		j = any(i);
		swap = ops[i - 1];
		ops[i - 1] = ops[j];
		ops[j] = swap;
	}
}

/* One file, after the first `n` operations of the record. */
static inline void disk_image_file(
	struct disk_file *f, int file, size_t n, const struct disk_chance *chance)
{
	const struct disk_op **later = malloc((n + 1) * sizeof(struct disk_op *));
	size_t i, synced = 0, n_later = 0;
	const struct disk_op *op;

	if (later == NULL)
		abort();
	for (i = 0; i < n; i++)
		if (disk.ops[i].kind == DISK_SYNC && disk.ops[i].file == file)
			synced = i + 1;
	for (i = 0; i < n; i++) {
		op = &disk.ops[i];
		if (op->kind > DISK_TRUNCATE || op->file != file)
			continue;
		if (i >= synced)
			later[n_later++] = op;
		else if (op->kind == DISK_WRITE)
			disk_put(f, op->at, op->data, op->len);
		else
			disk_cut(f, op->at);
	}
	if (chance->reorders)
		disk_shuffle(later, n_later);
	for (i = 0; i < n_later; i++)
		if (later[i]->kind == DISK_WRITE)
			disk_put_some(f, later[i], chance);
		else if (any(100) < chance->keeps)
			disk_cut(f, later[i]->at);
	free(later);
}

static inline void disk_image_rename(struct disk_image *image, const char *from, const char *to)
{
	size_t i;

	for (i = 0; to[0] != '\0' && i < image->n_names; i++)
		if (strcmp(image->names[i].name, to) == 0)
			image->names[i].name[0] = '\0';
	for (i = 0; i < image->n_names; i++)
		if (strcmp(image->names[i].name, from) == 0)
			snprintf(image->names[i].name, DISK_NAME, "%s", to);
}

static inline void disk_image_names(struct disk_image *image, size_t n)
{
	size_t i, j, synced = 0, later = 0, keeps;
	const struct disk_op *op;

	for (i = 0; i < n; i++)
		if (disk.ops[i].kind == DISK_SYNC_FOLDER)
			synced = i + 1;
	for (i = synced; i < n; i++)
		later += disk.ops[i].kind >= DISK_CREATE && disk.ops[i].kind <= DISK_REMOVE;
	keeps = any(later + 1);
	for (i = 0; i < n; i++) {
		op = &disk.ops[i];
		if (op->kind < DISK_CREATE || op->kind > DISK_REMOVE)
			continue;
		if (i >= synced && keeps-- == 0)
			break;
		if (op->kind != DISK_CREATE) {
			disk_image_rename(image, op->name, op->to);
			continue;
		}
		for (j = 0; j < image->n_names && image->names[j].name[0] != '\0'; j++)
			;
		if (j == sizeof(image->names) / sizeof(image->names[0]))
			abort();
		snprintf(image->names[j].name, DISK_NAME, "%s", op->name);
		image->names[j].file = op->file;
		if (j == image->n_names)
			image->n_names++;
	}
}

/* The power fails after the first `n` operations. Free it with disk_image_free(). */
static inline void disk_fail(size_t n, const struct disk_chance *chance, struct disk_image *ret)
{
	size_t i;

	memset(ret, 0, sizeof(*ret));
	disk_image_names(ret, n);
	for (i = 0; i < ret->n_names; i++)
		if (ret->names[i].name[0] != '\0')
			disk_image_file(
				&ret->files[ret->names[i].file], ret->names[i].file, n, chance);
}

/* --- SQLite's files --- */

struct disk_handle {
	sqlite3_file base;
	int file;
	bool sync_folder; /* with its first sync, as SQLite does for what it made */
};

static inline struct disk_file *disk_of(sqlite3_file *f)
{
	return &disk.files[((struct disk_handle *)f)->file];
}

static inline int disk_close(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static inline int disk_read(sqlite3_file *f, void *buf, int n, sqlite3_int64 at)
{
	const struct disk_file *file = disk_of(f);
	size_t have = (size_t)at < file->len ? file->len - (size_t)at : 0;

	if (have >= (size_t)n) {
		memcpy(buf, file->data + at, (size_t)n);
		return SQLITE_OK;
	}
	memset(buf, 0, (size_t)n);
	if (have > 0)
		memcpy(buf, file->data + at, have);
	return SQLITE_IOERR_SHORT_READ;
}

static inline int disk_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 at)
{
	struct disk_op op = {.kind = DISK_WRITE,
		.file = ((struct disk_handle *)f)->file,
		.at = (size_t)at,
		.len = (size_t)n};

	pthread_mutex_lock(&disk.lock);
	disk_put(disk_of(f), op.at, buf, op.len);
	disk_record(op, buf);
	pthread_mutex_unlock(&disk.lock);
	return SQLITE_OK;
}

static inline int disk_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct disk_op op = {
		.kind = DISK_TRUNCATE, .file = ((struct disk_handle *)f)->file, .at = (size_t)size};

	pthread_mutex_lock(&disk.lock);
	disk_cut(disk_of(f), op.at);
	disk_record(op, NULL);
	pthread_mutex_unlock(&disk.lock);
	return SQLITE_OK;
}

static inline int disk_sync(sqlite3_file *f, int flags)
{
	struct disk_handle *h = (struct disk_handle *)f;

	(void)flags;
	pthread_mutex_lock(&disk.lock);
	disk_record((struct disk_op){.kind = DISK_SYNC, .file = h->file}, NULL);
	if (h->sync_folder)
		disk_record((struct disk_op){.kind = DISK_SYNC_FOLDER}, NULL);
	h->sync_folder = false;
	pthread_mutex_unlock(&disk.lock);
	return SQLITE_OK;
}

static inline int disk_size(sqlite3_file *f, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)disk_of(f)->len;
	return SQLITE_OK;
}

static inline int disk_lock(sqlite3_file *f, int level)
{
	(void)f;
	(void)level;
	return SQLITE_OK;
}

static inline int disk_reserved(sqlite3_file *f, int *ret)
{
	(void)f;
	*ret = 0;
	return SQLITE_OK;
}

static inline int disk_control(sqlite3_file *f, int op, void *arg)
{
	(void)f;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static inline int disk_sector(sqlite3_file *f)
{
	(void)f;
	return 4096;
}

/* What SQLite takes every disk of Linux for. */
static inline int disk_traits(sqlite3_file *f)
{
	(void)f;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static inline const char *disk_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static inline int disk_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	static const sqlite3_io_methods methods = {
		.iVersion = 1,
		.xClose = disk_close,
		.xRead = disk_read,
		.xWrite = disk_write,
		.xTruncate = disk_truncate,
		.xSync = disk_sync,
		.xFileSize = disk_size,
		.xLock = disk_lock,
		.xUnlock = disk_lock,
		.xCheckReservedLock = disk_reserved,
		.xFileControl = disk_control,
		.xSectorSize = disk_sector,
		.xDeviceCharacteristics = disk_traits,
	};
	struct disk_handle *h = (struct disk_handle *)file;
	int *found;

	(void)vfs;
	h->base.pMethods = NULL;
	if (path == NULL)
		return SQLITE_CANTOPEN;
	pthread_mutex_lock(&disk.lock);
	found = disk_name(disk_basename(path));
	h->sync_folder = false;
	if (found != NULL) {
		h->file = *found;
	} else if (flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB)) {
		h->file = disk_create(disk_basename(path));
		h->sync_folder = (flags & SQLITE_OPEN_MAIN_DB) == 0;
		/* the daemon makes the database, and syncs the folder, before SQLite opens it */
		if (!h->sync_folder)
			disk_record((struct disk_op){.kind = DISK_SYNC_FOLDER}, NULL);
		found = &h->file;
	}
	pthread_mutex_unlock(&disk.lock);
	if (found == NULL)
		return SQLITE_CANTOPEN;
	h->base.pMethods = &methods;
	if (ret_flags != NULL)
		*ret_flags = flags;
	return SQLITE_OK;
}

static inline int disk_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	struct disk_op op = {.kind = DISK_REMOVE};
	bool is;

	(void)vfs;
	snprintf(op.name, sizeof(op.name), "%s", disk_basename(path));
	pthread_mutex_lock(&disk.lock);
	is = disk_name(op.name) != NULL;
	disk_drop_name(op.name);
	if (is)
		disk_record(op, NULL);
	if (is && sync_folder)
		disk_record((struct disk_op){.kind = DISK_SYNC_FOLDER}, NULL);
	pthread_mutex_unlock(&disk.lock);
	return is ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

static inline int disk_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
	const int *file;

	(void)vfs;
	pthread_mutex_lock(&disk.lock);
	file = disk_name(disk_basename(path));
	/* an empty journal is none */
	*ret = file != NULL && (flags != SQLITE_ACCESS_EXISTS || disk.files[*file].len > 0);
	pthread_mutex_unlock(&disk.lock);
	return SQLITE_OK;
}

/* Makes it the VFS of all databases that are opened from now on. */
static inline int disk_install(void)
{
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.pNext = NULL;
	disk.vfs.zName = "power";
	disk.vfs.szOsFile = (int)sizeof(struct disk_handle);
	disk.vfs.xOpen = disk_open;
	disk.vfs.xDelete = disk_delete;
	disk.vfs.xAccess = disk_access;
	return sqlite3_vfs_register(&disk.vfs, 1);
}

/* --- The files of the seal: these stand in for the C library's functions in this program --- */

static inline bool disk_is_seal(const char *name)
{
	return strncmp(name, "seal.key", strlen("seal.key")) == 0;
}

int openat(int folder, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd, *found;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	fd = (int)syscall(SYS_openat, folder, name, flags, mode);
	if (fd < 0 || fd >= DISK_FDS || !disk_is_seal(name))
		return fd;
	pthread_mutex_lock(&disk.lock);
	found = disk_name(name);
	disk.file_of_fd[fd] = found != NULL ? *found : disk_create(name);
	pthread_mutex_unlock(&disk.lock);
	return fd;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	ssize_t r = syscall(SYS_pwrite64, fd, buf, n, at);

	pthread_mutex_lock(&disk.lock);
	if (r > 0)
		disk_record((struct disk_op){.kind = DISK_WRITE,
				    .file = disk.file_of_fd[fd],
				    .at = (size_t)at,
				    .len = (size_t)r},
			buf);
	pthread_mutex_unlock(&disk.lock);
	return r;
}

int ftruncate(int fd, off_t size)
{
	int r = (int)syscall(SYS_ftruncate, fd, size);

	pthread_mutex_lock(&disk.lock);
	disk_record(
		(struct disk_op){
			.kind = DISK_TRUNCATE, .file = disk.file_of_fd[fd], .at = (size_t)size},
		NULL);
	pthread_mutex_unlock(&disk.lock);
	return r;
}

/* Nothing needs to get anywhere: that is what is simulated. */
int fsync(int fd)
{
	struct stat st;
	bool folder;

	if (fstat(fd, &st) < 0)
		return -1;
	folder = S_ISDIR(st.st_mode);
	pthread_mutex_lock(&disk.lock);
	disk_record((struct disk_op){.kind = folder ? DISK_SYNC_FOLDER : DISK_SYNC,
			    .file = folder ? 0 : disk.file_of_fd[fd]},
		NULL);
	pthread_mutex_unlock(&disk.lock);
	return 0;
}

int renameat(int folder, const char *from, int to_folder, const char *to)
{
	int r = (int)syscall(SYS_renameat, folder, from, to_folder, to);
	struct disk_op op = {.kind = DISK_RENAME};
	int *found;

	if (r < 0 || !disk_is_seal(from))
		return r;
	snprintf(op.name, sizeof(op.name), "%s", from);
	snprintf(op.to, sizeof(op.to), "%s", to);
	pthread_mutex_lock(&disk.lock);
	found = disk_name(from);
	if (found != NULL)
		disk_set_name(to, *found);
	disk_drop_name(from);
	disk_record(op, NULL);
	pthread_mutex_unlock(&disk.lock);
	return r;
}

#endif
