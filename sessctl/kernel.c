#include <dirent.h>
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/pidfd.h"
#include "sessctl/kernel.h"

/* Each answers 0 where the thing is there, or the errno that says why it is not. */
typedef int check_fn(void);

static int no_audit(void)
{
	return access("/proc/self/sessionid", R_OK) < 0 ? errno : 0;
}

static int no_pidfd(void)
{
	int fd = pidfd_open_pid(getpid());

	if (fd < 0)
		return -fd;
	close(fd);
	return 0;
}

static int no_peer_pidfd(void)
{
	return -pidfd_try_peer();
}

/* A process without a session keyring is told of its user's. */
static int no_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) < 0 ? errno
											   : 0;
}

/* ---- cgroups ---- */

/* The text behind the first line of a file in /proc that `fits`; to be freed. NULL: there is none.
 */
static char *find_line(const char *path, char *(*fits)(char *line))
{
	FILE *in = fopen(path, "re");
	char *line = NULL, *found = NULL, *part;
	size_t size = 0;

	while (in != NULL && found == NULL && getline(&line, &size, in) > 0) {
		line[strcspn(line, "\n")] = '\0';
		part = fits(line);
		if (part != NULL)
			found = strdup(part);
	}
	free(line);
	if (in != NULL)
		fclose(in);
	return found;
}

/* `ID PARENT DEV ROOT MOUNT OPTIONS ... - TYPE ...`: of one of cgroup2, where it is mounted. */
static char *mount_of(char *line)
{
	const char *type = strstr(line, " - cgroup2 ");
	char *rest = line, *word = NULL;
	int i;

	for (i = 0; type != NULL && i < 5; i++)
		word = strsep(&rest, " ");
	return word;
}

/* `0::/path`. */
static char *cgroup_of(char *line)
{
	return strncmp(line, "0::", 3) == 0 ? line + 3 : NULL;
}

/* One that may not be looked into is not known to lack it. */
static bool lacks_kill(const char *mount, const char *cgroup)
{
	char *path;
	bool lacks;

	if (asprintf(&path, "%s/%s/cgroup.kill", mount, cgroup) < 0)
		return false;
	lacks = access(path, F_OK) < 0 && errno == ENOENT;
	free(path);
	return lacks;
}

/* The topmost cgroup has none in any case, so that one below it must be asked. */
static bool child_lacks_kill(const char *mount)
{
	DIR *dir = opendir(mount);
	const struct dirent *entry;
	bool seen = false, lacks = false;

	while (dir != NULL && !seen && (entry = readdir(dir)) != NULL) {
		seen = entry->d_type == DT_DIR && entry->d_name[0] != '.';
		lacks = seen && lacks_kill(mount, entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	return lacks;
}

static void check_cgroups(struct findings *findings)
{
	char *mount = find_line("/proc/self/mountinfo", mount_of);
	char *own = find_line("/proc/self/cgroup", cgroup_of);
	const struct where kernel = {"kernel", 0};

	if (mount == NULL)
		findings_add(findings, FINDING_CGROUP, kernel, "");
	else if (lacks_kill(mount, own != NULL ? own : "") && child_lacks_kill(mount))
		findings_add(findings, FINDING_CGROUP_KILL, kernel, mount);
	free(mount);
	free(own);
}

void kernel_check(struct findings *findings)
{
	static const struct {
		enum finding_kind kind;
		check_fn *missing;
	} rows[] = {
		{FINDING_AUDIT, no_audit},
		{FINDING_PIDFD, no_pidfd},
		{FINDING_PEER_PIDFD, no_peer_pidfd},
		{FINDING_KEYRING, no_keyring},
	};
	size_t i;
	int why;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = rows[i].missing();
		if (why != 0)
			findings_add(
				findings, rows[i].kind, (struct where){"kernel", 0}, strerror(why));
	}
	check_cgroups(findings);
}
