/* What sessd tells: one request is always there, which it answers when there is something. */
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"

#define REST (500 * NS_PER_MS)

static void attend(void *ctx);

static void take_cap(struct agent *a, const struct wire_cap *msg)
{
	struct cap *cap;

	if (!sid_equal(&a->caps_of, &msg->sid))
		a->n_caps = 0;
	a->caps_of = msg->sid;
	if (a->n_caps == WIRE_FLEET_CAPS_MAX)
		return;
	cap = &a->caps[a->n_caps++];
	memcpy(cap->policy, msg->policy, sizeof(cap->policy));
	cap->max = msg->max < UINT32_MAX ? (uint32_t)msg->max : UINT32_MAX;
	cap->evict = msg->evict;
	cap->idlest = msg->idlest;
}

static void take_member(struct agent *a, const struct wire_member *msg)
{
	struct wire_placed unreachable = {.sid = msg->sid, .unreachable = true};
	struct member *m;

	if (!sid_equal(&a->caps_of, &msg->sid))
		a->n_caps = 0;
	/* it is open: sessd has not waited for the answer */
	if (!msg->seeks)
		place_forget(a, &msg->sid);
	m = member_tell(a, msg);
	a->n_caps = 0;
	if (msg->seeks && m != NULL)
		place_seek(a, m);
	else if (msg->seeks)
		agent_tell(a, WIRE_placed, &unreachable);
}

static void on_told(void *ctx, const struct wire_frame *frame)
{
	struct agent *a = ctx;

	if (frame == NULL || frame->type == WIRE_error) {
		log_warning("sessd: %s", frame != NULL ? frame->u.error.text : "gone");
		a->fresh = true;
		a->told_joined = false;
		/* who asked has been told that nothing is known, and gets no answer any more */
		errands_fini(a);
		/* what it sought there was for a sessd that decides alone now, or is not there any
		 * more */
		places_fini(a);
		head_doubt(a);
		timer_set(
			&a->timers, &a->attend_timer, clock_boot() + timer_jitter(REST), attend, a);
		return;
	}
	switch (frame->type) {
	case WIRE_cap:
		take_cap(a, &frame->u.cap);
		break;
	case WIRE_member:
		take_member(a, &frame->u.member);
		break;
	case WIRE_left:
		place_forget(a, &frame->u.left.sid);
		member_left(a, &frame->u.left.sid);
		break;
	case WIRE_table:
		if (!frame->u.table.complete) {
			members_begin(a);
			break;
		}
		members_complete(a);
		/* it may be another sessd than before */
		locks_check(a);
		break;
	case WIRE_head:
		head_told(a, frame->u.head.checkpoint);
		break;
	case WIRE_errand:
		errand_begin(a, &frame->u.errand);
		break;
	case WIRE_done:
		attend(a);
		break;
	default:
		log_warning("sessd says %s, which has no place here", wire_info(frame->type)->name);
	}
}

static void attend(void *ctx)
{
	struct agent *a = ctx;
	struct wire_attend msg = {.fresh = a->fresh};
	int r;

	r = link_ask(&a->attend, WIRE_attend, &msg, on_told, a);
	if (r == 0) {
		a->attend_error = 0;
		a->fresh = false;
		return;
	}
	/* it is tried often: said once is enough */
	if (r != a->attend_error)
		log_warning("%s: %s", a->o.socket, strerror(-r));
	a->attend_error = r;
	timer_set(&a->timers, &a->attend_timer, clock_boot() + timer_jitter(REST), attend, a);
}

void attend_start(struct agent *a)
{
	a->fresh = true;
	attend(a);
}

void attend_stop(struct agent *a)
{
	timer_cancel(&a->attend_timer);
}
