/* What sessd does with its agent: whom it asks about, what it believes, and what it does alone. */
#include "tests/unit/core_fixture.h"

#include "sessd/fleet.h"

/* The agent: its request that waits, and what it was told. */
struct ear {
	struct answer answer;
	bool waits;
	unsigned n_members, n_left, n_caps, n_tables, n_errands, n_heads;
	char head[SEAL_HEAD_TEXT];
	struct wire_member member; /* the last of each */
	struct wire_cap cap;
	struct sid left;
	uint64_t errand;
	bool complete;
};

static void hear(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct ear *ear = (struct ear *)(void *)answer;
	struct wire_frame frame;

	assert_true(ear->waits);
	ear->waits = !last;
	switch ((int)type) {
	case WIRE_member:
		ear->n_members++;
		ear->member = *(const struct wire_member *)msg;
		break;
	case WIRE_cap:
		ear->n_caps++;
		ear->cap = *(const struct wire_cap *)msg;
		break;
	case WIRE_left:
		ear->n_left++;
		ear->left = ((const struct wire_left *)msg)->sid;
		break;
	case WIRE_table:
		ear->n_tables++;
		ear->complete = ((const struct wire_table *)msg)->complete;
		break;
	case WIRE_errand:
		ear->n_errands++;
		ear->errand = ((const struct wire_errand *)msg)->errand;
		assert_int_equal(wire_decode(((const struct wire_errand *)msg)->body.data,
					 ((const struct wire_errand *)msg)->body.len, &frame),
			0);
		assert_int_equal(frame.type, WIRE_list);
		break;
	case WIRE_head:
		ear->n_heads++;
		snprintf(ear->head, sizeof(ear->head), "%.*s", SEAL_HEAD_TEXT - 1,
			((const struct wire_head *)msg)->checkpoint);
		break;
	default:
		assert_int_equal(type, WIRE_done);
	}
}

static void attend(struct world *w, struct ear *ear, bool fresh)
{
	const struct wire_attend msg = {.fresh = fresh};
	const struct event event = {.type = EVENT_ATTEND, .answer = &ear->answer, .u.attend = &msg};

	ear->answer.fn = hear;
	ear->waits = true;
	core_handle(w->core, &event);
}

static void nothing(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	(void)answer;
	(void)msg;
	assert_int_equal(type, WIRE_done);
	assert_true(last);
}

static void stand(struct world *w, bool joined)
{
	struct answer ignored = {.fn = nothing};
	const struct wire_standing msg = {.joined = joined};

	core_handle(w->core,
		&(struct event){.type = EVENT_STANDING, .answer = &ignored, .u.standing = &msg});
}

static void place(struct world *w, const struct login *l, struct wire_placed msg)
{
	struct answer ignored = {.fn = nothing};

	msg.sid = l->open.sid;
	core_handle(w->core,
		&(struct event){.type = EVENT_PLACED, .answer = &ignored, .u.placed = &msg});
}

/* There, joined, and knows the whole table. */
static void be_there(struct world *w, struct ear *ear)
{
	attend(w, ear, true);
	while (!ear->complete)
		attend(w, ear, false);
	stand(w, true);
	if (!ear->waits)
		attend(w, ear, false);
	*ear = (struct ear){.answer = ear->answer, .waits = ear->waits};
}

#define OVER_ALL(w, limit)                        \
	POLICIES(w, {.name = two,                 \
			    .any_group = true,    \
			    .max_sessions = 2,    \
			    .scope = SCOPE_FLEET, \
			    .at_limit = (limit)})

