#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "sessctl/survey.h"

/* `ruser`, `user` and `service`, at their longest. */
#define PAIR_TEXT (3 * TEXT_STR_MAX + 16)

/* Which locks of a user stand. */
#define OF_HOST	 UINT64_C(1)
#define OF_FLEET UINT64_C(2)

static bool is(const struct sighting *s, const char *event)
{
	return strcmp(s->event, event) == 0;
}

/* --- What goes on all the time, also before the period --- */

static void follow_locks(struct survey *s, const struct sighting *seen)
{
	const char *user = line_locked_user(seen->line);
	uint64_t whose =
		json_is_true(json_object_get(seen->line->members, "fleet")) ? OF_FLEET : OF_HOST;

	if (user == NULL)
		return;
	if (is(seen, "lock_set"))
		tally_row(&s->locked, user)->logins |= whose;
	else if (is(seen, "lock_lifted") || is(seen, "lock_expired"))
		tally_row(&s->locked, user)->logins &= ~whose;
}

static bool has_lock(const struct survey *s, const char *user)
{
	const struct tally_row *row = user != NULL ? tally_find(&s->locked, user) : NULL;

	return row != NULL && row->logins > 0;
}

/* Who ended without having come was there before the text began. */
static void follow_live(struct survey *s, const struct sighting *seen)
{
	if (seen->class != CLASS_LOGIN)
		return;
	if (sighting_is_arrival(seen))
		s->live++;
	else if (is(seen, "session_ended") && --s->live < -s->unseen)
		s->unseen = -s->live;
}

/* --- Who, from where, under which policy --- */

static void count_arrival(struct tally_row *row, const struct sighting *seen)
{
	if (seen->class == CLASS_LOGIN)
		row->logins++;
	else if (seen->class == CLASS_ELEVATION)
		row->elevations++;
}

static void count_end(struct tally_row *row, const struct sighting *seen)
{
	uint64_t lasted =
		seen->line->time > seen->opened_at ? seen->line->time - seen->opened_at : 0;

	if (seen->timed)
		row->ended++;
	if (seen->class == CLASS_LOGIN && seen->opened_at != 0 && lasted > row->longest)
		row->longest = lasted;
}

static void count_name(struct tally *t, const char *name, const struct sighting *seen)
{
	struct tally_row *row;

	if (!sighting_is_arrival(seen) && !is(seen, "session_ended") &&
		!is(seen, "session_refused"))
		return;
	row = tally_row(t, name);
	if (sighting_is_arrival(seen))
		count_arrival(row, seen);
	else if (is(seen, "session_ended"))
		count_end(row, seen);
	else
		row->refused++;
	if (seen->line->time > row->last)
		row->last = seen->line->time;
}

/* The lifetimes that a policy gave. */
static void count_policy(struct survey *s, const struct sighting *seen)
{
	uint64_t lifetime = 0;
	struct tally_row *row;

	if (!sighting_is_arrival(seen) || seen->class != CLASS_LOGIN)
		return;
	row = tally_row(&s->policies, seen->policy ? seen->policy : "");
	row->logins++;
	if (seen->expires_at > seen->opened_at)
		lifetime = seen->expires_at - seen->opened_at;
	if (lifetime > row->longest)
		row->longest = lifetime;
	if (lifetime != 0 && (row->least == 0 || lifetime < row->least))
		row->least = lifetime;
}

static void count_elevation(struct survey *s, const struct sighting *seen)
{
	char pair[PAIR_TEXT];

	if (seen->class != CLASS_ELEVATION ||
		(!sighting_is_arrival(seen) && !is(seen, "session_refused")))
		return;
	snprintf(pair, sizeof(pair), "%s \u2192 %s (%s)", seen->ruser ? seen->ruser : "?",
		seen->user ? seen->user : "?", seen->service ? seen->service : "?");
	if (is(seen, "session_refused"))
		tally_row(&s->elevations, pair)->refused++;
	else
		tally_row(&s->elevations, pair)->logins++;
}

/* An order, or what came of one in the end. */
static bool is_order(const struct sighting *seen)
{
	static const char *const events[] = {
		"session_ended", "leftovers_ended", "session_extended", "lock_set", "lock_lifted"};
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (is(seen, events[i]))
			return true;
	return false;
}

