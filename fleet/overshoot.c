/*
 * What was registered without having sought a place, because the fleet could not be asked when it
 * began, may be more than a cap allows. So each user of whom something was written is counted once
 * when the writes are done. The host whose session is the youngest in the store sees all of it: it
 * tells sessd, and where the cap evicts, orders those beyond it to end.
 *
 * Only a key that one of these writes has made counts for that. One that was there before is no
 * newcomer, whatever the caps are now.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/eviction.h"
#include "fleet/query.h"
#include "fleet/question.h"

#define TIMEOUT (5 * NS_PER_SEC)
/* Between two users, of whom there may be thousands when a host is back; or so many times as long
 * as the store took for the one before: all hosts may be back at once. */
#define REST	   (10 * NS_PER_MS)
#define REST_TIMES 4
/* While the fleet cannot be asked. */
#define REST_FAILED (500 * NS_PER_MS)

/* A user who is to be counted. */
struct excess {
	char *user;
	uint64_t since; /* revision of the first of the writes */
	struct cap *caps;
	unsigned n_caps, next; /* the first that is not over */
	bool reported;	       /* that one */
};

struct overshoots {
	void *tree;	    /* of tsearch(3), by user */
	struct excess *now; /* in no tree */
	struct etcd_call *call;
	uint64_t asked_at; /* clock_boot(), */
	uint64_t took;	   /* and how long that user was read */
	struct timer timer;
	struct roll roll; /* of that user */
	struct question *question;
	struct eviction *eviction;
	unsigned beyond;   /* the cap: those that are not ordered yet */
	unsigned failures; /* of the store, in a row */
};

static void next_user(void *ctx);
static void next_cap(struct agent *a);
static void read_user(struct agent *a);

static int by_user(const void *a, const void *b)
{
	return strcmp(((const struct excess *)a)->user, ((const struct excess *)b)->user);
}

static void excess_free(void *excess)
{
	struct excess *e = excess;

	if (e == NULL)
		return;
	free(e->user);
	free(e->caps);
	free(e);
}

static void next_in(struct agent *a, uint64_t ns)
{
	timer_set(&a->timers, &a->overshoots->timer, clock_boot() + ns, next_user, a);
}

static void rest(struct agent *a, uint64_t time)
{
	next_in(a, timer_jitter(time));
}

static void rest_failed(struct agent *a)
{
	next_in(a, timer_backoff(&a->overshoots->failures, REST_FAILED, lease_patience(&a->lease)));
}

/* --- Who is to be counted --- */