static void a_login_waits_for_its_place(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *l;

	OVER_ALL(w, AT_LIMIT_DENY);
	be_there(w, &ear);
	l = start(w, ANNA, sshd);
	assert_int_equal(l->answers, 0);
	assert_true(ear.n_members == 1 && ear.member.seeks && ear.n_caps == 1);
	assert_true(sid_equal(&ear.cap.sid, &l->open.sid));
	assert_true(strcmp(ear.cap.policy, "two") == 0 && ear.cap.max == 2 && !ear.cap.evict);
	place(w, l, (struct wire_placed){.granted = true});
	assert_granted(w, l);
	/* and is told of once more when it is open */
	attend(w, &ear, false);
	WAIT_UNTIL(w->f, ear.n_members == 2);
	assert_false(ear.member.seeks);
	/* under no such cap it asks nobody */
	attend(w, &ear, false);
	w->config.policies.n_policies = 0;
	enter(w, BEN, sshd);
	assert_int_equal(ear.n_members, 3);
	assert_false(ear.member.seeks);
	assert_int_equal(ear.n_caps, 2);
}

static void the_fleet_refuses(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *l;

	OVER_ALL(w, AT_LIMIT_DENY);
	be_there(w, &ear);
	l = start(w, ANNA, sshd);
	attend(w, &ear, false);
	place(w, l, (struct wire_placed){.policy = "two", .count = 2, .text = "sshd on far"});
	assert_int_equal(l->type, WIRE_refused);
	assert_int_equal(l->reason, REASON_CAP);
	assert_string_equal(l->text,
		"you already have 2 of 2 sessions on all hosts (policy \"two\"): sshd on far");
	assert_int_equal(w->metrics.refused[REASON_CAP], 1);
	assert_true(ear.n_left == 1 && sid_equal(&ear.left, &l->open.sid));
	WAIT_UNTIL(w->f, is_dead(l->caller.pid));
}

static void nobody_answers(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *l;

	OVER_ALL(w, AT_LIMIT_DENY);
	be_there(w, &ear);
	l = start(w, ANNA, sshd);
	assert_int_equal(l->answers, 0);
	/* when its time is over, this host decides: it has a place here */
	assert_granted(w, l);
	assert_int_equal(w->metrics.fleet_alone, 1);
	/* an answer that comes too late changes nothing */
	place(w, l, (struct wire_placed){.policy = "two", .count = 2});
	assert_active(w, l);
	/* by then the agent is known to fetch nothing: nobody waits for it */
	l = start(w, ANNA, sshd);
	WAIT_UNTIL(w->f, l->answers > 0);
	refuse(w, ANNA, sshd);
}

static void what_is_to_be_refused_is(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *l;

	OVER_ALL(w, AT_LIMIT_DENY);
	w->config.fleet_required = true;
	l = start(w, ANNA, sshd);
	assert_true(l->type == WIRE_refused && l->reason == REASON_UNAVAILABLE);
	be_there(w, &ear);
	l = start(w, ANNA, sshd);
	place(w, l, (struct wire_placed){.unreachable = true});
	assert_true(l->type == WIRE_refused && l->reason == REASON_UNAVAILABLE);
	stand(w, false);
	l = start(w, ANNA, sshd);
	assert_true(l->type == WIRE_refused && l->reason == REASON_UNAVAILABLE);
	/* an elevation counts under no cap */
	w->config.fleet_required = false;
	enter(w, BEN, sudo);
}

static void nobody_goes_for_one_that_is_to_be_refused(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *oldest, *refused;

	OVER_ALL(w, AT_LIMIT_EVICT_OLDEST);
	oldest = enter(w, ANNA, sshd);
	enter(w, ANNA, sshd);
	w->config.fleet_required = true;
	be_there(w, &ear);
	stand(w, false);
	refused = start(w, ANNA, sshd);
	assert_true(refused->type == WIRE_refused && refused->reason == REASON_UNAVAILABLE);
	assert_active(w, oldest);
	/* for one that is not, the oldest does */
	w->config.fleet_required = false;
	enter(w, ANNA, sshd);
	assert_evicted(w, oldest);
}

