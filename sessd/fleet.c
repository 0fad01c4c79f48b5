/*
 * The other hosts, as far as core is concerned. The agent (sessd-fleet) asks over and over what has
 * happened, and is told: sessions that came and went, sessions that seek a place under a cap over
 * the fleet, and what an administrator asks. Whatever it does or fails to do, a login waits for it
 * no longer than for a place on this host, and then `fleet_unreachable` decides.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* The module waits 1 s unless told otherwise; the agent gives up before. */
#define WAIT_FOR_PLACE (700 * NS_PER_MS)

/* Things that the agent has not fetched. With more than that it is told the whole table anew. */
#define ITEMS_MAX 8192
/* Messages of one answer. */
#define PAGE 64
/* Errands under way. */
#define ERRANDS_MAX 64

enum item_kind { ITEM_MEMBER, ITEM_LEFT, ITEM_ERRAND };

struct item {
	STAILQ_ENTRY(item) link;
	enum item_kind kind;
	struct sid sid;
	uint64_t errand;
};

struct fleet_errand {
	LIST_ENTRY(fleet_errand) link;
	uint64_t id;
	struct answer *answer;
	char by[TEXT_STR_MAX + 1];
	size_t len;
	uint8_t packet[]; /* the request */
};

struct fleet {
	struct answer *agent; /* it waits for something to happen; NULL: it does not */
	bool there;	      /* it has asked, and has not gone as far as is known */
	bool joined;	      /* it can ask the fleet */
	bool telling;	      /* the whole table ... */
	bool begun;	      /* ... whose beginning was told ... */
	uint32_t slot;	      /* ... up to there */
	STAILQ_HEAD(item_list, item) items;
	unsigned n_items;
	LIST_HEAD(fleet_errand_list, fleet_errand) errands;
	unsigned n_errands;
	uint64_t last_errand;
	struct wire_frame frame; /* of what is relayed */
};

int fleet_init(struct core *core)
{
	core->fleet = calloc(1, sizeof(*core->fleet));
	if (core->fleet == NULL)
		return -ENOMEM;
	STAILQ_INIT(&core->fleet->items);
	return 0;
}

static struct item *take_item(struct fleet *f)
{
	struct item *item = STAILQ_FIRST(&f->items);

	if (item != NULL) {
		STAILQ_REMOVE_HEAD(&f->items, link);
		f->n_items--;
	}
	return item;
}

static void forget_items(struct fleet *f)
{
	struct item *item;

	while ((item = take_item(f)) != NULL)
		free(item);
}

void fleet_fini(struct core *core)
{
	struct fleet *f = core->fleet;
	struct fleet_errand *e;

	if (f == NULL)
		return;
	forget_items(f);
	while ((e = LIST_FIRST(&f->errands)) != NULL) {
		LIST_REMOVE(e, link);
		free(e);
	}
	free(f);
	core->fleet = NULL;
}

bool fleet_joined(const struct core *core)
{
	return core->fleet->there && core->fleet->joined;
}

/* --- What the agent is told --- */

static bool caps_it(const struct policy *p, const struct subject *subject)
{
	return p->scope == SCOPE_FLEET && p->max_sessions > 0 && policy_matches(p, subject);
}

/* The caps over the fleet that it counts under; a is NULL where they are only counted. */
static unsigned tell_caps(const struct core *core, const struct session *s, struct answer *a)
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
	for (i = 0; i < set->n_policies && n < WIRE_FLEET_CAPS_MAX; i++) {
		p = &set->policies[i];
		if (!caps_it(p, &subject))
			continue;
		n++;
		if (a == NULL)
			continue;
		snprintf(msg.policy, sizeof(msg.policy), "%.255s", p->name);
		msg.max = p->max_sessions;
		msg.evict = p->at_limit != AT_LIMIT_DENY;
		answer_send(a, WIRE_cap, &msg, false);
	}
	return n;
}

/* How many messages that took. */
static unsigned tell_member(const struct core *core, const struct session *s, struct answer *a)
{
	struct wire_member msg = {
		.sid = s->sid, .uid = s->uid, .opened_at = s->opened_at, .seeks = s->seeks};

	snprintf(msg.user, sizeof(msg.user), "%s", text_or_empty(s->user));
	snprintf(msg.service, sizeof(msg.service), "%s", text_or_empty(s->service));
	snprintf(msg.rhost, sizeof(msg.rhost), "%s", text_or_empty(s->rhost));
	if (tell_caps(core, s, a) == 0)
		/* what was said before of another one is not meant */
		msg.seeks = false;
	answer_send(a, WIRE_member, &msg, false);
	return 1;
}

static struct fleet_errand *find_errand(const struct fleet *f, uint64_t id)
{
	struct fleet_errand *e;

	LIST_FOREACH (e, &f->errands, link)
		if (e->id == id)
			return e;
	return NULL;
}

