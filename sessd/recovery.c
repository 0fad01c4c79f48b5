/*
 * After a start: which of the sessions that the ledger has are still there? A leader of another
 * boot or one that has died ends its session; an end that was under way is ordered once more.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sessd/core_state.h"
#include "sessd/fdstore.h"
#include "sessd/fault.h"
#include "sessd/log.h"

static int load_row(void *ctx, uint64_t id, const uint8_t *record, size_t len)
{
	struct core *core = ctx;
	struct wire_frame frame;
	struct session *s;
	int r;

	if (wire_decode(record, len, &frame) < 0 || frame.type != WIRE_stored) {
		log_error("ledger: the row of session %llu is malformed and is passed over",
			(unsigned long long)id);
		return 0;
	}
	s = session_new(&frame.u.stored);
	if (s == NULL)
		return -ENOMEM;
	s->row_id = id;
	/* another boot: its processes are gone; it needs no watch, only its end */
	if (strcmp(frame.u.stored.boot_id, core->parts.boot_id) != 0) {
		s->leader = 0;
		s->phase = PHASE_ACTIVE;
		s->reason = REASON_REBOOT;
	}
	r = session_table_add(&core->table, s);
	if (r < 0) {
		log_error("ledger: the row of session %llu: %s", (unsigned long long)id,
			strerror(-r));
		session_free(s);
	}
	return r == -EEXIST ? 0 : r;
}

int core_load(struct core *core)
{
	int r;

	fault_point(FAULT_recovery_begun);
	r = ledger_load(core->parts.ledger, load_row, core);
	if (r == 0)
		r = locks_load(core);
	fault_point(FAULT_recovery_loaded);
	return r;
}

/* Watches the leader of a session from before the restart, if it is still the same process. */
static int watch_again(struct core *core, struct session *s)
{
	struct proc_stat st;
	int pidfd, r;

	pidfd = fdstore_take(core->parts.fdstore, &s->sid);
	if (pidfd < 0)
		pidfd = pidfd_open_pid(s->leader);
	if (pidfd < 0)
		return pidfd;
	r = proc_stat(s->leader, &st);
	if (r < 0 || st.start != s->leader_start || pidfd_is_dead(pidfd)) {
		close(pidfd);
		return -ESRCH;
	}
	return core_watch(core, s, pidfd);
}

/* All are watched before the first is judged: what ends one can end another, whose leader must then
 * be known. */
static void watch_all(struct core *core)
{
	struct session *s;
	uint32_t slot = 0;
	int r;

	while ((s = session_next(&core->table, &slot)) != NULL) {
		if (s->reason == REASON_REBOOT)
			continue;
		r = watch_again(core, s);
		if (r < 0 && r != -ESRCH)
			log_error("session of %s: its leader cannot be watched: %s",
				text_or_empty(s->user), strerror(-r));
	}
}

static void recover_session(struct core *core, struct session *s)
{
	static const struct remark none;

	/* with the one that it was made in */
	if (s->ending != NULL)
		return;
	if (s->reason == REASON_REBOOT)
		ending_finish(core, s, REASON_REBOOT, &none, NULL, NULL);
	else if (s->phase == PHASE_ENDING)
		ending_repeat(core, s);
	else if (s->watch == NULL)
		ending_begin(core, s, REASON_LEADER_GONE, &none);
	else
		expiry_arm(core, s);
}

static void collect_unowned(void *ctx, const char *path)
{
	struct core *core = ctx;
	const char *name = strrchr(path, '/');
	struct sid sid;

	if (name != NULL && sid_parse(name + 1, &sid) && session_by_sid(&core->table, &sid) == NULL)
		garbage_collect(core, path);
}

int core_recover(struct core *core)
{
	struct session *s;
	uint32_t slot = 0;
	int r;

	fault_point(FAULT_recovery_spooled);
	watch_all(core);
	fdstore_settle(core->parts.fdstore);
	while ((s = session_next(&core->table, &slot)) != NULL) {
		if (s->reason != REASON_REBOOT)
			rotation_settle(core, s);
		recover_session(core, s);
	}
	cgroup_each_made(core->parts.cgroups, collect_unowned, core);
	r = locks_start(core);
	denial_enforce_all(core);
	core_arm(core);
	fault_point(FAULT_recovery_judged);
	return r;
}
