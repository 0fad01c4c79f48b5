/*
 * A virtual file system for SQLite that can only read: files are opened O_RDONLY, nothing is locked
 * (see database.h for who notices a writer), a log that is not there is an empty one. With it also
 * a database in a folder that cannot be written is read with its log. It has no shared memory, so
 * the connection needs locking_mode = EXCLUSIVE.
 */
#ifndef SESSCTL_READ_ONLY_H
#define SESSCTL_READ_ONLY_H

/* Its name, for sqlite3_open_v2(). NULL: it cannot be had. */
const char *read_only_vfs(void);

#endif
