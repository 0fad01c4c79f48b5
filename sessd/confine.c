#include "sessd/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sessd/log.h"

/* What came after the headers of Linux 6.1: Documentation/userspace-api/landlock.rst. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* version 3 */
#endif
#define NET_BIND_TCP	(1ULL << 0) /* version 4 */
#define NET_CONNECT_TCP (1ULL << 1)

/* struct landlock_ruleset_attr, as of version 4; before it ended after `fs`. */
struct ruleset {
	uint64_t fs, net;
};

#define MAKE                                                                   \
	(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |          \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
		LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
		LANDLOCK_ACCESS_FS_MAKE_SYM)
#define REMOVE (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define WRITE  (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* Files that come, are written and go. */
#define FILES (WRITE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

static int add(int ruleset, uint64_t handled, int fd, uint64_t access)
{
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = access & handled, .parent_fd = fd};

	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
		       ? -errno
		       : 0;
}

static int allow(int ruleset, uint64_t handled, const char *path, uint64_t access)
{
	int fd, r;

	if (path == NULL || path[0] == '\0')
		return 0;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* nor can it be written to, then: no reason to confine nothing */
	if (fd < 0)
		return 0;
	r = add(ruleset, handled, fd, access);
	close(fd);
	return r;
}

static int allow_folder_of(int ruleset, uint64_t handled, const char *file, uint64_t access)
{
	char copy[4096];

	if (file == NULL || file[0] == '\0')
		return 0;
	snprintf(copy, sizeof(copy), "%s", file);
	return allow(ruleset, handled, dirname(copy), access);
}

static int allow_all(int ruleset, uint64_t handled, const struct confine_options *o)
{
	int r;

	r = allow(ruleset, handled, o->runtime_dir,
		FILES | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK);
	if (r == 0)
		r = allow(ruleset, handled, o->state_dir, FILES);
	if (r == 0)
		r = allow(ruleset, handled, o->logs_dir, WRITE | LANDLOCK_ACCESS_FS_MAKE_REG);
	if (r == 0)
		r = allow_folder_of(
			ruleset, handled, o->mirror, WRITE | LANDLOCK_ACCESS_FS_MAKE_REG);
	if (r == 0 && o->cgroup_fd >= 0)
		r = add(ruleset, handled, o->cgroup_fd,
			LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
				LANDLOCK_ACCESS_FS_REMOVE_DIR);
	/* Terminals, to warn who sits there. Which there will be is not known. */
	if (r == 0)
		r = allow(ruleset, handled, "/dev", LANDLOCK_ACCESS_FS_WRITE_FILE);
	return r;
}

static int enforce(const struct confine_options *o, int version)
{
	struct ruleset attr = {
		.fs = LANDLOCK_ACCESS_FS_EXECUTE | MAKE | REMOVE | LANDLOCK_ACCESS_FS_WRITE_FILE};
	int fd, r;

	if (version >= 2)
		attr.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		attr.fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (version >= 4)
		attr.net = NET_BIND_TCP | NET_CONNECT_TCP;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr,
		version >= 4 ? sizeof(attr) : sizeof(attr.fs), 0);
	if (fd < 0)
		return -errno;
	r = allow_all(fd, attr.fs, o);
	/* the kernel asks for it, as for a filter of system calls */
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = -errno;
	close(fd);
	return r;
}

int confine(const struct confine_options *o)
{
	int version, r;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	version =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	/* not built in, or switched off when the machine was booted */
	if (version <= 0)
		return 0;
	r = enforce(o, version);
	return r < 0 ? r : version;
}
