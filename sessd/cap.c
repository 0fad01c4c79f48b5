/*
 * The caps: how many sessions a login finds under each policy, and whose place it may take.
 * Counting and admitting are one step, because one thread owns the table: from the moment that a
 * session holds a place, the next one counts it.
 *
 * Where a cap evicts, the newcomer takes over the place of its victim and waits, still opening,
 * until the victim's processes are gone. A newcomer that waits may itself lose the place to a newer
 * one; it is refused then, and the newer one waits in its stead.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"
#include "sessd/terminal.h"

/* Sessions named in the words for the user. */
#define NAMED_SESSIONS 3

static bool counts(const struct session *s)
{
	return s->class == CLASS_LOGIN && s->holds;
}

static bool counts_for(const struct session *s, const struct policy *policy)
{
	struct subject subject;

	if (!counts(s))
		return false;
	session_subject(s, &subject);
	return policy_matches(policy, &subject);
}

/* Its place is free in a moment. */
static bool is_going(const struct session *s)
{
	return s->phase == PHASE_ENDING && !ending_has_grace(s);
}

/* How many hold a place under the policy; `settled`: without those that are going. */
static uint32_t count_sessions(const struct account *a, const struct policy *policy, bool settled)
{
	const struct session *s;
	uint32_t n = 0;

	for (s = a->first; s != NULL; s = s->account_next)
		if (!settled || !is_going(s))
			n += counts_for(s, policy);
	return n;
}

uint32_t cap_count(const struct core *core, uid_t uid, const struct policy *policy)
{
	const struct account *a = session_account(&core->table, uid);

	return a != NULL ? count_sessions(a, policy, false) : 0;
}

/* Which of the user's sessions and of the policies are looked at. */
struct view {
	bool settled; /* without those that are going */
	bool fleets;  /* also what the fleet would be asked about */
};

static struct verdict judge(
	const struct core *core, const struct subject *subject, uid_t uid, struct view view)
{
	const struct policy_set *set = &core->parts.config->policies;
	const struct account *a = session_account(&core->table, uid);
	struct verdict v = {.admitted = true};
	const struct policy *p;
	uint32_t n;
	size_t i;

	for (i = 0; a != NULL && i < set->n_policies; i++) {
		p = &set->policies[i];
		if (p->max_sessions == 0 || a->n < p->max_sessions || !policy_matches(p, subject))
			continue;
		/* who has to go is found among all hosts' */
		if (p->scope == SCOPE_FLEET && p->at_limit != AT_LIMIT_DENY && !view.fleets)
			continue;
		n = count_sessions(a, p, view.settled);
		if (n < p->max_sessions || (v.policy != NULL && v.policy->at_limit <= p->at_limit))
			continue;
		v = (struct verdict){
			.admitted = p->at_limit != AT_LIMIT_DENY, .policy = p, .count = n};
	}
	return v;
}

struct verdict cap_judge(
	const struct core *core, const struct subject *subject, uid_t uid, bool settled)
{
	return judge(core, subject, uid,
		(struct view){.settled = settled, .fleets = !fleet_joined(core)});
}

