/*
 * What is next due for an active session: that its user is warned of the end of its lifetime, that
 * end itself, or that its terminals are looked at because it could be idle. The earliest of them is
 * its one deadline.
 *
 * The lifetime is what the session was given at its login; idle and warnings follow the policies as
 * they are now.
 */
#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

#define NEVER UINT64_MAX
#define AGAIN (5 * NS_PER_SEC) /* after what failed for want of memory */

/* By clock_boot(); 0: for all that is known, now. */
struct dues {
	uint64_t lifetime_warning, lifetime;
	uint64_t idle_warning, idle;
};

/* How long before the end of such a time the user is told. Policies that are joined may say more
 * than the whole of it. */
static uint64_t lead(uint64_t warn, uint64_t span)
{
	return warn < span ? warn : span / 2;
}

static struct dues dues_of(const struct session *s, const struct limits *limits)
{
	struct dues d = {NEVER, NEVER, NEVER, NEVER};
	uint64_t before;

	if (s->deadline_at != 0) {
		d.lifetime = s->deadline_at;
		before = lead(limits->warn, s->expires_at - s->opened_at);
		if (before > 0 && !s->warned_lifetime)
			d.lifetime_warning = before < d.lifetime ? d.lifetime - before : 0;
	}
	if (s->class == CLASS_LOGIN && limits->idle != 0) {
		d.idle = s->input_at != 0 ? s->input_at + limits->idle : 0;
		before = lead(limits->warn, limits->idle);
		if (before > 0 && !s->warned_idle)
			d.idle_warning = before < d.idle ? d.idle - before : 0;
	}
	return d;
}

/* When its terminals must be looked at. */
static uint64_t look_due(const struct dues *d)
{
	uint64_t at = d->idle_warning < d->idle ? d->idle_warning : d->idle;

	return d->lifetime_warning < at ? d->lifetime_warning : at;
}

static void limits_of(const struct core *core, const struct session *s, struct limits *ret)
{
	struct subject subject;

	session_subject(s, &subject);
	policy_resolve(&core->parts.config->policies, &subject, ret);
}

static void arm(struct core *core, struct session *s, const struct dues *d)
{
	uint64_t at = look_due(d);

	if (s->input != NULL)
		at = NEVER;
	else if (at < core->input.rest_until)
		at = core->input.rest_until;
	if (d->lifetime < at)
		at = d->lifetime;
	if (at == NEVER)
		session_clear_deadline(&core->table, s);
	else if (session_set_deadline(&core->table, s, at) < 0)
		log_error("out of memory: session of %s has no deadline", text_or_empty(s->user));
	core_arm(core);
}

void expiry_arm(struct core *core, struct session *s)
{
	struct limits limits;
	struct dues d;

	if (s->phase != PHASE_ACTIVE || s->ending != NULL)
		return;
	limits_of(core, s, &limits);
	d = dues_of(s, &limits);
	arm(core, s, &d);
}

/* By the policies of now its user is warned later than he was: of that end he knows nothing. */
static void forget_warning(const struct core *core, struct session *s)
{
	struct limits limits;
	uint64_t before;

	if (!s->warned_idle)
		return;
	limits_of(core, s, &limits);
	before = lead(limits.warn, limits.idle);
	if (s->input_at + limits.idle > clock_boot() + before)
		s->warned_idle = false;
}

void expiry_arm_all(struct core *core)
{
	struct session *s;
	uint32_t slot = 0;

	while ((s = session_next(&core->table, &slot)) != NULL) {
		forget_warning(core, s);
		expiry_arm(core, s);
	}
}

static void end(struct core *core, struct session *s, enum reason reason, const char *policy)
{
	struct remark remark = {.policy = policy};

	ending_begin(core, s, reason, &remark);
	if (s->ending == NULL && session_set_deadline(&core->table, s, clock_boot() + AGAIN) < 0)
		log_error("out of memory: session of %s has no deadline", text_or_empty(s->user));
}

void expiry_due(struct core *core, struct session *s)
{
	uint64_t now = clock_boot();
	struct limits limits;
	struct dues d;

	limits_of(core, s, &limits);
	d = dues_of(s, &limits);
	if (d.lifetime <= now) {
		end(core, s, REASON_LIFETIME, s->policy);
		return;
	}
	if (look_due(&d) <= now)
		input_look(core, s);
	arm(core, s, &d);
}

void expiry_looked(struct core *core, struct session *s, const struct terminal_look *look)
{
	uint64_t now = clock_boot();
	struct limits limits;
	struct dues d;

	limits_of(core, s, &limits);
	d = dues_of(s, &limits);
	if (d.idle <= now) {
		end(core, s, REASON_IDLE, limits.idle_policy);
		return;
	}
	if (d.idle_warning <= now) {
		warning_idle(core, s, look, &limits, d.idle - now);
		s->warned_idle = true;
	}
	if (d.lifetime_warning <= now && d.lifetime > now) {
		warning_lifetime(core, s, look, d.lifetime - now);
		s->warned_lifetime = true;
	}
	expiry_arm(core, s);
}
