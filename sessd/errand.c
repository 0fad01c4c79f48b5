/* What an administrator asks of the fleet: it goes to the agent as it came, and what the agent says
 * is his answer. */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/fleet.h"
#include "sessd/log.h"

/* Under way at a time. */
#define ERRANDS_MAX 64

struct errand {
	LIST_ENTRY(errand) link;
	struct core *core;
	struct loop_timer timer;
	uint64_t patience; /* ns without a word of the agent */
	uint64_t id;
	struct answer *answer;
	char by[TEXT_STR_MAX + 1];
	size_t len;
	uint8_t packet[]; /* the request */
};

static struct errand *find(const struct fleet *f, uint64_t id)
{
	struct errand *e;

	LIST_FOREACH (e, &f->errands, link)
		if (e->id == id)
			return e;
	return NULL;
}

void errand_tell(const struct fleet *f, uint64_t id, struct answer *a)
{
	const struct errand *e = find(f, id);
	struct wire_errand msg = {.errand = id};

	if (e == NULL)
		return;
	memcpy(msg.by, e->by, sizeof(msg.by));
	msg.body = (struct blob){.data = e->packet, .len = e->len};
	answer_send(a, WIRE_errand, &msg, false);
}

static void end(struct fleet *f, struct errand *e)
{
	LIST_REMOVE(e, link);
	f->n_errands--;
	loop_timer_cancel(e->core->parts.loop, &e->timer);
	free(e);
}

static void too_quiet(void *ctx)
{
	struct errand *e = ctx;

	answer_error(e->answer, WIRE_E_UNAVAILABLE,
		"sessd-fleet does not answer: what has become of it is not known");
	end(e->core->fleet, e);
}

/* -ENOMEM */
static int wait_for_word(struct errand *e)
{
	return loop_timer_set(
		e->core->parts.loop, &e->timer, clock_boot() + e->patience, too_quiet, e);
}

void errands_fail(struct fleet *f, const char *why)
{
	struct errand *e;

	while ((e = LIST_FIRST(&f->errands)) != NULL) {
		answer_error(e->answer, WIRE_E_UNAVAILABLE, why);
		end(f, e);
	}
}

void errands_fini(struct fleet *f)
{
	struct errand *e;

	while ((e = LIST_FIRST(&f->errands)) != NULL)
		end(f, e);
}

static uint64_t grace_of(const struct wire_revoke *ask)
{
	return ask->grace < WIRE_GRACE_MAX ? ask->grace : WIRE_GRACE_MAX;
}

void fleet_ask(struct core *core, const struct event *event)
{
	struct fleet *f = core->fleet;
	struct errand *e;
	struct sid ignored, random;
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
	*e = (struct errand){.core = core, .answer = event->answer, .patience = f->patience};
	if (event->u.errand.type == WIRE_revoke)
		e->patience += grace_of(event->u.errand.msg);
	caller_name(core, event->caller, e->by, sizeof(e->by), &ignored);
	r = wire_encode(
		event->u.errand.type, 0, event->u.errand.msg, e->packet, WIRE_BLOB_MAX, &e->len);
	/* not counted: what the agent says to a sessd that was asked before is not taken for an
	 * answer to this one */
	if (r == 0)
		r = sid_random(&random);
	if (r < 0) {
		free(e);
		answer_error(event->answer, WIRE_E_INVALID, NULL);
		return;
	}
	if (wait_for_word(e) < 0) {
		free(e);
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	memcpy(&e->id, random.b, sizeof(e->id));
	LIST_INSERT_HEAD(&f->errands, e, link);
	f->n_errands++;
	attend_push(core, (struct item){.kind = ITEM_ERRAND, .errand = e->id});
}

/* What may be in an answer of the fleet. */
static bool may_relay(enum wire_type type)
{
	return type == WIRE_session || type == WIRE_outcome || type == WIRE_fleet_host ||
	       type == WIRE_fleet_state || type == WIRE_head || type == WIRE_done ||
	       type == WIRE_error;
}

void fleet_relay(struct core *core, const struct event *event)
{
	static const struct wire_done done;
	const struct wire_relay *msg = event->u.relay;
	struct fleet *f = core->fleet;
	struct errand *e = find(f, msg->errand);
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
	/* a timer that is set is moved without memory */
	if (last)
		end(f, e);
	else
		(void)wait_for_word(e);
}
