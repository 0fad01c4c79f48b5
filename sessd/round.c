/*
 * An order that may hit very many sessions, such as a revocation of all: they are ended in slices
 * of a loop turn each, so that a login in between does not wait for the last of them. What was
 * opened after the order is not meant by it.
 */
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"

/* Of one slice: sessions that are ended, and that are looked at. */
#define SLICE_ENDS  32
#define SLICE_LOOKS 4096

struct round {
	LIST_ENTRY(round) link; /* core.rounds */
	struct core *core;
	struct revocation *revocation; /* held */
	struct loop_timer timer;
	struct round_order order;
	struct remark remark;
	struct caller by;
	uint64_t newest; /* row of the last session that was there */
	uint32_t slot;
	char text[TEXT_LONG_MAX + 1], message[TEXT_STR_MAX + 1];
	alignas(max_align_t) char whom[];
};

static void strike(
	struct core *core, const struct round_order *o, struct session *s, struct revocation *r)
{
	/* who became root for a moment has not logged in as root */
	if (o->hunt != NULL && s->class != CLASS_ELEVATION)
		hunt_add(o->hunt, s->uid, text_or_empty(s->user));
	if (r != NULL)
		revocation_add(core, s, o->reason, o->remark, r);
	else
		ending_begin(core, s, o->reason, o->remark);
}

/* False: that was the last one. */
static bool slice(struct core *core, const struct round_order *o, struct revocation *r,
	uint64_t newest, uint32_t *slot)
{
	unsigned ends = 0, looks = 0;
	struct session *s;

	while (ends < SLICE_ENDS && looks < SLICE_LOOKS) {
		s = session_next(&core->table, slot);
		if (s == NULL)
			return false;
		looks++;
		if (s->row_id > newest || !o->means(core, o->whom, s, r))
			continue;
		strike(core, o, s, r);
		ends++;
	}
	return true;
}

static void round_free(struct round *round)
{
	LIST_REMOVE(round, link);
	loop_timer_cancel(round->core->parts.loop, &round->timer);
	free(round);
}

static void go_on(void *ctx)
{
	struct round *round = ctx;
	struct revocation *r = round->revocation;
	struct core *core = round->core;

	while (slice(core, &round->order, r, round->newest, &round->slot))
		if (loop_timer_set(core->parts.loop, &round->timer, clock_boot(), go_on, round) ==
			0)
			return;
	if (round->order.hunts)
		revocation_then(r, round->order.hunt);
	round_free(round);
	revocation_release(r);
}

/* The order with all that it points to copied. NULL: no memory. */
static struct round *round_new(
	struct core *core, const struct round_order *order, struct revocation *r)
{
	struct round *round = calloc(1, sizeof(*round) + order->size);

	if (round == NULL)
		return NULL;
	round->core = core;
	round->revocation = r;
	round->order = *order;
	round->order.remark = &round->remark;
	round->order.whom = round->whom;
	memcpy(round->whom, order->whom, order->size);
	snprintf(round->text, sizeof(round->text), "%s", text_or_empty(order->remark->text));
	snprintf(round->message, sizeof(round->message), "%s",
		text_or_empty(order->remark->message));
	round->remark = (struct remark){.text = order->remark->text ? round->text : NULL,
		.message = order->remark->message ? round->message : NULL,
		.grace = order->remark->grace};
	if (order->remark->by != NULL) {
		round->by = *order->remark->by;
		round->by.pidfd = -1; /* that is the asker's, who may go */
		round->remark.by = &round->by;
	}
	round->newest = core->last_row;
	LIST_INSERT_HEAD(&core->rounds, round, link);
	return round;
}

void round_begin(struct core *core, const struct round_order *order, struct revocation *r)
{
	struct round *round = r != NULL ? round_new(core, order, r) : NULL;
	uint32_t slot = 0;

	if (round != NULL) {
		revocation_hold(r);
		go_on(round);
		return;
	}
	while (slice(core, order, r, core->last_row, &slot))
		;
	if (order->hunts && r != NULL)
		revocation_then(r, order->hunt);
	else
		hunt_free(order->hunt);
}

void rounds_forget(struct core *core)
{
	struct round *round;

	while ((round = LIST_FIRST(&core->rounds)) != NULL) {
		struct revocation *r = round->revocation;

		hunt_free(round->order.hunt);
		round_free(round);
		revocation_forget(r);
	}
}
