/*
 * The end of what outlived its session: detached terminals, nohup jobs, a user's service manager.
 * It belongs to no session of the table any more, so it has no phase and no row: the reaper ends
 * it, the ledger hears of that when it is gone, and then those who wait for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

struct remnant {
	LIST_ENTRY(remnant) link; /* core.leftovers */
	struct core *core;
	uint32_t audit_session;
	struct reap *reap; /* NULL: it is gone, and the ledger does not have that yet */
	struct entry entry;
	struct waiter *waiters;
};

static struct remnant *find(const struct core *core, uint32_t audit_session)
{
	struct remnant *m;

	if (audit_session == PROC_NO_AUDIT)
		return NULL;
	LIST_FOREACH (m, &core->leftovers, link)
		if (m->audit_session == audit_session && m->reap != NULL)
			return m;
	return NULL;
}

bool leftovers_survive(const struct core *core, uint32_t audit_session)
{
	const struct remnant *m = find(core, audit_session);

	return m != NULL && m->entry.survivors > 0;
}

static void remnant_free(struct remnant *m)
{
	LIST_REMOVE(m, link);
	waiters_forget(&m->waiters);
	free(m);
}

void leftovers_forget(struct core *core)
{
	while (!LIST_EMPTY(&core->leftovers))
		remnant_free(LIST_FIRST(&core->leftovers));
}

static void tell(struct remnant *m)
{
	const struct entry *e = &m->entry;
	struct wire_outcome outcome = {.reason = e->reason,
		.signalled = e->signalled,
		.elapsed = e->elapsed,
		.survivors = e->survivors,
		.audit_session = e->audit_session};

	if (e->user[0] != '\0')
		memcpy(outcome.user, e->user, sizeof(outcome.user));
	else
		snprintf(outcome.user, sizeof(outcome.user), "uid %u", (unsigned)e->uid.uid);
	memcpy(outcome.service, e->service, sizeof(outcome.service));
	memcpy(outcome.survivor_list, e->survivor_list, sizeof(outcome.survivor_list));
	waiters_tell(&m->waiters, &outcome);
}

static void recorded(void *ctx, int result)
{
	struct remnant *m = ctx;

	/* not on disk yet: it is gone all the same, and the ledger's own alarm says the rest */
	(void)result;
	tell(m);
	remnant_free(m);
}

static void record(struct remnant *m, enum entry_kind kind, ledger_done_fn *done)
{
	int r;

	m->entry.time = clock_wall();
	snprintf(m->entry.event, sizeof(m->entry.event), "%s", entry_name(kind));
	r = ledger_append(m->core->parts.ledger, &m->entry, m->entry.uid.uid, NULL, done, m);
	if (r == 0)
		return;
	log_error("%s of uid %u: not recorded: %s", entry_name(kind), (unsigned)m->entry.uid.uid,
		strerror(-r));
	if (done != NULL)
		done(m, r);
}

static void reaped(void *ctx, const struct reap_result *result)
{
	struct remnant *m = ctx;
	struct metrics *metrics = m->core->parts.metrics;

	m->entry.signalled = result->signalled;
	m->entry.elapsed = result->elapsed;
	m->entry.survivors = result->survivors;
	memcpy(m->entry.survivor_list, result->survivor_list, sizeof(m->entry.survivor_list));
	if (!result->gone) {
		metrics->survivors += result->survivors;
		log_warning("left over from logins of uid %u: %u processes survive: %s",
			(unsigned)m->entry.uid.uid, result->survivors, result->survivor_list);
		record(m, ENTRY_SESSION_SURVIVED, NULL);
		tell(m);
		return;
	}
	metrics->signalled += result->signalled;
	m->reap = NULL;
	/* it went by itself meanwhile, and nobody asked */
	if (result->signalled == 0 && m->waiters == NULL)
		remnant_free(m);
	else
		record(m, ENTRY_LEFTOVERS_ENDED, recorded);
}

/* A su or sudo in it dies with it, and says why in its own record. */
static void end_elevations(struct core *core, const struct leftover *leftover)
{
	const struct entry *what = leftover->what;
	struct remark remark = {.text = what->text, .grace = leftover->grace};
	struct session *s = NULL;

	if (what->policy[0] != '\0')
		remark.policy = what->policy;
	while ((s = session_elevation(&core->table, leftover->audit_session, s)) != NULL)
		ending_begin(core, s, what->reason, &remark);
}

static struct remnant *begin(struct core *core, const struct leftover *leftover)
{
	const struct reap_order order = {
		.cgroup = leftover->cgroup,
		.audit_session = leftover->audit_session,
		.leader_pidfd = -1,
		.grace = leftover->grace,
	};
	struct remnant *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->core = core;
	m->audit_session = leftover->audit_session;
	m->entry = *leftover->what;
	if (reaper_end(core->parts.reaper, &order, reaped, m, &m->reap) < 0) {
		free(m);
		return NULL;
	}
	LIST_INSERT_HEAD(&core->leftovers, m, link);
	end_elevations(core, leftover);
	return m;
}

void leftovers_end(struct core *core, const struct leftover *leftover, struct revocation *r)
{
	struct remnant *m = find(core, leftover->audit_session);

	if (m != NULL)
		reaper_hurry(m->reap, leftover->grace);
	else
		m = begin(core, leftover);
	if (m == NULL)
		log_error("what is left over from logins of uid %u cannot be ended: out of memory",
			(unsigned)leftover->what->uid.uid);
	if (r == NULL)
		return;
	if (m == NULL || waiters_add(&m->waiters, r) < 0)
		revocation_fail(r, "out of memory: not all that is left over was ended");
	else if (m->entry.survivors > 0)
		/* patience ran out before: nobody knows when they will go */
		tell(m);
}
