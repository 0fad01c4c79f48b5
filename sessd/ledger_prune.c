/*
 * Removing what is older than the configuration wants it kept. A round looks for the youngest
 * checkpoint of that age, writes `ledger_pruned` (from where on the ledger goes, and the hash in
 * front of it) with a checkpoint behind it in the same commit, removes the events in front of the
 * old checkpoint, and then the rows of sessions that ended so long ago. So what is left can be
 * verified by itself, and what was not sealed is never removed.
 *
 * All of it goes in steps of a few rows, with pauses, so that a login hardly waits for it. Where it
 * is cut off, the next start goes on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/ledger_state.h"
#include "sessd/log.h"

/* Between two steps: some thousand rows a second, which is more than are written for long. */
#define PAUSE_NS (50 * NS_PER_MS)

/* Between two rounds: a part of the time that is kept, within these bounds. */
#define ROUND_PART   24
#define ROUND_NS_MIN NS_PER_SEC
#define ROUND_NS_MAX (UINT64_C(86400) * NS_PER_SEC)

#define DRIFT_NS (UINT64_C(30) * 86400 * NS_PER_SEC)

static uint64_t round_ns(uint64_t retain)
{
	uint64_t ns = retain / ROUND_PART;

	if (ns < ROUND_NS_MIN)
		return ROUND_NS_MIN;
	return ns > ROUND_NS_MAX ? ROUND_NS_MAX : ns;
}

/* What is written down is removed also where all is to be kept from now on. */
static bool active(const struct ledger *l)
{
	return l->shared.retain_known &&
	       (l->shared.retain > 0 || l->pruning.step == PRUNING_EVENTS);
}

/* The round was begun for another time than what is to be kept now, and has written nothing. */
static bool outdated(const struct ledger *l)
{
	return l->pruning.step != PRUNING_EVENTS && l->pruning.retain != l->shared.retain;
}

bool pruning_due(const struct ledger *l, uint64_t now)
{
	if (!active(l))
		return false;
	return outdated(l) || (l->pruning.step != PRUNING_STATE && now >= l->pruning.at);
}

bool pruning_states(const struct ledger *l, uint64_t now)
{
	return active(l) && !outdated(l) && l->pruning.step == PRUNING_STATE &&
	       now >= l->pruning.at;
}

uint64_t pruning_next(const struct ledger *l)
{
	return active(l) ? l->pruning.at : 0;
}

static void go(struct ledger *l, enum pruning_step step, uint64_t pause)
{
	l->pruning.step = step;
	l->pruning.at = ledger_now() + pause;
}

int pruning_write(struct ledger *l)
{
	const struct store_prune *round = &l->pruning.round;
	struct store *s = &l->store;
	char body[ENTRY_MAX];
	struct entry e;
	size_t len;
	int r;

	/* it stays where it is until the seal can vouch for it */
	if (!sealing_ready(l)) {
		l->pruning.at = ledger_now() + NS_PER_SEC;
		return 0;
	}
	entry_init(&e, ENTRY_LEDGER_PRUNED, clock_wall());
	e.first = round->first;
	e.last = round->begin - 1;
	e.count = round->begin - round->first;
	snprintf(e.hash, sizeof(e.hash), "%s", round->hash);
	r = entry_format(&e, body, sizeof(body), &len);
	if (r == 0)
		r = store_event(s, LEDGER_ALL_UIDS, 0, body, len);
	if (r == 0)
		r = store_meta_put(s, STORE_SEAL_FIRST, round->begin);
	if (r == 0)
		r = store_meta_put(s, STORE_BEGIN_AT, round->begin);
	l->pruning.written = r == 0;
	return r;
}

void pruning_committed(struct ledger *l)
{
	const struct store_prune *round = &l->pruning.round;

	if (!l->pruning.written)
		return;
	l->pruning.written = false;
	l->store.begin = round->begin;
	memcpy(l->shared.stats.seal_key, round->key, sizeof(round->key));
	go(l, PRUNING_EVENTS, 0);
}

void pruning_failed(struct ledger *l, uint64_t retry_at)
{
	l->pruning.written = false;
	if (l->pruning.at < retry_at)
		l->pruning.at = retry_at;
}

