#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/pidfd.h"
#include "sessd/config.h"
#include "sessd/identity.h"

static bool in_group(int fd, gid_t primary, gid_t gid)
{
	gid_t few[64], *groups = few;
	socklen_t len = sizeof(few);
	bool found = primary == gid;
	size_t i;
	int r;

	if (gid == CONFIG_NO_GID || found)
		return found;
	r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);
	if (r < 0 && errno == ERANGE) {
		groups = malloc(len);
		r = groups ? getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) : -1;
	}
	for (i = 0; r == 0 && i < len / sizeof(gid_t); i++)
		found = found || groups[i] == gid;
	if (groups != few)
		free(groups);
	return found;
}

/* What /proc says of c->pid, for which c->pidfd was opened after the first look at it. */
static int look_again(const struct proc_stat *before, struct caller *c)
{
	struct proc_stat after = {.start = 0};
	int r = proc_stat(c->pid, &after);

	if (r == 0 && before->start != after.start)
		r = -ESRCH;
	if (r == 0)
		r = proc_audit_session(c->pid, &c->audit_session);
	c->start = after.start;
	return r;
}

/* What was read belongs to the process only if it lives now: a pid is not reused before its death.
 * One that is dead and not yet collected takes signals still. */
static int finish(struct caller *c, int r, struct caller *ret)
{
	if (r == 0 && pidfd_is_dead(c->pidfd))
		r = -ESRCH;
	if (r < 0)
		close(c->pidfd);
	else
		*ret = *c;
	return r;
}

int identity_of_peer(int fd, bool use_peerpidfd, gid_t admin_gid, struct caller *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct proc_stat before;
	struct caller c;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (cred.pid <= 0)
		return -ESRCH;
	c = (struct caller){.pid = cred.pid, .uid = cred.uid};
	r = proc_stat(c.pid, &before);
	if (r < 0)
		return r;
	c.pidfd = use_peerpidfd ? pidfd_of_peer(fd) : pidfd_open_pid(c.pid);
	if (c.pidfd < 0)
		return c.pidfd;
	c.admin = c.uid == 0 || in_group(fd, cred.gid, admin_gid);
	return finish(&c, look_again(&before, &c), ret);
}

int identity_of_pid(pid_t pid, struct caller *ret)
{
	struct proc_owner owner = {.size = 0};
	struct proc_stat before;
	struct caller c = {.pid = pid};
	int r;

	r = pid > 0 ? proc_stat(pid, &before) : -ESRCH;
	if (r < 0)
		return r;
	c.pidfd = pidfd_open_pid(pid);
	if (c.pidfd < 0)
		return c.pidfd;
	r = look_again(&before, &c);
	if (r == 0)
		r = proc_owner(pid, &owner);
	c.uid = owner.uid;
	return finish(&c, r, ret);
}
