/*
 * The folder of locks, which the module reads while no daemon answers. A file that appears there
 * and is not known was put there by root while the daemon was away: it is taken over.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

void lockdir_remove(const struct core *core, const struct wire_locked *what)
{
	char name[LOCK_NAME_HEX + 1];

	lock_file_name(what, name);
	if (core->locks.folder >= 0 && unlinkat(core->locks.folder, name, 0) < 0 && errno != ENOENT)
		log_error(LOCK_FOLDER "/%s cannot be removed: %s", name, strerror(errno));
}

int lockdir_write(const struct core *core, const struct wire_locked *what)
{
	return core->locks.folder < 0 ? 0 : lock_file_write(core->locks.folder, what);
}

/*
 * A file that was found. One of a known lock tells what its deadline in this boot is; another one
 * was put there while the daemon was away. It is the later one, whatever its time says (the clock
 * may have been set back): of each lock the file is written first, then the ledger.
 */
static void found(struct core *core, const char *name, struct wire_locked *what)
{
	struct lock *lock = locks_by_name(core, what->kind, what->name, what->fleet);

	if (lock != NULL && what->set_at == lock->what.set_at) {
		if (strcmp(what->boot_id, core->parts.boot_id) == 0)
			lock->what = *what;
		return;
	}
	if (lock_over(what, core->parts.boot_id, clock_wall(), clock_boot())) {
		(void)unlinkat(core->locks.folder, name, 0);
		return;
	}
	locks_set_deadline(core, what);
	lock = locks_put(core, what, 0);
	if (lock == NULL) {
		log_error(LOCK_FOLDER "/%s: there is no room for it", name);
		return;
	}
	log_info("%s %s was locked by %s while sessd was away", what->kind, what->name, what->by);
	locks_record(core, lock, ENTRY_LOCK_SET, NULL, NULL, NULL);
	denial_enforce_alone(core, lock);
}

void lockdir_read(struct core *core)
{
	int fd = openat(core->locks.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct wire_frame frame;
	struct wire_locked what;
	struct dirent *d;

	if (dir == NULL) {
		log_error(LOCK_FOLDER ": %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(dir)) != NULL) {
		if (!lock_file_name_valid(d->d_name))
			continue;
		r = lock_file_read(core->locks.folder, d->d_name, &frame, &what);
		if (r == 0)
			found(core, d->d_name, &what);
		else if (r != -ENOENT)
			log_error(LOCK_FOLDER "/%s is passed over: %s", d->d_name,
				r == -EBADMSG ? "it holds no lock" : strerror(-r));
	}
	closedir(dir);
}

static void folder_changed(void *ctx, uint32_t events)
{
	struct core *core = ctx;
	char buf[4096];

	(void)events;
	while (read(core->locks.inotify, buf, sizeof(buf)) > 0)
		;
	lockdir_read(core);
}

static int watch_folder(struct core *core, const char *path)
{
	core->locks.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (core->locks.inotify < 0 ||
		inotify_add_watch(core->locks.inotify, path, IN_MOVED_TO) < 0)
		return -errno;
	return loop_io_add(core->parts.loop, &core->locks.io, core->locks.inotify, EPOLLIN,
		folder_changed, core);
}

int lockdir_open(struct core *core)
{
	char path[4096];
	int r;

	if (core->parts.runtime_dir == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s/" LOCK_FOLDER, core->parts.runtime_dir);
	r = lock_folder_open(core->parts.runtime_dir, true);
	if (r >= 0) {
		core->locks.folder = r;
		r = watch_folder(core, path);
	}
	if (r < 0)
		log_error("%s: %s%s", path, strerror(-r),
			r == -EPERM ? "; it must be owned by root and writable by nobody else"
				    : "");
	return r;
}

void lockdir_close(struct core *core)
{
	loop_io_remove(core->parts.loop, &core->locks.io);
	if (core->locks.inotify >= 0)
		close(core->locks.inotify);
	if (core->locks.folder >= 0)
		close(core->locks.folder);
}