static void the_agent_goes(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *a, *b;

	OVER_ALL(w, AT_LIMIT_DENY);
	be_there(w, &ear);
	a = start(w, ANNA, sshd);
	attend(w, &ear, false);
	b = start(w, ANNA, sshd);
	assert_false(a->answers || b->answers);
	attend(w, &ear, false);
	assert_true(ear.waits);
	ear.answer.gone(&ear.answer, ear.answer.gone_ctx);
	ear.waits = false;
	/* no longer than that is anybody waited for */
	assert_granted(w, a);
	assert_granted(w, b);
	refuse(w, ANNA, sshd);
	/* the next one is told the whole table */
	ear = (struct ear){.waits = false};
	attend(w, &ear, true);
	assert_true(ear.complete && ear.n_tables == 2);
	assert_int_equal(ear.n_members, 2);
	assert_false(ear.member.seeks);
}

/* Where the fleet says who goes, this host does not. */
static void evictions_are_the_fleets(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *l[3];
	unsigned i;

	OVER_ALL(w, AT_LIMIT_EVICT_OLDEST);
	be_there(w, &ear);
	for (i = 0; i < 3; i++) {
		l[i] = start(w, ANNA, sshd);
		place(w, l[i], (struct wire_placed){.granted = true});
		assert_granted(w, l[i]);
		attend(w, &ear, false);
	}
	assert_true(ear.cap.evict && !ear.cap.idlest);
	for (i = 0; i < 3; i++)
		assert_active(w, l[i]);
	/* alone, it does */
	stand(w, false);
	enter(w, ANNA, sshd);
	assert_evicted(w, l[0]);
}

static void hear_nothing(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	(void)answer;
	(void)type;
	(void)msg;
	(void)last;
}

static void an_order_names_who_gave_it(void **state)
{
	struct world *w = *state;
	struct caller by = {.admin = true, .audit_session = PROC_NO_AUDIT, .name = "root on far"};
	struct login *l = enter(w, ANNA, sshd);
	struct wire_revoke revoke = {.grace = 0};
	struct answer ignored = {.fn = hear_nothing};

	sid_hex(&l->open.sid, revoke.prefix);
	core_handle(w->core, &(struct event){.type = EVENT_REVOKE,
				     .caller = &by,
				     .answer = &ignored,
				     .u.revoke = &revoke});
	assert_int_equal(session_of(w, l)->reason, REASON_REVOKED);
	assert_string_equal(session_of(w, l)->ended_by, "root on far");
}

static void deny_all(struct world *w)
{
	OVER_ALL(w, AT_LIMIT_DENY);
}

static void evict_all(struct world *w)
{
	OVER_ALL(w, AT_LIMIT_EVICT_OLDEST);
}

/* Logs in, and once more where who makes place has not gone in time. The agent is there and fetches
 * what it is asked. */
static struct login *insist(struct world *w, struct ear *ear, bool unreachable)
{
	struct login *l;

	do {
		while (!ear->waits)
			attend(w, ear, false);
		l = start(w, ANNA, sshd);
		assert_true(ear->member.seeks);
		if (unreachable)
			place(w, l, (struct wire_placed){.unreachable = true});
		WAIT_UNTIL(w->f, l->answers > 0);
	} while (l->type == WIRE_refused && strstr(l->text, "has not in time") != NULL);
	assert_granted(w, l);
	return l;
}

/* Joined or not: where the fleet does not say who goes, this host does. */
static void alone_somebody_goes_here(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *l[5];
	unsigned i;

	evict_all(w);
	be_there(w, &ear);
	for (i = 0; i < 2; i++) {
		l[i] = start(w, ANNA, sshd);
		place(w, l[i], (struct wire_placed){.granted = true});
		assert_granted(w, l[i]);
		attend(w, &ear, false);
	}
	/* the agent says at once that it cannot ask */
	l[2] = insist(w, &ear, true);
	assert_evicted(w, l[0]);
	assert_active(w, l[1]);
	/* it says nothing */
	l[3] = insist(w, &ear, false);
	assert_evicted(w, l[1]);
	assert_active(w, l[2]);
	/* where this host has no place to give, it refuses */
	deny_all(w);
	stand(w, true);
	l[4] = start(w, ANNA, sshd);
	WAIT_UNTIL(w->f, l[4]->answers > 0);
	assert_int_equal(l[4]->reason, REASON_CAP);
	assert_active(w, l[3]);
	assert_true(w->metrics.fleet_alone >= 2);
}