static void tell_item(const struct core *core, const struct item *item, struct answer *a)
{
	const struct session *s = session_by_sid(&core->table, &item->sid);
	const struct fleet_errand *e;
	struct wire_left left = {.sid = item->sid};
	struct wire_errand errand = {.errand = item->errand};

	switch (item->kind) {
	case ITEM_MEMBER:
		/* if it has gone, that comes next */
		if (s != NULL)
			tell_member(core, s, a);
		break;
	case ITEM_LEFT:
		answer_send(a, WIRE_left, &left, false);
		break;
	case ITEM_ERRAND:
		e = find_errand(core->fleet, item->errand);
		if (e == NULL)
			break;
		memcpy(errand.by, e->by, sizeof(errand.by));
		errand.body = (struct blob){.data = e->packet, .len = e->len};
		answer_send(a, WIRE_errand, &errand, false);
		break;
	}
}

/* A piece of the table, where that is to be told. */
static unsigned tell_table(struct core *core, struct answer *a, unsigned n)
{
	struct fleet *f = core->fleet;
	struct wire_table table = {.complete = false};
	const struct session *s;

	if (!f->begun)
		answer_send(a, WIRE_table, &table, false);
	f->begun = true;
	while (n < PAGE) {
		s = session_next(&core->table, &f->slot);
		if (s == NULL) {
			table.complete = true;
			answer_send(a, WIRE_table, &table, false);
			f->telling = false;
			return n + 1;
		}
		if (s->class == CLASS_LOGIN && s->phase != PHASE_OPENING)
			n += tell_member(core, s, a);
	}
	return n;
}

/* Answers the agent, if it waits and there is something to tell. What happened comes before the
 * rest of the table, so that nothing in it is older than what was told already. */
static void tell(struct core *core)
{
	struct fleet *f = core->fleet;
	struct answer *a = f->agent;
	struct wire_done done = {.count = 0};
	struct item *item;
	unsigned n = 0;

	if (a == NULL || (f->n_items == 0 && !f->telling))
		return;
	while (n < PAGE && (item = take_item(f)) != NULL) {
		tell_item(core, item, a);
		free(item);
		n++;
	}
	if (f->telling)
		n = tell_table(core, a, n);
	done.count = n;
	f->agent = NULL;
	answer_send(a, WIRE_done, &done, true);
}

static void errand_end(struct fleet *f, struct fleet_errand *e)
{
	LIST_REMOVE(e, link);
	f->n_errands--;
	free(e);
}

static void fail_errands(struct fleet *f, const char *why)
{
	struct fleet_errand *e;

	while ((e = LIST_FIRST(&f->errands)) != NULL) {
		answer_error(e->answer, WIRE_E_UNAVAILABLE, why);
		errand_end(f, e);
	}
}

/* The whole table is told, and what waited is part of it; but for errands, which are in no table.
 */
static void tell_anew(struct core *core)
{
	struct fleet *f = core->fleet;

	forget_items(f);
	fail_errands(f, "too much happens at a time for sessd-fleet");
	f->telling = true;
	f->begun = false;
	f->slot = 0;
}

static void push(struct core *core, struct item what)
{
	struct fleet *f = core->fleet;
	struct item *item;

	if (!f->there)
		return;
	item = f->n_items < ITEMS_MAX ? malloc(sizeof(*item)) : NULL;
	if (item == NULL) {
		/* those who seek a place are decided about here when their time is over */
		tell_anew(core);
		tell(core);
		return;
	}
	*item = what;
	STAILQ_INSERT_TAIL(&f->items, item, link);
	f->n_items++;
	tell(core);
}

void fleet_opened(struct core *core, const struct session *s)
{
	if (s->class == CLASS_LOGIN)
		push(core, (struct item){.kind = ITEM_MEMBER, .sid = s->sid});
}

void fleet_left(struct core *core, const struct session *s)
{
	if (s->class == CLASS_LOGIN && !core->closing)
		push(core, (struct item){.kind = ITEM_LEFT, .sid = s->sid});
}

/* --- A place --- */

/* The first of its caps over the fleet that this host's sessions alone exceed, or NULL. */
static const struct policy *exceeded_here(const struct core *core, const struct session *s)
{
	const struct policy_set *set = &core->parts.config->policies;
	struct subject subject;
	size_t i;

	session_subject(s, &subject);
	for (i = 0; i < set->n_policies; i++)
		if (caps_it(&set->policies[i], &subject) &&
			cap_count(core, s->uid, &set->policies[i]) > set->policies[i].max_sessions)
			return &set->policies[i];
	return NULL;
}

/* The fleet cannot be asked. False: it is refused, and s is gone. */
static bool decide_here(struct core *core, struct session *s)
{
	struct verdict v = {.admitted = false};
	char words[TEXT_LONG_MAX + 1];

	core->parts.metrics->fleet_alone++;
	if (s->adopted)
		return true;
	if (core->parts.config->fleet_required) {
		admission_refuse(core, s, REASON_UNAVAILABLE, NULL,
			"your sessions on other hosts cannot be counted now");
		return false;
	}
	v.policy = exceeded_here(core, s);
	if (v.policy == NULL)
		return true;
	v.count = cap_count(core, s->uid, v.policy) - 1;
	cap_words(core, s->uid, &v, words, sizeof(words));
	admission_refuse(core, s, REASON_CAP, &v, words);
	return false;
}

