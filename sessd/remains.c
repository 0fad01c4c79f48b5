#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/field.h"
#include "common/manager.h"
#include "sessd/remains.h"

/* Those who start other people's jobs by the clock. Each runs as root, and nobody can give a
 * process of his the real uid of root to look like one. */
static const char *const schedulers[] = {"cron", "crond", "atd", "anacron"};

#define N_SCHEDULERS (sizeof(schedulers) / sizeof(schedulers[0]))

/* True: it is none. What went away meanwhile is nobody's any more. */
static bool note_error(struct remains_look *look, int r)
{
	if (r < 0 && r != -ESRCH && look->error == 0)
		look->error = r;
	return r >= 0;
}

static bool is_dead(pid_t pid)
{
	int fd = pidfd_open_pid(pid);
	bool dead = fd == -ESRCH || (fd >= 0 && pidfd_is_dead(fd));

	if (fd >= 0)
		close(fd);
	return dead;
}

static bool is_scheduler(pid_t pid)
{
	struct proc_owner owner = {.size = 0};
	struct proc_stat st;
	size_t i;

	if (proc_stat(pid, &st) < 0 || proc_owner(pid, &owner) < 0 || owner.uid != 0)
		return false;
	for (i = 0; i < N_SCHEDULERS; i++)
		if (strcmp(st.comm, schedulers[i]) == 0)
			return true;
	return false;
}

static bool is_within(const char *path, const char *cgroup)
{
	size_t len = strlen(cgroup);

	return strncmp(path, cgroup, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* A job whose own process is gone, and that went on: the service is still its cgroup. */
static bool is_in_scheduler(const char *path)
{
	char unit[64];
	size_t i;

	for (i = 0; i < N_SCHEDULERS; i++) {
		snprintf(unit, sizeof(unit), "/system.slice/%s.service", schedulers[i]);
		if (is_within(path, unit))
			return true;
	}
	return false;
}

/* One of those that no other process of the audit session has started: what it is, they show. */
static void look_at_top(struct remains *m, const struct proc_stat *stat, pid_t pid)
{
	char path[PROC_CGROUP], manager[REMAINS_CGROUP], unit[MANAGER_UNIT];

	if (m->start == 0 || stat->start < m->start) {
		m->start = stat->start;
		memcpy(m->name, stat->comm, sizeof(m->name));
	}
	m->cron = m->cron || is_scheduler(stat->ppid);
	if (proc_cgroup(pid, path, sizeof(path)) < 0)
		return;
	snprintf(manager, sizeof(manager), "/user.slice/user-%u.slice/%s", (unsigned)m->login,
		manager_unit(m->login, unit));
	if (is_within(path, manager))
		memcpy(m->cgroup, manager, sizeof(manager));
	m->cron = m->cron || is_in_scheduler(path);
}

static void look_at_owner(struct remains_look *look, struct remains *m, pid_t pid)
{
	gid_t gids[FIELD_GIDS_MAX];
	struct proc_owner owner = {
		.uid = m->login, .gids = gids, .size = m->gids ? 0 : FIELD_GIDS_MAX};

	note_error(look, proc_owner(pid, &owner));
	m->root = m->root && owner.uid == 0;
	if (owner.uid != m->login || owner.n_gids == 0)
		return;
	m->gids = malloc(owner.n_gids * sizeof(*gids));
	if (m->gids == NULL) {
		note_error(look, -ENOMEM);
		return;
	}
	memcpy(m->gids, gids, owner.n_gids * sizeof(*gids));
	m->n_gids = owner.n_gids;
}

static struct remains *find(const struct remains_look *look, uint32_t audit_session)
{
	struct hash_link *l = hash_first(&look->by_audit, hash_mix(audit_session));
	struct remains *m;

	for (; l != NULL; l = hash_next(l)) {
		m = container_of(l, struct remains, by_audit);
		if (m->audit_session == audit_session)
			return m;
	}
	return NULL;
}

static struct remains *add(struct remains_look *look, uint32_t audit_session, uid_t login)
{
	struct remains *m = NULL;

	if (look->by_audit.n < REMAINS_MAX && hash_reserve(&look->by_audit) == 0)
		m = calloc(1, sizeof(*m));
	if (m == NULL) {
		note_error(look, -ENOMEM);
		return NULL;
	}
	m->audit_session = audit_session;
	m->login = login;
	m->root = true;
	hash_put(&look->by_audit, &m->by_audit, hash_mix(audit_session));
	LIST_INSERT_HEAD(&look->list, m, link);
	return m;
}

static void found(void *ctx, pid_t pid, const struct proc_stat *stat)
{
	struct remains_look *look = ctx;
	uint32_t audit, above;
	struct remains *m;
	uid_t login;

	if (!note_error(look, proc_login(pid, &login)) || login == PROC_NO_LOGIN ||
		!look->wants(look, login))
		return;
	if (!note_error(look, proc_audit_session(pid, &audit)) || audit == PROC_NO_AUDIT ||
		(stat->state == 'Z' && is_dead(pid)))
		return;
	m = find(look, audit);
	if (m == NULL)
		m = add(look, audit, login);
	if (m == NULL)
		return;
	look_at_owner(look, m, pid);
	if (proc_audit_session(stat->ppid, &above) < 0 || above != audit)
		look_at_top(m, stat, pid);
}

static void forget(struct remains_look *look)
{
	struct remains *m;

	while ((m = LIST_FIRST(&look->list)) != NULL) {
		LIST_REMOVE(m, link);
		hash_remove(&look->by_audit, &m->by_audit);
		free(m->gids);
		free(m);
	}
	look->error = 0;
}

static void reading_done(void *ctx, int error)
{
	struct remains_look *look = ctx;

	look->done(look, error != 0 ? error : look->error);
}

int remains_init(struct remains_look *look, struct sweep *sweep)
{
	look->sweep = sweep;
	look->target = (struct sweep_target){.audit_session = PROC_NO_AUDIT,
		.all = true,
		.found = found,
		.done = reading_done,
		.ctx = look};
	return sweep_add(sweep, &look->target);
}

void remains_fini(struct remains_look *look)
{
	if (look->sweep == NULL)
		return;
	sweep_remove(look->sweep, &look->target);
	forget(look);
	hash_fini(&look->by_audit);
	look->sweep = NULL;
}

void remains_want(struct remains_look *look)
{
	forget(look);
	sweep_want(look->sweep, &look->target);
}
