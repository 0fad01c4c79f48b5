/*
 * Orders to stop the service manager of a user whom a lock hits. sessd ends its processes itself,
 * as those of any leftover; but only PID 1, which started it, can say that it is stopped, and not
 * failed, or about to be started again. sessd does not speak with PID 1: it leaves a file, for
 * which systemd starts sessd-stopper.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/manager.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

static int leave(const char *runtime_dir, uid_t uid)
{
	int top = folder_open(AT_FDCWD, runtime_dir, 0), folder, fd, r;
	char name[MANAGER_ORDER];

	if (top < 0)
		return top;
	folder = folder_open(top, MANAGER_FOLDER, 0700);
	close(top);
	if (folder < 0)
		return folder;
	fd = openat(folder, manager_order(uid, name), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		0600);
	r = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	close(folder);
	return r;
}

void manager_stop(const struct core *core, uid_t uid)
{
	char unit[MANAGER_UNIT];
	int r;

	/* without systemd there is no such unit, whatever a cgroup is called */
	if (core->parts.cgroups->make || core->parts.runtime_dir == NULL || uid == 0)
		return;
	r = leave(core->parts.runtime_dir, uid);
	if (r < 0)
		log_error("%s/" MANAGER_FOLDER ": %s: %s is ended, and systemd is not told to "
			  "stop it",
			core->parts.runtime_dir, strerror(-r), manager_unit(uid, unit));
}