static size_t say(char *out, size_t size, size_t used, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static size_t say(char *out, size_t size, size_t used, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(out + used, size - used, format, ap);
	va_end(ap);
	return n < 0 || (size_t)n >= size - used ? size - 1 : used + (size_t)n;
}

/* `you already have 2 of 2 sessions (policy "contractors"): sshd from web1 since 09:12, …` */
void cap_words(const struct core *core, uid_t uid, const struct verdict *v, char *out, size_t size)
{
	const struct account *a = session_account(&core->table, uid);
	const struct session *s;
	char since[TIMESTAMP_TEXT];
	uint32_t named = 0;
	size_t n;

	n = say(out, size, 0, "you already have %u of %u sessions (policy \"%s\")", v->count,
		v->policy->max_sessions, v->policy->name);
	for (s = a ? a->first : NULL; s != NULL; s = s->account_next) {
		if (!counts_for(s, v->policy))
			continue;
		if (named == NAMED_SESSIONS) {
			say(out, size, n, ", and %u more", v->count - named);
			break;
		}
		n = say(out, size, n, "%s%s%s%s since %s", named++ ? ", " : ": ", s->service,
			s->rhost ? " from " : "", text_or_empty(s->rhost),
			timestamp_brief(s->opened_at, clock_wall(), since));
	}
}

bool cap_exempts(const struct core *core, const struct subject *subject)
{
	struct limits limits;

	policy_resolve(&core->parts.config->policies, subject, &limits);
	return limits.exempt;
}

/* The oldest that holds a place under the policy, in that phase, waiting itself or not. */
static struct session *oldest(
	const struct account *a, const struct policy *policy, enum phase phase, bool waiting)
{
	struct session *s;

	for (s = a->first; s != NULL; s = s->account_next)
		if (s->phase == phase && (s->waits > 0) == waiting && counts_for(s, policy))
			return s;
	return NULL;
}

/* The oldest of those that hold a place and are being ended: of those that are going, and of the
 * others only where there is none. */
static struct session *leaving(const struct account *a, const struct policy *policy)
{
	struct session *s, *found = NULL;

	for (s = a->first; s != NULL; s = s->account_next) {
		if (s->phase != PHASE_ENDING || !counts_for(s, policy))
			continue;
		if (is_going(s))
			return s;
		if (found == NULL)
			found = s;
	}
	return found;
}

/* All of /proc in one piece: it is decided now who goes. */
static struct session *idlest(
	const struct core *core, const struct account *a, const struct policy *policy)
{
	struct terminal_query *q = calloc(a->n, sizeof(*q));
	struct session **sessions = calloc(a->n, sizeof(struct session *)), *s, *found = NULL;
	uint64_t idle, most = 0, last, least = 0;
	size_t n = 0, i;

	for (s = a->first; q != NULL && sessions != NULL && s != NULL; s = s->account_next) {
		if (!counts_for(s, policy) || s->phase != PHASE_ACTIVE)
			continue;
		q[n] = (struct terminal_query){.leader = s->leader,
			.uid = s->uid,
			.audit_session = s->sweep ? s->audit_session : PROC_NO_AUDIT};
		sessions[n++] = s;
	}
	if (n > 0 && terminal_last_input(q, n) < 0)
		log_warning("evict_idlest: /proc cannot be read; the oldest session goes instead");
	for (i = 0; i < n; i++) {
		idle = input_idle(core, sessions[i], q[i].last_input);
		last = q[i].last_input > sessions[i]->opened_at ? q[i].last_input
								: sessions[i]->opened_at;
		/* where the clock was set back, several have been idle for no time */
		if (found == NULL || idle > most || (idle == most && last < least)) {
			most = idle;
			least = last;
			found = sessions[i];
		}
	}
	free(q);
	free(sessions);
	return found;
}

/* The places that `from` waits for become `to`'s. */
static void hand_over(struct session *from, struct session *to)
{
	struct session *s;

	for (s = from->account->first; s != NULL; s = s->account_next) {
		if (s->heir != from)
			continue;
		s->heir = to;
		to->waits++;
	}
	from->waits = 0;
}

void cap_give_up(struct session *s)
{
	struct session *other;

	for (other = s->account ? s->account->first : NULL; other != NULL;
		other = other->account_next)
		if (other->heir == s)
			other->heir = NULL;
	s->waits = 0;
	s->holds = false;
}

/* `s` gets the place of the victim as soon as that is gone. */
static void inherit(struct session *s, struct session *victim)
{
	victim->holds = false;
	victim->heir = s;
	s->waits++;
}

/* Ends somebody so that `s` can have his place. False: there is nobody who could go. */
static bool evict_for(struct core *core, struct session *s, const struct policy *policy)
{
	struct remark remark = {.policy = policy->name};
	struct session *victim;

	/* one that has a grace yet has it no longer */
	victim = leaving(s->account, policy);
	if (victim == NULL && policy->at_limit == AT_LIMIT_EVICT_IDLEST)
		victim = idlest(core, s->account, policy);
	if (victim == NULL)
		victim = oldest(s->account, policy, PHASE_ACTIVE, false);
	if (victim == NULL)
		victim = oldest(s->account, policy, PHASE_OPENING, false);
	if (victim != NULL) {
		inherit(s, victim);
		ending_begin(core, victim, REASON_EVICTED, &remark);
		return true;
	}
	victim = oldest(s->account, policy, PHASE_OPENING, true);
	if (victim == NULL)
		return false;
	hand_over(victim, s);
	admission_refuse(core, victim, REASON_CAP, NULL,
		"a newer login took the place that this one waited for");
	return true;
}

bool cap_find_place(struct core *core, struct session *s, struct verdict *v)
{
	const struct view view = {.fleets = s->placed || !fleet_joined(core)};
	struct session *ending;
	struct subject subject;

	session_subject(s, &subject);
	if (s->class != CLASS_LOGIN || cap_exempts(core, &subject))
		return true;
	for (;;) {
		*v = judge(core, &subject, s->uid, view);
		if (v->policy == NULL)
			return true;
		/* nobody makes place for one that does not get in */
		if (v->admitted && fleet_refuses(core, s))
			return true;
		/* one that is being ended anyway: its place is free in a moment */
		ending = leaving(s->account, v->policy);
		if (ending != NULL && is_going(ending))
			inherit(s, ending);
		else if (!v->admitted || !evict_for(core, s, v->policy))
			return false;
	}
}