/* Another host evicts whom this host's own policies let it evict, and nobody else. */
static void an_eviction_is_by_the_own_policies(void **state)
{
	struct world *w = *state;
	struct caller by = {.admin = true, .audit_session = PROC_NO_AUDIT, .name = "far"};
	struct login *l = enter(w, ANNA, sshd);
	struct wire_revoke revoke = {.evicts = "two", .user = "anna", .by = "far"};
	struct answer ignored = {.fn = hear_nothing};
	const struct event evict = {
		.type = EVENT_REVOKE, .caller = &by, .answer = &ignored, .u.revoke = &revoke};

	sid_hex(&l->open.sid, revoke.prefix);
	/* there is no such policy */
	core_handle(w->core, &evict);
	assert_active(w, l);
	/* it refuses */
	deny_all(w);
	core_handle(w->core, &evict);
	assert_active(w, l);
	/* it is another one */
	evict_all(w);
	memcpy(revoke.evicts, "one", 4);
	core_handle(w->core, &evict);
	assert_active(w, l);
	/* it is of this host alone */
	{
		POLICIES(w, {.name = two,
				    .any_group = true,
				    .max_sessions = 2,
				    .at_limit = AT_LIMIT_EVICT_OLDEST});
	}
	memcpy(revoke.evicts, "two", 4);
	core_handle(w->core, &evict);
	assert_active(w, l);
	evict_all(w);
	/* a whole user is not evicted */
	revoke.prefix[0] = '\0';
	revoke.all = true;
	core_handle(w->core, &evict);
	assert_active(w, l);
	revoke.all = false;
	sid_hex(&l->open.sid, revoke.prefix);
	/* what the other host has read in the store is no word on whose it is */
	memcpy(revoke.user, "ben", 4);
	core_handle(w->core, &evict);
	assert_active(w, l);
	revoke.user[0] = '\0';
	core_handle(w->core, &evict);
	assert_active(w, l);
	memcpy(revoke.user, "anna", 5);
	core_handle(w->core, &evict);
	assert_int_equal(session_of(w, l)->reason, REASON_EVICTED);
	assert_string_equal(session_of(w, l)->ended_by, "far");
	assert_evicted(w, l);
}

/* A table larger than one answer, in which somebody comes and goes meanwhile. */
static void a_table_comes_in_pieces(void **state)
{
	enum { LOGINS = 150 };
	struct world *w = *state;
	struct ear ear = {.waits = false};
	unsigned i, turns = 0;

	for (i = 0; i < LOGINS; i++)
		enter(w, i % 2 ? ANNA : BEN, sshd);
	attend(w, &ear, true);
	assert_true(!ear.complete && ear.n_members < LOGINS);
	enter(w, ANNA, sshd);
	while (!ear.complete) {
		attend(w, &ear, false);
		assert_true(++turns < 10);
	}
	assert_true(ear.n_members >= LOGINS + 1);
	assert_int_equal(ear.n_tables, 2);
	attend(w, &ear, false);
	assert_true(ear.waits);
}

/* With other policies a session counts under other caps; who waits for the fleet goes on waiting.
 */
static void other_policies_are_told(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct login *old, *seeking;

	be_there(w, &ear);
	old = enter(w, ANNA, sshd);
	attend(w, &ear, false);
	assert_int_equal(ear.n_caps, 0);
	deny_all(w);
	core_set_config(w->core, &w->config);
	assert_true(ear.complete && ear.n_tables == 2);
	assert_int_equal(ear.n_caps, 1);
	assert_true(sid_equal(&ear.cap.sid, &old->open.sid));
	attend(w, &ear, false);
	seeking = start(w, BEN, sshd);
	assert_true(ear.n_caps == 2 && ear.member.seeks);
	attend(w, &ear, false);
	evict_all(w);
	core_set_config(w->core, &w->config);
	assert_int_equal(ear.n_tables, 4);
	assert_int_equal(ear.n_caps, 4);
	assert_int_equal(seeking->answers, 0);
	place(w, seeking, (struct wire_placed){.granted = true});
	assert_granted(w, seeking);
	/* they are gone: nobody counts */
	do
		attend(w, &ear, false);
	while (!ear.waits);
	ear.n_caps = 0;
	w->config.policies.n_policies = 0;
	core_set_config(w->core, &w->config);
	assert_int_equal(ear.n_tables, 6);
	assert_int_equal(ear.n_caps, 0);
}