/* What was found is worth an event where it is more than what an earlier round left behind. */
static bool worth_it(const struct ledger *l)
{
	return l->pruning.round.begin > 0 && l->pruning.round.others > 0 && l->sealing.on;
}

/*
 * A clock that was set far ahead, by mistake or not, must not make all events old at once: from
 * round to round it is believed no more than DRIFT_NS beyond the time that has passed since. At
 * first there is what the newest event says that the start has found.
 */
static uint64_t believed_now(struct ledger *l)
{
	struct pruning *p = &l->pruning;
	uint64_t now = clock_wall(), at = ledger_now(), most;

	if (p->now_at == 0) {
		p->now = l->store.newest_at != 0 ? l->store.newest_at : now;
		p->now_at = at;
	}
	most = p->now + (at - p->now_at) + DRIFT_NS;
	if (now > most) {
		log_warning("ledger: the clock is far ahead of the last events; little is taken "
			    "for old");
		now = most;
	}
	p->now = now;
	p->now_at = at;
	return now;
}

static void look(struct ledger *l)
{
	struct store_prune *round = &l->pruning.round;
	uint64_t retain = l->pruning.retain, now;
	int r;

	if (round->cutoff == 0) {
		now = believed_now(l);
		round->cutoff = now > retain ? now - retain : 1;
	}
	r = store_prune_look(&l->store, round);
	if (r == 0) {
		go(l, PRUNING_LOOK, PAUSE_NS);
	} else if (r > 0 && worth_it(l)) {
		go(l, PRUNING_STATE, 0);
	} else {
		round->at = 0;
		go(l, PRUNING_ROWS, 0);
	}
	if (r < 0)
		log_error("ledger: what is old cannot be looked for: %s", l->store.error);
}

static void end_round(struct ledger *l)
{
	l->pruning.round = (struct store_prune){0};
	pthread_mutex_lock(&l->lock);
	l->shared.stats.rounds++;
	pthread_mutex_unlock(&l->lock);
}

static void remove_events(struct ledger *l)
{
	int r = l->store.begin > 0 ? store_prune_events(&l->store) : 1;

	if (r == 0) {
		go(l, PRUNING_EVENTS, PAUSE_NS);
		return;
	}
	if (r < 0)
		log_error("ledger: old events cannot be removed: %s", l->store.error);
	else if (l->pruning.round.begin > 0)
		log_info("ledger: %" PRIu64 " events before event %" PRIu64 " were removed",
			l->pruning.round.begin - l->pruning.round.first, l->pruning.round.begin);
	ledger_measure(l);
	l->pruning.round.at = 0;
	/* at a start it is not known what the round was for */
	if (l->pruning.round.cutoff == 0) {
		end_round(l);
		go(l, PRUNING_LOOK, 0);
	} else {
		go(l, PRUNING_ROWS, 0);
	}
}

static void remove_rows(struct ledger *l)
{
	int r = store_prune_rows(&l->store, &l->pruning.round);

	if (r == 0) {
		go(l, PRUNING_ROWS, PAUSE_NS);
		return;
	}
	if (r < 0)
		log_error("ledger: old sessions cannot be removed: %s", l->store.error);
	end_round(l);
	go(l, PRUNING_LOOK, round_ns(l->pruning.retain));
}

/* The retention is read here alone, so that one round goes by one time. */
static void take_retention(struct ledger *l)
{
	pthread_mutex_lock(&l->lock);
	if (outdated(l)) {
		l->pruning.retain = l->shared.retain;
		l->pruning.round = (struct store_prune){0};
		l->pruning.step = PRUNING_LOOK;
	}
	pthread_mutex_unlock(&l->lock);
}

void pruning_step(struct ledger *l)
{
	take_retention(l);
	switch (l->pruning.step) {
	case PRUNING_EVENTS:
		remove_events(l);
		break;
	case PRUNING_ROWS:
		remove_rows(l);
		break;
	case PRUNING_LOOK:
		look(l);
		break;
	case PRUNING_STATE:
		break;
	}
}

void ledger_retain(struct ledger *l, uint64_t ns)
{
	pthread_mutex_lock(&l->lock);
	l->shared.retain_known = true;
	l->shared.retain = ns;
	pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
}