static int add_cap(struct excess *e, const struct cap *cap)
{
	struct cap *more;
	unsigned i;

	for (i = 0; i < e->n_caps; i++)
		if (strcmp(e->caps[i].policy, cap->policy) == 0)
			return 0;
	more = realloc(e->caps, (e->n_caps + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	e->caps = more;
	more[e->n_caps++] = *cap;
	return 0;
}

static struct excess *find_or_add(struct overshoots *o, const char *user, uint64_t revision)
{
	struct excess *e = calloc(1, sizeof(*e)), **found;

	if (e == NULL)
		return NULL;
	e->user = strdup(user);
	e->since = revision;
	found = e->user != NULL ? tsearch(e, &o->tree, by_user) : NULL;
	if (found == NULL || *found != e)
		excess_free(e);
	return found != NULL ? *found : NULL;
}

void overshoot_note(struct agent *a, const struct member *m, uint64_t revision)
{
	struct overshoots *o = a->overshoots;
	struct excess *e;
	unsigned i;
	int r = 0;

	if (m->n_caps == 0)
		return;
	e = find_or_add(o, m->user, revision);
	for (i = 0; e != NULL && r == 0 && i < m->n_caps; i++)
		r = add_cap(e, &m->caps[i]);
	if (e == NULL || r < 0)
		log_error("whether %s has too many sessions in the fleet is not looked at: out of "
			  "memory",
			m->user);
	if (o->now == NULL && !o->timer.set)
		rest(a, REST);
}

/* --- What is found --- */

static void report(struct agent *a, const struct cap *cap)
{
	const struct overshoots *o = a->overshoots;
	struct wire_overshoot msg = {.max = cap->max,
		.count = roll_count(a, &o->roll, cap->policy),
		.evict = cap->evict};

	snprintf(msg.user, sizeof(msg.user), "%s", o->now->user);
	memcpy(msg.policy, cap->policy, sizeof(msg.policy));
	roll_words(a, &o->roll, cap->policy, msg.text, sizeof(msg.text));
	a->n_overshoots++;
	agent_tell(a, WIRE_overshoot, &msg);
	o->now->reported = true;
}

static void drop_question(struct overshoots *o)
{
	question_free(o->question);
	o->question = NULL;
}

static void end_user(struct agent *a)
{
	struct overshoots *o = a->overshoots;

	drop_question(o);
	excess_free(o->now);
	o->now = NULL;
	o->failures = 0;
	roll_fini(&o->roll);
	if (o->tree != NULL)
		rest(a, o->took * REST_TIMES > REST ? o->took * REST_TIMES : REST);
}

static void end_cap(struct overshoots *o)
{
	drop_question(o);
	o->now->next++;
	o->now->reported = false;
}

static void order(struct agent *a);

static void not_ordered(struct agent *a)
{
	struct overshoots *o = a->overshoots;

	/* from this cap on; to order somebody twice does no harm */
	log_warning("sessions of %s beyond a cap are not ordered to end yet", o->now->user);
	drop_question(o);
	roll_fini(&o->roll);
	rest_failed(a);
}

static void on_ordered(void *ctx, bool ordered)
{
	struct agent *a = ctx;
	struct overshoots *o = a->overshoots;

	o->eviction = NULL;
	o->beyond--;
	if (ordered)
		order(a);
	else
		not_ordered(a);
}

/* Those beyond the cap, one after the other: the longest idle or the oldest of all. */
static void order(struct agent *a)
{
	struct overshoots *o = a->overshoots;
	const struct cap *cap = &o->now->caps[o->now->next];
	const struct listed *e = NULL;

	if (o->beyond > 0)
		e = roll_choose(a, &o->roll, cap->policy, o->question);
	if (e == NULL) {
		end_cap(o);
		next_cap(a);
		return;
	}
	o->eviction = eviction_begin(a, e, cap->policy, clock_boot() + TIMEOUT, on_ordered, a);
	if (o->eviction == NULL)
		not_ordered(a);
}

/* Whoever could say how idle or old they are has done so; somebody may have gone meanwhile. */
static void on_told(void *ctx)
{
	struct agent *a = ctx;

	roll_fini(&a->overshoots->roll);
	read_user(a);
}

/* The store knows those that are back for the shortest time: how old they are say their hosts. */
static bool ask(struct agent *a, const struct cap *cap)
{
	struct overshoots *o = a->overshoots;

	o->question = question_ask(
		a, &o->roll, cap->policy, cap->idlest ? QUESTION_IDLE : QUESTION_AGE, on_told, a);
	return o->question != NULL;
}

/* Is it exceeded, and ours to report? */
static bool is_ours(const struct agent *a, const struct cap *cap)
{
	const struct overshoots *o = a->overshoots;
	const struct listed *e = roll_youngest(a, &o->roll, cap->policy);

	return e != NULL && strcmp(e->host, a->o.host) == 0 && e->created >= o->now->since &&
	       roll_count(a, &o->roll, cap->policy) > cap->max;
}

static void next_cap(struct agent *a)
{
	struct overshoots *o = a->overshoots;
	const struct cap *cap;

	for (; o->now->next < o->now->n_caps; end_cap(o)) {
		cap = &o->now->caps[o->now->next];
		if (!is_ours(a, cap))
			continue;
		if (!o->now->reported)
			report(a, cap);
		if (!cap->evict)
			continue;
		if (o->question == NULL && ask(a, cap))
			return;
		o->beyond = roll_count(a, &o->roll, cap->policy) - cap->max;
		order(a);
		return;
	}
	end_user(a);
}

static void on_read(void *ctx, const struct etcd_answer *answer)
{
	struct agent *a = ctx;
	struct overshoots *o = a->overshoots;

	o->call = NULL;
	o->took = clock_boot() - o->asked_at;
	if (roll_read(answer, &o->roll) < 0)
		rest_failed(a);
	else
		next_cap(a);
}

/* Some are to be written yet: what is counted before that is not all. */
static bool is_writing(const struct agent *a)
{
	const struct member *m;

	TAILQ_FOREACH (m, &a->registry.dirty, link) {
		if (m->present)
			return true;
	}
	return a->registry.call != NULL;
}

static void read_user(struct agent *a)
{
	struct overshoots *o = a->overshoots;
	struct key key;

	if (!roll_key(o->now->user, &key)) {
		end_user(a);
		return;
	}
	o->asked_at = clock_boot();
	o->call = etcd_start(a->etcd, &(struct etcd_request){.kind = ETCD_READ,
					      .path = ETCD_RANGE,
					      .body = query_range(&key, 0),
					      .deadline = clock_boot() + TIMEOUT,
					      .done = on_read,
					      .ctx = a});
	if (o->call == NULL)
		rest_failed(a);
}

static void next_user(void *ctx)
{
	struct agent *a = ctx;
	struct overshoots *o = a->overshoots;

	if (!agent_joined(a) || is_writing(a)) {
		rest(a, agent_joined(a) ? REST : REST_FAILED);
		return;
	}
	if (o->now == NULL) {
		o->now = *(struct excess **)o->tree;
		tdelete(o->now, &o->tree, by_user);
	}
	read_user(a);
}

int overshoots_init(struct agent *a)
{
	a->overshoots = calloc(1, sizeof(*a->overshoots));
	return a->overshoots != NULL ? 0 : -ENOMEM;
}

void overshoots_fini(struct agent *a)
{
	struct overshoots *o = a->overshoots;

	if (o == NULL)
		return;
	drop_question(o);
	eviction_cancel(o->eviction);
	etcd_cancel(o->call);
	timer_cancel(&o->timer);
	tdestroy(o->tree, excess_free);
	excess_free(o->now);
	roll_fini(&o->roll);
	free(o);
	a->overshoots = NULL;
}