struct asker {
	struct answer answer;
	unsigned n;
	enum wire_type type;
	enum wire_errno error;
	bool last;
};

static void take(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct asker *asker = (struct asker *)(void *)answer;

	assert_false(asker->last);
	asker->n++;
	asker->type = type;
	asker->last = last;
	if (type == WIRE_error)
		asker->error = (enum wire_errno)((const struct wire_error *)msg)->code;
}

static void ask_fleet(struct world *w, struct asker *asker, bool admin)
{
	const struct caller by = {.admin = admin, .uid = admin ? 0 : ANNA};
	const struct wire_list list = {.fleet = true};

	*asker = (struct asker){.answer.fn = take};
	core_handle(w->core, &(struct event){.type = EVENT_ERRAND,
				     .caller = &by,
				     .answer = &asker->answer,
				     .u.errand = {WIRE_list, &list}});
}

static void relay(struct world *w, uint64_t errand, enum wire_type type, const void *msg, bool last)
{
	struct wire_relay relay = {.errand = errand, .last = last};
	struct answer ignored = {.fn = nothing};
	uint8_t buf[4096];

	assert_int_equal(wire_encode(type, 0, msg, buf, sizeof(buf), &relay.body.len), 0);
	relay.body.data = buf;
	core_handle(w->core,
		&(struct event){.type = EVENT_RELAY, .answer = &ignored, .u.relay = &relay});
}

/* An agent that was asked by a sessd before this one may still answer that. */
static void errands_have_numbers_that_no_other_sessd_gave(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	const struct wire_done done = {.count = 0};
	struct asker asker;
	uint64_t before = 0;
	unsigned i;

	be_there(w, &ear);
	for (i = 0; i < 3; i++) {
		ask_fleet(w, &asker, true);
		/* as good as surely: they are random */
		assert_true(ear.errand > UINT32_MAX);
		assert_int_not_equal(ear.errand, before);
		before = ear.errand;
		relay(w, ear.errand, WIRE_done, &done, true);
		assert_true(asker.last);
		attend(w, &ear, false);
	}
}

/* An agent that hangs is not waited for without end; each word of it is a sign of life. */
static void an_errand_of_which_nothing_is_heard_fails(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct wire_session session = {.class = CLASS_LOGIN, .phase = PHASE_ACTIVE, .host = "far"};
	const struct wire_done done = {.count = 1};
	struct asker quiet, talks;
	uint64_t id;

	be_there(w, &ear);
	ask_fleet(w, &talks, true);
	id = ear.errand;
	attend(w, &ear, false);
	w->core->fleet->patience = 20 * NS_PER_MS;
	ask_fleet(w, &quiet, true);
	WAIT_UNTIL(w->f, quiet.last);
	assert_int_equal(quiet.error, WIRE_E_UNAVAILABLE);
	assert_false(talks.last);
	/* what it says later is nobody's */
	relay(w, ear.errand, WIRE_session, &session, false);
	assert_int_equal(quiet.n, 1);
	relay(w, id, WIRE_session, &session, false);
	relay(w, id, WIRE_done, &done, true);
	assert_int_equal(talks.n, 2);
}