static void count_names(struct survey *s, const struct sighting *seen)
{
	if (seen->user != NULL)
		count_name(&s->users, seen->user, seen);
	if (seen->class == CLASS_LOGIN)
		count_name(&s->sources, seen->rhost ? seen->rhost : "", seen);
	count_policy(s, seen);
	count_elevation(s, seen);
	if (seen->by != NULL && is_order(seen))
		tally_row(&s->actors, seen->by)->logins++;
}

/* --- When, and why --- */

static void count_time(struct survey *s, const struct sighting *seen)
{
	struct span *span = timeline_at(&s->timeline, seen->line->time);

	if (seen->class == CLASS_LOGIN && sighting_is_arrival(seen))
		span->logins++;
	else if (is(seen, "session_refused"))
		span->refused++;
	else if (sighting_is_end_by_sessd(seen))
		span->ended++;
	if (s->live > span->peak)
		span->peak = s->live;
	span->level = s->live;
}

static void count_reason(struct survey *s, const struct sighting *seen)
{
	if (is(seen, "session_refused"))
		s->refused[seen->reason]++;
	if (!is(seen, "session_ended"))
		return;
	s->ended[seen->reason]++;
	if (seen->timed)
		spread_add(&s->ends[seen->reason], seen->elapsed);
}

static void take(struct survey *s, const struct line *line)
{
	struct sighting seen;

	sighting_of(line, &seen);
	seen.user_locked = has_lock(s, seen.user);
	follow_locks(s, &seen);
	follow_live(s, &seen);
	if (line->time < s->since || line->time >= s->until)
		return;
	s->events++;
	if (s->first == 0 || line->time < s->first)
		s->first = line->time;
	if (line->time > s->last)
		s->last = line->time;
	count_names(s, &seen);
	count_time(s, &seen);
	count_reason(s, &seen);
	if (s->error == 0)
		s->error = facts_add(s->facts, &seen);
}

static void take_line(void *arg, const char *text, size_t len)
{
	struct survey *s = arg;
	struct line line;

	if (line_parse(text, len, &line) < 0) {
		s->damaged++;
		return;
	}
	take(s, &line);
	line_fini(&line);
}

/* --- The whole --- */

static struct tally *tally_at(struct survey *s, int i)
{
	struct tally *all[] = {
		&s->users, &s->sources, &s->policies, &s->elevations, &s->actors, &s->locked};

	return i < (int)(sizeof(all) / sizeof(all[0])) ? all[i] : NULL;
}

int survey_init(struct survey *s)
{
	int i, r;

	_Static_assert(REASON_UNAVAILABLE < SURVEY_REASONS, "every reason has its place");
	*s = (struct survey){.until = UINT64_MAX};
	facts_init(s->facts);
	timeline_init(&s->timeline);
	r = verify_init(&s->verify);
	for (i = 0; r == 0 && tally_at(s, i) != NULL; i++)
		r = tally_init(tally_at(s, i));
	if (r < 0) {
		survey_fini(s);
		return r;
	}
	s->verify.good = take_line;
	s->verify.arg = s;
	return 0;
}

void survey_fini(struct survey *s)
{
	int i;

	verify_fini(&s->verify);
	facts_fini(s->facts);
	for (i = 0; tally_at(s, i) != NULL; i++)
		tally_fini(tally_at(s, i));
}

/* Counts were relative to those who were there at first, who are known only now. */
static void count_live(struct survey *s)
{
	struct span *span;
	size_t i;

	timeline_fill(&s->timeline);
	for (i = 0; i < s->timeline.n; i++) {
		span = &s->timeline.span[i];
		span->peak += s->unseen;
		span->level += s->unseen;
		if (span->peak > (int64_t)s->most)
			s->most = (uint64_t)span->peak;
		s->left = span->level > 0 ? (uint64_t)span->level : 0;
	}
}

int survey_end(struct survey *s)
{
	count_live(s);
	tally_sort(&s->users);
	tally_sort(&s->sources);
	tally_sort(&s->policies);
	tally_sort(&s->elevations);
	tally_sort(&s->actors);
	return s->error;
}
