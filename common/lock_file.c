/* The files of locks: see lock.h. What is opened is opened by a descriptor of the folder. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/lock.h"

int lock_folder_open(const char *runtime_dir, bool make)
{
	mode_t mode = make ? 0755 : 0;
	int top = folder_open(AT_FDCWD, runtime_dir, mode), fd;

	if (top < 0)
		return top;
	fd = folder_open(top, LOCK_FOLDER, mode);
	close(top);
	return fd;
}

int lock_file_read(int folder, const char *name, struct wire_frame *frame, struct wire_locked *ret)
{
	uint8_t buf[LOCK_FILE_MAX + 1];
	char own[TEXT_STR_MAX + 1], file[LOCK_NAME_HEX + 1];
	ssize_t n = folder_read(folder, name, buf, sizeof(buf));
	const struct wire_locked *lock = &frame->u.locked;

	if (n < 0)
		return (int)n;
	if (n > LOCK_FILE_MAX || wire_decode(buf, (size_t)n, frame) < 0 ||
		frame->type != WIRE_locked)
		return -EBADMSG;
	memcpy(own, lock->name, sizeof(own));
	if (lock_check(lock->kind, own, &lock->id) != NULL || strcmp(own, lock->name) != 0 ||
		strcmp(lock_file_name(lock, file), name) != 0)
		return -EBADMSG;
	*ret = *lock;
	return 0;
}

int lock_file_write(int folder, const struct wire_locked *lock)
{
	char name[LOCK_NAME_HEX + 1];
	uint8_t buf[LOCK_FILE_MAX];
	size_t len;
	int r;

	r = wire_encode(WIRE_locked, 0, lock, buf, sizeof(buf), &len);
	if (r < 0)
		return r;
	return folder_write(folder, lock_file_name(lock, name), buf, len);
}
