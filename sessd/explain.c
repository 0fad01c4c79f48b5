/*
 * Which limits a login would be under, asked before anybody logs in. The judging is policy.c's and
 * the counting cap.c's, as for a login itself; here it is only told.
 *
 * There is at most one `limit` for each policy, and eight besides: the number of policies is
 * bounded, and with it the answer.
 */
#include <stdio.h>

#include "sessd/core_state.h"
#include "sessd/option.h"

static struct wire_limit limit_of(const char *what, const char *policy)
{
	struct wire_limit msg = {.what = ""};

	snprintf(msg.what, sizeof(msg.what), "%s", what);
	snprintf(msg.policy, sizeof(msg.policy), "%s", policy);
	return msg;
}

static uint32_t tell_class(enum session_class class, struct answer *answer)
{
	struct wire_limit msg = limit_of("class", "");

	msg.class = class;
	answer_send(answer, WIRE_limit, &msg, false);
	return 1;
}

static uint32_t tell_exempt(const char *policy, struct answer *answer)
{
	struct wire_limit msg = limit_of("exempt", policy);

	answer_send(answer, WIRE_limit, &msg, false);
	return 1;
}

static uint32_t tell_time(
	const char *what, uint64_t time, const char *policy, struct answer *answer)
{
	struct wire_limit msg;

	if (time == 0)
		return 0;
	msg = limit_of(what, policy);
	msg.time = time;
	answer_send(answer, WIRE_limit, &msg, false);
	return 1;
}

static uint32_t tell_leftovers(const struct limits *limits, struct answer *answer)
{
	struct wire_limit msg;

	if (limits->leftovers_policy == NULL)
		return 0;
	msg = limit_of("leftovers", limits->leftovers_policy);
	snprintf(msg.leftovers, sizeof(msg.leftovers), "%s",
		option_leftovers_name(limits->leftovers));
	answer_send(answer, WIRE_limit, &msg, false);
	return 1;
}

static uint32_t tell_cap(
	const struct core *core, uid_t uid, const struct policy *policy, struct answer *answer)
{
	struct wire_limit msg;

	if (policy->max_sessions == 0)
		return 0;
	msg = limit_of("max_sessions", policy->name);
	msg.max = policy->max_sessions;
	msg.count = cap_count(core, uid, policy);
	snprintf(msg.at_limit, sizeof(msg.at_limit), "%s", option_at_limit_name(policy->at_limit));
	answer_send(answer, WIRE_limit, &msg, false);
	return 1;
}

static uint32_t tell_mismatch(
	const struct policy *policy, unsigned mismatches, struct answer *answer)
{
	struct wire_limit msg = limit_of("no_match", policy->name);
	char words[POLICY_MISMATCH_TEXT];

	snprintf(msg.why, sizeof(msg.why), "%s", policy_mismatch_words(mismatches, words));
	answer_send(answer, WIRE_limit, &msg, false);
	return 1;
}

void core_explain(const struct core *core, const struct wire_explain *ask, struct answer *answer)
{
	const struct policy_set *set = &core->parts.config->policies;
	const struct subject subject = {.user = ask->user,
		.service = ask->service,
		.rhost = ask->rhost,
		.gids = ask->gids.gid,
		.n_gids = ask->gids.n};
	enum session_class class = policy_class(set, ask->service);
	struct wire_done done;
	struct limits limits;
	unsigned mismatches;
	uint32_t n;
	size_t i;

	policy_resolve(set, &subject, &limits);
	n = tell_class(class, answer);
	if (limits.exempt && class != CLASS_IGNORED)
		n += tell_exempt(limits.exempt_policy, answer);
	if (class == CLASS_LOGIN) {
		n += tell_time("lifetime", limits.lifetime, limits.lifetime_policy, answer);
		n += tell_time(
			"max_lifetime", limits.max_lifetime, limits.max_lifetime_policy, answer);
		n += tell_time("idle", limits.idle, limits.idle_policy, answer);
		n += tell_time("warn", limits.warn, limits.warn_policy, answer);
		n += tell_time("grace", limits.grace, limits.grace_policy, answer);
		n += tell_leftovers(&limits, answer);
	}
	if (class == CLASS_LOGIN || class == CLASS_ELEVATION)
		n += tell_time("reauth", limits.reauth, limits.reauth_policy, answer);
	for (i = 0; i < set->n_policies; i++) {
		mismatches = policy_mismatches(&set->policies[i], &subject);
		if (mismatches != 0)
			n += tell_mismatch(&set->policies[i], mismatches, answer);
		else if (class == CLASS_LOGIN && !limits.exempt)
			n += tell_cap(core, (uid_t)ask->uid, &set->policies[i], answer);
	}
	done = (struct wire_done){.count = n};
	answer_send(answer, WIRE_done, &done, true);
}
