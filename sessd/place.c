/* A place under the caps over the fleet: sought of the agent, and decided about here where it
 * cannot be asked. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/fleet.h"
#include "sessd/log.h"

/* The module waits 1 s unless told otherwise; the agent gives up before. */
#define WAIT_FOR_PLACE (700 * NS_PER_MS)
/* What is left of that second, for a session that is evicted here instead. */
#define WAIT_ALONE (200 * NS_PER_MS)

static bool caps_it(const struct policy *p, const struct subject *subject)
{
	return p->scope == SCOPE_FLEET && p->max_sessions > 0 && policy_matches(p, subject);
}

unsigned place_caps(const struct core *core, const struct session *s, struct answer *a)
{
	const struct policy_set *set = &core->parts.config->policies;
	struct wire_cap msg = {.sid = s->sid};
	struct subject subject;
	const struct policy *p;
	unsigned n = 0;
	size_t i;

	session_subject(s, &subject);
	if (s->class != CLASS_LOGIN || cap_exempts(core, &subject))
		return 0;
	for (i = 0; i < set->n_policies; i++) {
		p = &set->policies[i];
		if (!caps_it(p, &subject))
			continue;
		n++;
		if (a == NULL)
			continue;
		snprintf(msg.policy, sizeof(msg.policy), "%.255s", p->name);
		msg.max = p->max_sessions;
		msg.evict = p->at_limit != AT_LIMIT_DENY;
		msg.idlest = p->at_limit == AT_LIMIT_EVICT_IDLEST;
		answer_send(a, WIRE_cap, &msg, false);
	}
	return n;
}

bool place_may_evict(const struct core *core, const struct session *s, const char *name)
{
	const struct policy_set *set = &core->parts.config->policies;
	struct subject subject;
	size_t i;

	session_subject(s, &subject);
	if (s->class != CLASS_LOGIN || cap_exempts(core, &subject))
		return false;
	for (i = 0; i < set->n_policies; i++)
		if (strcmp(set->policies[i].name, name) == 0)
			return caps_it(&set->policies[i], &subject) &&
			       set->policies[i].at_limit != AT_LIMIT_DENY;
	return false;
}

bool fleet_refuses(const struct core *core, const struct session *s)
{
	return core->parts.config->fleet_required && !fleet_joined(core) && !s->adopted &&
	       place_caps(core, s, NULL) > 0;
}

/* The fleet cannot be asked: it is as if this host were alone, and who makes place here does.
 * False: it is refused, and s is gone. */
static bool decide_here(struct core *core, struct session *s)
{
	struct verdict v = {.admitted = false};
	char words[TEXT_LONG_MAX + 1];
	uint32_t waits = s->waits;
	bool found;

	core->parts.metrics->fleet_alone++;
	s->placed = true;
	if (s->adopted)
		return true;
	if (core->parts.config->fleet_required) {
		admission_refuse(core, s, REASON_UNAVAILABLE, NULL,
			"your sessions on other hosts cannot be counted now");
		return false;
	}
	s->holds = false;
	found = cap_find_place(core, s, &v);
	s->holds = true;
	if (!found) {
		cap_words(core, s->uid, &v, words, sizeof(words));
		admission_refuse(core, s, REASON_CAP, &v, words);
		return false;
	}
	if (s->waits == waits)
		return true;
	if (session_set_deadline(&core->table, s, clock_boot() + WAIT_ALONE) < 0) {
		admission_refuse(core, s, REASON_UNAVAILABLE, NULL, "out of memory");
		return false;
	}
	core_arm(core);
	return true;
}

bool fleet_seek(struct core *core, struct session *s)
{
	if (s->placed || s->ending != NULL || place_caps(core, s, NULL) == 0)
		return false;
	if (!fleet_joined(core))
		return !decide_here(core, s) || s->waits > 0;
	s->seeks = true;
	s->waits = 1;
	if (session_set_deadline(&core->table, s, clock_boot() + WAIT_FOR_PLACE) < 0) {
		admission_refuse(core, s, REASON_UNAVAILABLE, NULL, "out of memory");
		return true;
	}
	core_arm(core);
	attend_push(core, (struct item){.kind = ITEM_MEMBER, .sid = s->sid});
	return true;
}

/* It has its place, or is let in without. */
static void placed(struct core *core, struct session *s)
{
	s->seeks = false;
	s->placed = true;
	admission_gave_place(core, s);
}

bool fleet_gave_up(struct core *core, struct session *s)
{
	struct fleet *f = core->fleet;

	if (!s->seeks)
		return false;
	s->seeks = false;
	/* it has not even fetched the question */
	if (f->agent == NULL && f->n_items > 0)
		f->joined = false;
	if (decide_here(core, s))
		placed(core, s);
	return true;
}

static void refuse(struct core *core, struct session *s, const struct wire_placed *msg)
{
	const struct policy_set *set = &core->parts.config->policies;
	struct verdict v = {.count = (uint32_t)msg->count};
	char words[TEXT_LONG_MAX + 1];
	size_t i;

	for (i = 0; i < set->n_policies; i++)
		if (strcmp(set->policies[i].name, msg->policy) == 0)
			v.policy = &set->policies[i];
	if (v.policy != NULL)
		snprintf(words, sizeof(words),
			"you already have %u of %u sessions on all hosts (policy "
			"\"%.255s\")%s%.600s",
			v.count, v.policy->max_sessions, v.policy->name,
			msg->text[0] != '\0' ? ": " : "", msg->text);
	else
		snprintf(words, sizeof(words), "%s",
			msg->text[0] != '\0' ? msg->text : "there is no place on all hosts");
	s->seeks = false;
	admission_refuse(core, s, REASON_CAP, &v, words);
}

void fleet_placed(struct core *core, const struct event *event)
{
	static const struct wire_done done;
	const struct wire_placed *msg = event->u.placed;
	struct session *s = session_by_sid(&core->table, &msg->sid);

	answer_send(event->answer, WIRE_done, &done, true);
	/* it has not been waited for */
	if (s == NULL || !s->seeks)
		return;
	if (msg->granted)
		placed(core, s);
	else if (msg->unreachable)
		fleet_gave_up(core, s);
	else
		refuse(core, s, msg);
}

/* After a host was cut off, or had to decide alone. */
void fleet_overshoot(struct core *core, const struct event *event)
{
	static const struct wire_done done;
	const struct wire_overshoot *msg = event->u.overshoot;
	struct entry e;

	core->parts.metrics->fleet_overshoots++;
	entry_init(&e, ENTRY_FLEET_OVERSHOOT, clock_wall());
	memcpy(e.user, msg->user, sizeof(e.user));
	memcpy(e.policy, msg->policy, sizeof(e.policy));
	e.limit = msg->max;
	e.count = msg->count;
	snprintf(e.text, sizeof(e.text), "%s; %.900s",
		msg->evict ? "those beyond the cap are ended" : "none is ended for it", msg->text);
	log_warning("%s has %" PRIu64 " sessions in the fleet, and policy \"%s\" allows %" PRIu64
		    ": %s",
		msg->user, msg->count, msg->policy, msg->max, e.text);
	core_record(core, &e);
	answer_send(event->answer, WIRE_done, &done, true);
}