static void an_errand_is_run(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	struct wire_session session = {.class = CLASS_LOGIN, .phase = PHASE_ACTIVE, .host = "far"};
	const struct wire_done done = {.count = 1};
	const struct wire_granted granted = {.tracked = true};
	struct asker asker;

	ask_fleet(w, &asker, true);
	assert_int_equal(asker.error, WIRE_E_UNAVAILABLE);
	be_there(w, &ear);
	ask_fleet(w, &asker, false);
	assert_int_equal(asker.error, WIRE_E_NOT_PERMITTED);
	ask_fleet(w, &asker, true);
	assert_int_equal(ear.n_errands, 1);
	relay(w, ear.errand, WIRE_session, &session, false);
	relay(w, ear.errand + 1, WIRE_session, &session, false);
	assert_true(asker.n == 1 && asker.type == WIRE_session && !asker.last);
	relay(w, ear.errand, WIRE_done, &done, true);
	assert_true(asker.n == 2 && asker.type == WIRE_done && asker.last);
	/* what is no answer to sessctl is not carried to it */
	attend(w, &ear, false);
	ask_fleet(w, &asker, true);
	relay(w, ear.errand, WIRE_granted, &granted, false);
	assert_true(asker.last && asker.error == WIRE_E_UNAVAILABLE);
	/* nor is a last one that is none */
	attend(w, &ear, false);
	ask_fleet(w, &asker, true);
	relay(w, ear.errand, WIRE_session, &session, true);
	assert_true(asker.last && asker.error == WIRE_E_UNAVAILABLE);
	/* the agent is another one, and knows nothing of it */
	attend(w, &ear, false);
	ask_fleet(w, &asker, true);
	be_there(w, &ear);
	assert_true(asker.last && asker.error == WIRE_E_UNAVAILABLE);
	/* the agent goes */
	ask_fleet(w, &asker, true);
	attend(w, &ear, false);
	ear.answer.gone(&ear.answer, ear.answer.gone_ctx);
	assert_true(asker.last && asker.error == WIRE_E_UNAVAILABLE);
}

static uint64_t newest(struct world *w)
{
	struct ledger_stats stats;

	ledger_stats(w->f->ledger, &stats);
	return stats.seq;
}

static void an_overshoot_is_counted_and_recorded(void **state)
{
	struct world *w = *state;
	const struct wire_overshoot msg = {
		.user = "anna", .policy = "two", .max = 2, .count = 3, .text = "sshd on far"};
	struct answer ignored = {.fn = nothing};
	uint64_t before = newest(w);

	core_handle(w->core,
		&(struct event){.type = EVENT_OVERSHOOT, .answer = &ignored, .u.overshoot = &msg});
	assert_int_equal(w->metrics.fleet_overshoots, 1);
	WAIT_UNTIL(w->f, newest(w) == before + 1);
}

static void is_sealed(void *ctx, int result)
{
	assert_int_equal(result, 0);
	*(bool *)ctx = true;
}

static void checkpoint(struct world *w, char ret[SEAL_HEAD_TEXT])
{
	struct ledger_stats stats;
	bool sealed = false;

	core_note(w->core, ENTRY_CONFIG_LOADED, "something to seal");
	assert_int_equal(ledger_checkpoint(w->f->ledger, is_sealed, &sealed), 0);
	WAIT_UNTIL(w->f, sealed);
	ledger_stats(w->f->ledger, &stats);
	memcpy(ret, stats.checkpoint, SEAL_HEAD_TEXT);
}

static void the_agent_is_told_the_head(void **state)
{
	struct world *w = *state;
	struct ear ear = {.waits = false};
	char head[SEAL_HEAD_TEXT];

	assert_int_equal(ledger_seal(w->f->ledger), 0);
	checkpoint(w, head);
	attend(w, &ear, true);
	assert_int_equal(ear.n_heads, 1);
	assert_string_equal(ear.head, head);
	be_there(w, &ear);
	assert_int_equal(ear.n_heads, 0);
	checkpoint(w, head);
	assert_int_equal(ear.n_heads, 1);
	assert_string_equal(ear.head, head);
	/* another agent knows nothing */
	attend(w, &ear, true);
	assert_string_equal(ear.head, head);
}

