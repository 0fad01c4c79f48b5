/*
 * Folders of root's through which root processes hand each other files: the spool and the locks.
 * Everything is opened relative to a descriptor of the folder, never through a link, and believed
 * only where root alone can have written it.
 */
#ifndef COMMON_FOLDER_H
#define COMMON_FOLDER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of a name, at the most. */
#define FOLDER_NAME_MAX 64

/*
 * Opens the folder `name` of `at` (a descriptor, or AT_FDCWD). mode: made with it where it is
 * missing; 0: not made. -EPERM: it is no folder, or not root's alone; other -errno.
 */
int folder_open(int at, const char *name, mode_t mode);

/* As many bytes of the file as there is room for. -EPERM: it is no plain file, or not root's alone.
 */
ssize_t folder_read(int folder, const char *name, uint8_t *buf, size_t size);

/* Writes the file whole, mode 0600, and puts it in the place of one of that name at once. Not
 * synced: both folders are in a tmpfs, and end with the boot. */
int folder_write(int folder, const char *name, const uint8_t *buf, size_t len);

#endif