bool fleet_seek(struct core *core, struct session *s)
{
	if (s->placed || s->ending != NULL || tell_caps(core, s, NULL) == 0)
		return false;
	if (!fleet_joined(core)) {
		s->placed = true;
		return !decide_here(core, s);
	}
	s->seeks = true;
	s->waits = 1;
	if (session_set_deadline(&core->table, s, clock_boot() + WAIT_FOR_PLACE) < 0) {
		admission_refuse(core, s, REASON_UNAVAILABLE, NULL, "out of memory");
		return true;
	}
	core_arm(core);
	push(core, (struct item){.kind = ITEM_MEMBER, .sid = s->sid});
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

/* --- The agent itself --- */

static void agent_lost(struct core *core)
{
	struct fleet *f = core->fleet;
	struct session *s;
	uint32_t slot = 0;

	if (core->closing)
		return;
	log_warning("sessd-fleet has gone: this host decides alone");
	f->agent = NULL;
	f->there = f->joined = f->telling = false;
	forget_items(f);
	fail_errands(f, "sessd-fleet has gone meanwhile");
	while ((s = session_next(&core->table, &slot)) != NULL)
		fleet_gave_up(core, s);
}

static void agent_gone(struct answer *answer, void *ctx)
{
	struct core *core = ctx;

	if (core->fleet->agent == answer)
		agent_lost(core);
}

void fleet_attend(struct core *core, const struct event *event)
{
	static const struct wire_done superseded;
	struct fleet *f = core->fleet;

	if (f->agent != NULL)
		answer_send(f->agent, WIRE_done, &superseded, true);
	/* another one than before: what that was asked is not answered any more */
	if (f->there && event->u.attend->fresh)
		agent_lost(core);
	f->agent = event->answer;
	event->answer->gone = agent_gone;
	event->answer->gone_ctx = core;
	if (!f->there) {
		f->there = true;
		tell_anew(core);
	}
	tell(core);
}

void fleet_standing(struct core *core, const struct event *event)
{
	static const struct wire_done done;
	struct fleet *f = core->fleet;

	if (f->joined != event->u.standing->joined)
		log_info(event->u.standing->joined ? "this host is joined to the fleet"
						   : "the fleet is out of reach");
	f->joined = event->u.standing->joined;
	answer_send(event->answer, WIRE_done, &done, true);
}

/* --- Errands --- */

void fleet_ask(struct core *core, const struct event *event)
{
	struct fleet *f = core->fleet;
	struct fleet_errand *e;
	struct sid ignored;
	int r;

	if (!event->caller->admin) {
		answer_error(event->answer, WIRE_E_NOT_PERMITTED, NULL);
		return;
	}
	if (!f->there) {
		answer_error(event->answer, WIRE_E_UNAVAILABLE,
			"sessd-fleet is not running (systemctl start sessd-fleet)");
		return;
	}
	e = f->n_errands < ERRANDS_MAX ? malloc(sizeof(*e) + WIRE_BLOB_MAX) : NULL;
	if (e == NULL) {
		answer_error(event->answer, WIRE_E_LIMIT, NULL);
		return;
	}
	*e = (struct fleet_errand){.id = ++f->last_errand, .answer = event->answer};
	caller_name(core, event->caller, e->by, sizeof(e->by), &ignored);
	r = wire_encode(
		event->u.errand.type, 0, event->u.errand.msg, e->packet, WIRE_BLOB_MAX, &e->len);
	if (r < 0) {
		free(e);
		answer_error(event->answer, WIRE_E_INVALID, NULL);
		return;
	}
	LIST_INSERT_HEAD(&f->errands, e, link);
	f->n_errands++;
	push(core, (struct item){.kind = ITEM_ERRAND, .errand = e->id});
}

/* What may be in an answer of the fleet. */
static bool may_relay(enum wire_type type)
{
	return type == WIRE_session || type == WIRE_outcome || type == WIRE_fleet_host ||
	       type == WIRE_fleet_state || type == WIRE_done || type == WIRE_error;
}

void fleet_relay(struct core *core, const struct event *event)
{
	static const struct wire_done done;
	const struct wire_relay *msg = event->u.relay;
	struct fleet *f = core->fleet;
	struct fleet_errand *e = find_errand(f, msg->errand);
	bool last = msg->last;

	answer_send(event->answer, WIRE_done, &done, true);
	if (e == NULL)
		return;
	if (wire_decode(msg->body.data, msg->body.len, &f->frame) < 0 ||
		!may_relay(f->frame.type) ||
		last != (f->frame.type == WIRE_done || f->frame.type == WIRE_error)) {
		log_error("sessd-fleet answers what is no answer");
		answer_error(
			e->answer, WIRE_E_UNAVAILABLE, "sessd-fleet answers what is no answer");
		last = true;
	} else {
		answer_send(e->answer, f->frame.type, &f->frame.u, last);
	}
	if (last)
		errand_end(f, e);
}
