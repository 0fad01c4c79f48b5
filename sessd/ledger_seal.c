/*
 * The checkpoints of the ledger. One is the last event of a commit, so that it covers that commit.
 * When it is on disk, the secret that signed it is replaced; until that has succeeded there is no
 * other checkpoint. Who waits for a login does not wait for this: callers are answered before.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/sid.h"
#include "common/timestamp.h"
#include "sessd/fault.h"
#include "sessd/ledger_state.h"
#include "sessd/log.h"

static const char first_start[] = "the ledger begins";

static bool has_new(const struct ledger *l)
{
	return l->store.head.seq > l->sealing.seq;
}

bool sealing_due(const struct ledger *l, uint64_t now)
{
	if (!l->sealing.on)
		return false;
	return l->shared.seals.head != NULL || (l->shared.stopping && l->sealing.due != 0) ||
	       (l->sealing.due != 0 && now >= l->sealing.due);
}

/* Is the secret a fresh one? */
static bool keep(struct ledger *l)
{
	char *error = l->sealing.error;
	int r = seal_keep(&l->sealing.seal);

	if (r < 0 && error[0] == '\0') {
		snprintf(error, sizeof(l->sealing.error),
			"the secret of its seal cannot be replaced: %s", strerror(-r));
		log_error("ledger: %s; until then no event is sealed", error);
	} else if (r == 0 && error[0] != '\0') {
		log_info("ledger: the secret of its seal was replaced");
		error[0] = '\0';
	}
	return r == 0;
}

bool sealing_ready(struct ledger *l)
{
	return l->sealing.on && keep(l);
}

/* With the lock: what is told of it. */
static void note(struct ledger *l)
{
	struct ledger_stats *stats = &l->shared.stats;

	stats->unsealed = l->store.head.seq - l->sealing.seq;
	memcpy(stats->seal_error, l->sealing.error, sizeof(stats->seal_error));
}

int sealing_write(struct ledger *l, bool wanted, uint64_t now)
{
	struct store *s = &l->store;
	char body[ENTRY_MAX];
	size_t len;
	int r;

	l->sealing.written = false;
	if (!l->sealing.on || s->next.seq == l->sealing.seq ||
		(!wanted && s->next.seq - l->sealing.seq < SEALING_EVENTS))
		return 0;
	if (!keep(l)) {
		l->sealing.due = now + NS_PER_SEC;
		return 0;
	}
	r = seal_sign(&l->sealing.seal, &s->next, clock_wall(), body, sizeof(body), &len);
	if (r == 0)
		r = store_event(s, LEDGER_ALL_UIDS, 0, body, len);
	if (r == 0)
		r = store_seal_put(s, STORE_SEAL_LAST);
	l->sealing.written = r == 0;
	fault_point(FAULT_seal_signed);
	return r;
}

void sealing_committed(struct ledger *l, uint64_t now)
{
	struct sealing *sealing = &l->sealing;

	if (sealing->written) {
		sealing->seq = l->store.head.seq;
		sealing->due = 0;
		l->shared.stats.sealed_at = clock_wall();
		seal_head_text(&l->store.head, l->shared.stats.checkpoint);
	} else if (sealing->on && sealing->due == 0 && has_new(l)) {
		sealing->due = now + SEALING_NS;
	}
	note(l);
}

static void tell(struct ledger *l, int result)
{
	struct call *call;

	while ((call = calls_pop(&l->shared.seals)) != NULL) {
		call->result = result;
		calls_push(&l->shared.finished, call);
	}
	ledger_tell_loop(l);
}

void sealing_failed(struct ledger *l, int result, uint64_t retry_at)
{
	l->sealing.written = false;
	/* where nothing but the checkpoint failed, it is what is tried again */
	if (l->sealing.due != 0)
		l->sealing.due = retry_at;
	if (l->shared.seals.head != NULL)
		tell(l, result);
}

void sealing_finish(struct ledger *l)
{
	struct sealing *sealing = &l->sealing;
	bool ok;

	if (sealing->written) {
		fault_point(FAULT_seal_committed);
		seal_evolve(&sealing->seal);
		keep(l);
		/* only this thread writes it */
		log_info("ledger: checkpoint %s", l->shared.stats.checkpoint);
		ledger_measure(l);
	}
	sealing->written = false;
	ok = !has_new(l);
	pthread_mutex_lock(&l->lock);
	note(l);
	if (l->shared.seals.head != NULL && (ok || sealing->error[0] != '\0'))
		tell(l, ok ? 0 : -EIO);
	pthread_mutex_unlock(&l->lock);
}

static int write_start(struct store *s, const struct entry *e)
{
	char body[ENTRY_MAX];
	size_t len;
	int r;

	r = entry_format(e, body, sizeof(body), &len);
	if (r == 0)
		r = store_begin(s);
	if (r == 0)
		r = store_event(s, LEDGER_ALL_UIDS, 0, body, len);
	if (r == 0)
		r = store_seal_put(s, STORE_SEAL_LAST);
	if (r == 0)
		r = store_seal_put(s, STORE_SEAL_FIRST);
	if (r == 0)
		r = store_commit(s);
	if (r < 0)
		store_rollback(s);
	return r;
}