struct verdict_of {
	struct answer answer;
	struct wire_probed probed;
	enum wire_type last;
	bool over;
};

static void take_verdict(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct verdict_of *v = (struct verdict_of *)(void *)answer;

	if (type == WIRE_probed)
		v->probed = *(const struct wire_probed *)msg;
	v->last = type;
	v->over = last;
}

static struct verdict_of probe(struct world *w, const char *checkpoint)
{
	static struct verdict_of v;

	v = (struct verdict_of){.answer = {.fn = take_verdict}};
	head_probe(w->core, checkpoint, &v.answer);
	WAIT_UNTIL(w->f, v.over);
	return v;
}

static void the_ledger_is_asked_for_a_head(void **state)
{
	struct world *w = *state;
	char head[SEAL_HEAD_TEXT], other[SEAL_HEAD_TEXT + 8];
	struct verdict_of v;

	assert_int_equal(ledger_seal(w->f->ledger), 0);
	checkpoint(w, head);
	v = probe(w, head);
	assert_true(v.last == WIRE_done && v.probed.here && !v.probed.pruned);
	/* another event there */
	memcpy(other, head, sizeof(head));
	other[strlen(other) - 1] = other[strlen(other) - 1] == '0' ? '1' : '0';
	v = probe(w, other);
	assert_true(v.last == WIRE_done && !v.probed.here && !v.probed.pruned);
	/* the same hash at another place, and beyond the end */
	snprintf(other, sizeof(other), "1%s", strchr(head, ':'));
	assert_false(probe(w, other).probed.here);
	snprintf(other, sizeof(other), "999%s", strchr(head, ':'));
	assert_false(probe(w, other).probed.here);
	assert_int_equal(probe(w, "0:00").last, WIRE_error);
	/* it goes on */
	checkpoint(w, other);
	assert_true(probe(w, head).probed.here);
}

static void keep_last(void *ctx, const char *line)
{
	snprintf(ctx, 1024, "%.1023s", line);
}

static void what_is_broken_is_recorded(void **state)
{
	struct world *w = *state;
	struct wire_head_broken msg = {.host = "far", .text = "its last checkpoint is none"};
	uint64_t before = newest(w);
	struct verdict_of v = {.answer = {.fn = take_verdict}};
	char line[1024];

	head_broken(w->core, &msg, &v.answer);
	assert_true(v.over && v.last == WIRE_error);
	/* 64 digits */
	snprintf(msg.checkpoint, sizeof(msg.checkpoint), "17:%064d", 17);
	head_broken(w->core, &msg, &v.answer);
	assert_true(v.over && v.last == WIRE_done);
	WAIT_UNTIL(w->f, newest(w) == before + 1);
	each_line(w->f, LEDGER_ALL_UIDS, keep_last, line);
	assert_non_null(strstr(line, "\"event\":\"head_broken\""));
	assert_non_null(strstr(line, "\"text\":\"far: its last checkpoint is none\""));
	assert_non_null(strstr(line, "\"last\":17,\"hash\":\"00000000000000"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		TEST(a_login_waits_for_its_place),
		TEST(the_fleet_refuses),
		TEST(nobody_answers),
		TEST(what_is_to_be_refused_is),
		TEST(nobody_goes_for_one_that_is_to_be_refused),
		TEST(the_agent_goes),
		TEST(evictions_are_the_fleets),
		TEST(alone_somebody_goes_here),
		TEST(an_order_names_who_gave_it),
		TEST(an_eviction_is_by_the_own_policies),
		TEST(a_table_comes_in_pieces),
		TEST(other_policies_are_told),
		TEST(an_errand_is_run),
		TEST(an_errand_of_which_nothing_is_heard_fails),
		TEST(errands_have_numbers_that_no_other_sessd_gave),
		TEST(an_overshoot_is_counted_and_recorded),
		TEST(the_agent_is_told_the_head),
		TEST(the_ledger_is_asked_for_a_head),
		TEST(what_is_broken_is_recorded),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
