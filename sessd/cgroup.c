/*
 * Which cgroup is a session's own: making, finding and removing it. Who is in it, and ending them:
 * cgroup_kill.c.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sessd/cgroup.h"
#include "sessd/cgroup_walk.h"

#define MADE "/sessd/" /* below it are the cgroups that sessd made */

/* mountinfo writes space, tab, newline and backslash as \040 and the like. */
static void unescape(char *s)
{
	char *out = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
			s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/*
 * The directory of a cgroup2 mount that shows the whole of our cgroup namespace, so that its paths
 * are those of /proc/PID/cgroup; -1 where the line tells of another. `36 35 98:0 ROOT DIRECTORY
 * OPTIONS … - TYPE SOURCE OPTIONS`, proc_pid_mountinfo(5).
 */
static int open_mount(char *line)
{
	char *field[5] = {NULL}, *save, *type = strstr(line, " - cgroup2 ");
	struct statfs fs;
	size_t i;
	int fd;

	if (type == NULL)
		return -1;
	field[0] = strtok_r(line, " ", &save);
	for (i = 1; i < 5 && field[i - 1] != NULL; i++)
		field[i] = strtok_r(NULL, " ", &save);
	if (field[4] == NULL || strcmp(field[3], "/") != 0)
		return -1;
	unescape(field[4]);
	fd = open(field[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	/* something else may be mounted over it */
	if (fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	close(fd);
	return -1;
}

void cgroups_init(struct cgroups *cg)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;

	*cg = (struct cgroups){.root_fd = -1};
	/* what sd_booted(3) asks */
	cg->make = access("/run/systemd/system", F_OK) < 0;
	if (f == NULL)
		return;
	while (cg->root_fd < 0 && getline(&line, &size, f) >= 0)
		cg->root_fd = open_mount(line);
	free(line);
	fclose(f);
}

void cgroups_fini(struct cgroups *cg)
{
	if (cg->root_fd >= 0)
		close(cg->root_fd);
	cg->root_fd = -1;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* `/sessd/SID`, or with more sids below: an elevation's. */
static bool is_made(const char *path)
{
	char hex[SID_HEX + 1];
	struct sid sid;

	if (strncmp(path, MADE, strlen(MADE)) != 0)
		return false;
	for (path += strlen(MADE) - 1; *path != '\0'; path += 1 + SID_HEX) {
		if (*path != '/' || strlen(path + 1) < SID_HEX)
			return false;
		memcpy(hex, path + 1, SID_HEX);
		hex[SID_HEX] = '\0';
		if (!sid_parse(hex, &sid))
			return false;
	}
	return true;
}

/*
 * `/user.slice/user-UID.slice/session-ID.scope`, all of it, so that nothing of that name elsewhere
 * is mistaken for it. logind takes the audit session's number for the ID where there is one: a
 * scope with another number is another session's, which somebody moved into or came from.
 */
static bool is_scope(const char *path, uid_t uid, uint32_t audit_session)
{
	char start[64];
	size_t id;
	int n;

	n = snprintf(start, sizeof(start), "/user.slice/user-%u.slice/session-", (unsigned)uid);
	if (strncmp(path, start, (size_t)n) != 0)
		return false;
	path += n;
	for (id = 0; isalnum((unsigned char)path[id]); id++)
		;
	if (id == 0 || strcmp(path + id, ".scope") != 0)
		return false;
	return digits(path) != id || audit_session == PROC_NO_AUDIT ||
	       strtoull(path, NULL, 10) == audit_session;
}

static bool exists(const struct cgroups *cg, const char *path)
{
	int fd = cgroup_open(cg->root_fd, path);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int cgroup_find(struct cgroups *cg, pid_t leader, uid_t uid, uint32_t audit_session,
	char ret_path[PROC_CGROUP])
{
	char path[PROC_CGROUP];

	if (cg->root_fd < 0)
		return -ENOENT;
	if (leader > 0 && proc_cgroup(leader, path, sizeof(path)) == 0 &&
		(is_made(path) || is_scope(path, uid, audit_session)) && exists(cg, path)) {
		snprintf(ret_path, PROC_CGROUP, "%s", path);
		return 0;
	}
	if (audit_session == PROC_NO_AUDIT)
		return -ENOENT;
	snprintf(path, sizeof(path), "/user.slice/user-%u.slice/session-%u.scope", (unsigned)uid,
		(unsigned)audit_session);
	if (!exists(cg, path))
		return -ENOENT;
	snprintf(ret_path, PROC_CGROUP, "%s", path);
	return 0;
}

static int make_dir(struct cgroups *cg, const char *path)
{
	return mkdirat(cg->root_fd, path + 1, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int move_in(struct cgroups *cg, const char *path, pid_t pid)
{
	char text[16];
	int dir, fd, n, r = 0;

	dir = cgroup_open(cg->root_fd, path);
	if (dir < 0)
		return dir;
	fd = cgroup_open_file(dir, "cgroup.procs", O_WRONLY);
	close(dir);
	if (fd < 0)
		return fd;
	n = snprintf(text, sizeof(text), "%d", (int)pid);
	if (write(fd, text, (size_t)n) != n)
		r = -errno;
	close(fd);
	return r;
}

int cgroup_make(struct cgroups *cg, const struct sid *sid, const char *parent, pid_t leader,
	char ret_path[PROC_CGROUP])
{
	char path[PROC_CGROUP], hex[SID_HEX + 1];
	bool below = parent != NULL && *parent != '\0';
	int n, r;

	if (cg->root_fd < 0 || !cg->make)
		return -EOPNOTSUPP;
	if (leader <= 0 || (below && !is_made(parent)))
		return -EINVAL;
	n = snprintf(path, sizeof(path), "%s/%s", below ? parent : "/sessd", sid_hex(sid, hex));
	if ((size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	r = below ? 0 : make_dir(cg, "/sessd");
	if (r == 0)
		r = make_dir(cg, path);
	if (r < 0)
		return r;
	r = move_in(cg, path, leader);
	if (r < 0) {
		unlinkat(cg->root_fd, path + 1, AT_REMOVEDIR);
		return r;
	}
	snprintf(ret_path, PROC_CGROUP, "%s", path);
	return 0;
}

int cgroup_remove(struct cgroups *cg, const char *path)
{
	int fd, r;

	if (cg->root_fd < 0 || !is_made(path))
		return -EINVAL;
	fd = cgroup_open(cg->root_fd, path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = cgroup_remove_below(fd);
	close(fd);
	if (r == 0 && unlinkat(cg->root_fd, path + 1, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

struct each_made {
	void (*fn)(void *ctx, const char *path);
	void *ctx;
};

static int visit_made(void *ctx, int dir_fd, const char *name)
{
	const struct each_made *each = ctx;
	char path[PROC_CGROUP];

	(void)dir_fd;
	if ((size_t)snprintf(path, sizeof(path), MADE "%s", name) < sizeof(path) && is_made(path))
		each->fn(each->ctx, path);
	return 0;
}

int cgroup_each_made(struct cgroups *cg, void (*fn)(void *ctx, const char *path), void *ctx)
{
	struct each_made each = {.fn = fn, .ctx = ctx};
	int fd, r;

	if (cg->root_fd < 0)
		return 0;
	fd = cgroup_open(cg->root_fd, "/sessd");
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = cgroup_children(fd, visit_made, &each);
	close(fd);
	return r;
}
