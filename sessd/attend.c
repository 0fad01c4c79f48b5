/* What the agent is told, and whether it is there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sessd/fleet.h"
#include "sessd/log.h"

/* Things that the agent has not fetched. With more than that it is told the whole table anew. */
#define ITEMS_MAX 8192
/* Messages of one answer. */
#define PAGE 64

static void tell(struct core *core);

static void on_commit(void *ctx)
{
	struct core *core = ctx;

	head_look(core);
	tell(core);
}

int fleet_init(struct core *core)
{
	core->fleet = calloc(1, sizeof(*core->fleet));
	if (core->fleet == NULL)
		return -ENOMEM;
	STAILQ_INIT(&core->fleet->items);
	core->fleet->patience = FLEET_PATIENCE;
	return ledger_on_commit(core->parts.ledger, on_commit, core);
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

	if (f == NULL)
		return;
	ledger_off_commit(core->parts.ledger, core);
	forget_items(f);
	errands_fini(f);
	free(f);
	core->fleet = NULL;
}

bool fleet_joined(const struct core *core)
{
	return core->fleet->there && core->fleet->joined;
}

/* --- Telling --- */

static void tell_member(const struct core *core, const struct session *s, struct answer *a)
{
	struct wire_member msg = {
		.sid = s->sid, .uid = s->uid, .opened_at = s->opened_at, .seeks = s->seeks};

	snprintf(msg.user, sizeof(msg.user), "%s", text_or_empty(s->user));
	snprintf(msg.service, sizeof(msg.service), "%s", text_or_empty(s->service));
	snprintf(msg.rhost, sizeof(msg.rhost), "%s", text_or_empty(s->rhost));
	if (place_caps(core, s, a) == 0)
		/* what was said before of another one is not meant */
		msg.seeks = false;
	answer_send(a, WIRE_member, &msg, false);
}

static void tell_item(const struct core *core, const struct item *item, struct answer *a)
{
	const struct session *s = session_by_sid(&core->table, &item->sid);
	struct wire_left left = {.sid = item->sid};

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
		errand_tell(core->fleet, item->errand, a);
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
		if (s->class != CLASS_LOGIN || (s->phase == PHASE_OPENING && !s->seeks))
			continue;
		tell_member(core, s, a);
		n++;
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

	if (a == NULL || (f->n_items == 0 && !f->telling && !f->head_due))
		return;
	if (f->head_due)
		head_tell(f, a);
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

/* From its beginning, whatever of it has been told. */
static void tell_table_anew(struct fleet *f)
{
	f->telling = true;
	f->begun = false;
	f->slot = 0;
}

/* The whole table is told, and what waited is part of it; but for errands, which are in no table.
 */
static void tell_anew(struct core *core)
{
	struct fleet *f = core->fleet;

	forget_items(f);
	errands_fail(f, "too much happens at a time for sessd-fleet");
	tell_table_anew(f);
	f->head[0] = '\0';
	head_look(core);
}

void fleet_policies(struct core *core)
{
	if (!core->fleet->there)
		return;
	tell_table_anew(core->fleet);
	tell(core);
}

void attend_push(struct core *core, struct item what)
{
	struct fleet *f = core->fleet;
	struct item *item;

	if (!f->there)
		return;
	item = f->n_items < ITEMS_MAX ? malloc(sizeof(*item)) : NULL;
	if (item == NULL) {
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
		attend_push(core, (struct item){.kind = ITEM_MEMBER, .sid = s->sid});
}

void fleet_left(struct core *core, const struct session *s)
{
	if (s->class == CLASS_LOGIN && !core->closing)
		attend_push(core, (struct item){.kind = ITEM_LEFT, .sid = s->sid});
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
	errands_fail(f, "sessd-fleet has gone meanwhile");
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