/* The ledger is sealed from here on with a key of its own. */
static int start(struct ledger *l, const char *why)
{
	struct entry e;
	int r;

	seal_make(&l->sealing.seal);
	r = seal_keep(&l->sealing.seal);
	if (r < 0)
		return r;
	entry_init(&e, ENTRY_SEAL_STARTED, clock_wall());
	snprintf(e.text, sizeof(e.text), "%s", why);
	hex_encode(l->sealing.seal.key, SEAL_KEY, e.next_key);
	r = write_start(&l->store, &e);
	if (r < 0)
		return r;
	l->sealing.seq = l->store.head.seq;
	log_line(why == first_start ? LOG_INFO : LOG_ERR,
		"ledger: it is sealed with a new key from now on (%s); keep this public one on "
		"another machine: %s",
		why, e.next_key);
	return 0;
}

/* The ledger names no key. */
static const char *why_unsealed(const struct ledger *l)
{
	if (l->store.head.seq > 1)
		return "it was not sealed before";
	/* not first_start, so that it is loud: a ledger may have been taken away */
	if (seal_exists(&l->sealing.seal))
		return "the ledger begins; there is the secret of another one, or of a start that "
		       "was cut off";
	return first_start;
}

/* Goes on with the key that the ledger names; else *ret_why says why there must be another one. */
static int resume(struct ledger *l, const char **ret_why)
{
	struct store *s = &l->store;
	struct seal_line last;
	size_t len;
	int r;

	r = store_seal_get(s, STORE_SEAL_LAST, &l->sealing.seq, &len);
	if (r == -ENOENT)
		*ret_why = why_unsealed(l);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	seal_read(s->line, len, &last);
	if (last.kind != SEAL_STARTED && last.kind != SEAL_CHECKPOINT) {
		*ret_why = "the ledger does not say with which key it was sealed before";
		return 0;
	}
	if (last.kind == SEAL_CHECKPOINT)
		l->shared.stats.sealed_at = chain_time(s->line, len);
	r = seal_load(&l->sealing.seal, last.next_key);
	if (r == -ENOENT)
		*ret_why = "the secret key of its seal is gone";
	else if (r == -EKEYREJECTED)
		*ret_why = "the secret key of its seal is not the one that the ledger names";
	return r == -ENOENT || r == -EKEYREJECTED ? 0 : r;
}

/* The key with which the seal begins, and the last checkpoint if there was none after it. */
static int describe(struct ledger *l)
{
	struct ledger_stats *stats = &l->shared.stats;
	struct seal_line first;
	uint64_t seq;
	size_t len;
	int r;

	r = store_seal_get(&l->store, STORE_SEAL_FIRST, &seq, &len);
	if (r < 0)
		return r;
	seal_read(l->store.line, len, &first);
	if (first.kind != SEAL_STARTED && first.kind != SEAL_CHECKPOINT)
		return -EBADMSG;
	hex_encode(
		first.kind == SEAL_STARTED ? first.next_key : first.key, SEAL_KEY, stats->seal_key);
	stats->seq = l->store.head.seq;
	return 0;
}

/* With the lock. The last checkpoint was the last event: it stands for the head as it is. */
static void note_head(struct ledger *l)
{
	struct sealing *sealing = &l->sealing;

	if (has_new(l))
		sealing->due = ledger_now() + SEALING_NS;
	else
		seal_head_text(&l->store.head, l->shared.stats.checkpoint);
}

static int begin(struct ledger *l)
{
	const char *why = NULL;
	int r;

	l->sealing.wanted = true;
	r = seal_init(&l->sealing.seal, l->dir);
	if (r == 0)
		r = resume(l, &why);
	if (r == 0 && why != NULL)
		r = start(l, why);
	if (r == 0)
		r = describe(l);
	if (r < 0)
		return r;
	note_head(l);
	l->sealing.on = true;
	/* what a crash left undone; where it cannot be done, the next checkpoint tries again */
	keep(l);
	return 0;
}

/* With the lock; what failed is logged, and told until it is mended. */
static int try_begin(struct ledger *l)
{
	int r = begin(l);

	if (r < 0) {
		snprintf(l->sealing.error, sizeof(l->sealing.error), "%s", strerror(-r));
		log_error("ledger: it cannot be sealed: %s", strerror(-r));
	}
	note(l);
	return r;
}

int ledger_seal(struct ledger *l)
{
	int r;

	assert(l->loop_side.appended == 0);
	/* the thread has nothing to do yet, and so does not use the store */
	pthread_mutex_lock(&l->lock);
	r = try_begin(l);
	l->loop_side.stats = l->shared.stats;
	if (r == 0)
		pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
	return r;
}

void sealing_restart(struct ledger *l)
{
	bool wanted = l->sealing.wanted;

	seal_fini(&l->sealing.seal);
	l->sealing = (struct sealing){0};
	pthread_mutex_lock(&l->lock);
	l->shared.stats.checkpoint[0] = l->shared.stats.seal_key[0] = '\0';
	l->shared.stats.sealed_at = 0;
	if (wanted)
		try_begin(l);
	else
		note(l);
	pthread_mutex_unlock(&l->lock);
}
