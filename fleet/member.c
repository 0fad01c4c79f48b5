/*
 * The sessions of this host as sessd tells them, and what etcd holds of them. Whatever differs is
 * written, many in one transaction, and one transaction at a time: puts and deletions are the same
 * when they are done twice, so what was not heard of is done again.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/query.h"
#include "fleet/reply.h"

/* Operations of one transaction; etcd takes 128. */
#define BATCH	100
#define TIMEOUT (10 * NS_PER_SEC)
#define REST	(300 * NS_PER_MS)
/* A write that was not heard of may still come for so long: servers give up before. */
#define DOUBT (30 * NS_PER_SEC)

static void write_now(void *ctx)
{
	members_write(ctx);
}

static void write_in(struct agent *a, uint64_t ns)
{
	timer_set(&a->timers, &a->registry.timer, clock_boot() + ns, write_now, a);
}

static void write_later(struct agent *a)
{
	write_in(a, timer_backoff(&a->registry.failures, REST, lease_patience(&a->lease)));
}

static int order_of(const void *a, const void *b)
{
	return memcmp(&((const struct member *)a)->sid, &((const struct member *)b)->sid,
		sizeof(struct sid));
}

struct member *member_find(const struct agent *a, const struct sid *sid)
{
	const struct member what = {.sid = *sid};
	struct member **found = tfind(&what, &a->registry.tree, order_of);

	return found != NULL ? *found : NULL;
}

static void clean(struct agent *a, struct member *m)
{
	if (m->dirty)
		TAILQ_REMOVE(&a->registry.dirty, m, link);
	m->dirty = false;
}

static void member_free(void *member)
{
	struct member *m = member;

	free(m->user);
	free(m->value);
	free(m->caps);
	free(m);
}

static void forget(struct agent *a, struct member *m)
{
	clean(a, m);
	tdelete(m, &a->registry.tree, order_of);
	a->registry.n--;
	member_free(m);
}

void member_dirty(struct agent *a, struct member *m)
{
	if (m->dirty)
		return;
	m->dirty = true;
	TAILQ_INSERT_TAIL(&a->registry.dirty, m, link);
	/* in the next turn: whatever else happens in this one goes with it */
	if (!a->registry.timer.set)
		write_in(a, 0);
}

void member_key(const struct agent *a, const struct member *m, struct key *ret)
{
	char sid[SID_HEX + 1];
	const char *parts[KEY_PARTS] = {m->user, a->o.host, sid_hex(&m->sid, sid)};

	/* a user without a name has none of the fleet's caps either */
	if (!key_make(ret, KEY_SESSION, parts, false)) {
		parts[0] = "%";
		key_make(ret, KEY_SESSION, parts, false);
	}
}

/* As etcd holds it: also what other hosts show of it. */
static char *value_of(const struct agent *a, const struct wire_member *msg)
{
	json_t *value = json_pack("{s:I,s:s,s:s,s:I,s:[]}", "uid", (json_int_t)msg->uid, "service",
		msg->service, "rhost", msg->rhost, "opened_at", (json_int_t)msg->opened_at, "caps");
	char *text;
	unsigned i;

	for (i = 0; i < a->n_caps; i++)
		json_array_append_new(
			json_object_get(value, "caps"), json_string(a->caps[i].policy));
	text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
	json_decref(value);
	return text;
}

static struct member *member_new(struct agent *a, const struct sid *sid)
{
	struct member *m;

	if (a->registry.n >= MEMBERS_MAX)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->sid = *sid;
	if (tsearch(m, &a->registry.tree, order_of) == NULL) {
		free(m);
		return NULL;
	}
	a->registry.n++;
	return m;
}

struct member *member_tell(struct agent *a, const struct wire_member *msg)
{
	struct member *m = member_find(a, &msg->sid);
	char *user = strdup(msg->user), *value = value_of(a, msg);
	struct cap *caps = malloc((a->n_caps + 1) * sizeof(*caps));
	bool same;

	if (user == NULL || value == NULL || caps == NULL ||
		(m == NULL && (m = member_new(a, &msg->sid)) == NULL)) {
		log_error("a session of %s: not registered: out of memory", msg->user);
		free(user);
		free(value);
		free(caps);
		return NULL;
	}
	same = m->value != NULL && strcmp(m->value, value) == 0 && strcmp(m->user, user) == 0;
	memcpy(caps, a->caps, a->n_caps * sizeof(*caps));
	free(m->user);
	free(m->value);
	free(m->caps);
	m->user = user;
	m->value = value;
	m->caps = caps;
	m->n_caps = a->n_caps;
	m->present = m->seen = true;
	m->seeking = msg->seeks;
	m->registered = m->registered && same;
	if (!m->registered && !m->seeking)
		member_dirty(a, m);
	return m;
}

static void gone(struct agent *a, struct member *m)
{
	/* it may seek one yet, or have one that it was not heard of */
	place_forget(a, &m->sid);
	m->present = false;
	m->seeking = false;
	/* its key may be there also where nobody has told so */
	member_dirty(a, m);
}

void member_left(struct agent *a, const struct sid *sid)
{
	struct member *m = member_find(a, sid);

	if (m != NULL)
		gone(a, m);
}

void member_doubt(struct agent *a, struct member *m)
{
	m->doubt_until = clock_boot() + DOUBT;
	if (!m->present)
		member_dirty(a, m);
}

/* twalk_r(3) gives each more than once: postorder and leaf are once each. */
struct walk {
	struct agent *agent;
	void (*fn)(struct agent *a, struct member *m, struct walk *walk);
	const char *user, *policy;
	unsigned n;
	struct member **found; /* those that are to be changed when the walk is over */
};

static void step(const void *node, VISIT visit, void *ctx)
{
	struct walk *walk = ctx;

	if (visit == postorder || visit == leaf)
		walk->fn(walk->agent, *(struct member *const *)node, walk);
}

static void unsee(struct agent *a, struct member *m, struct walk *walk)
{
	(void)a;
	(void)walk;
	m->seen = false;
}

void members_begin(struct agent *a)
{
	struct walk walk = {.agent = a, .fn = unsee};

	a->registry.complete = false;
	twalk_r(a->registry.tree, step, &walk);
}

static void miss(struct agent *a, struct member *m, struct walk *walk)
{
	(void)walk;
	if (!m->seen && m->present)
		gone(a, m);
}

void members_complete(struct agent *a)
{
	struct walk walk = {.agent = a, .fn = miss};

	a->registry.complete = true;
	twalk_r(a->registry.tree, step, &walk);
}

static void write_anew(struct agent *a, struct member *m, struct walk *walk)
{
	(void)walk;
	m->registered = false;
	if (!m->seeking)
		member_dirty(a, m);
}

void members_dirty(struct agent *a)
{
	struct walk walk = {.agent = a, .fn = write_anew};

	/* what failed under the lease before is no reason to wait */
	a->registry.failures = 0;
	write_in(a, 0);
	twalk_r(a->registry.tree, step, &walk);
}

static void count(struct agent *a, struct member *m, struct walk *walk)
{
	unsigned i;

	(void)a;
	if (!m->present || m->seeking || m->registered || strcmp(m->user, walk->user) != 0)
		return;
	for (i = 0; i < m->n_caps; i++)
		walk->n += strcmp(m->caps[i].policy, walk->policy) == 0;
}

unsigned members_unlisted(const struct agent *a, const char *user, const char *policy)
{
	struct walk walk = {.fn = count, .user = user, .policy = policy};

	/* as a rule all are registered */
	if (!TAILQ_EMPTY(&a->registry.dirty))
		twalk_r(a->registry.tree, step, &walk);
	return walk.n;
}

/* --- The write --- */

/* Those of the write that is under way. */
struct batch {
	size_t n;
	uint64_t lease; /* that it was written under */
	struct {
		struct member *m;
		bool present; /* as it was written */
	} row[BATCH];
};

static void settle(struct agent *a, struct member *m, bool present, uint64_t revision)
{
	if (present)
		overshoot_note(a, m, revision);
	m->registered = present;
	if (m->present != present) {
		member_dirty(a, m);
	} else if (!present && m->doubt_until > clock_boot()) {
		/* once more when nothing of it can come any more */
		member_dirty(a, m);
	} else if (!present) {
		forget(a, m);
	}
}

static void on_written(void *ctx, const struct etcd_answer *answer)
{
	struct agent *a = ctx;
	struct batch *batch = a->registry.batch;
	struct reply_txn txn;
	bool done = answer->outcome == ETCD_DONE && reply_txn(answer->root, &txn) == 0, lost;
	struct member *m;
	size_t i;

	a->registry.call = NULL;
	a->registry.batch = NULL;
	if (done) {
		a->revision = txn.revision;
		reply_kvs_fini(&txn.got);
	}
	for (i = 0; i < batch->n; i++) {
		m = batch->row[i].m;
		m->in_flight = false;
		if (done) {
			settle(a, m, batch->row[i].present, txn.revision);
			continue;
		}
		if (answer->outcome == ETCD_UNKNOWN)
			member_doubt(a, m);
		member_dirty(a, m);
	}
	/* of one that was lost meanwhile it says nothing new */
	lost = answer->outcome == ETCD_REFUSED && batch->lease == a->lease.id &&
	       strstr(answer->words, "lease not found") != NULL;
	free(batch);
	if (done) {
		a->registry.failures = 0;
		members_write(a);
		return;
	}
	if (lost)
		lease_forget(&a->lease);
	else
		log_warning("sessions are not registered yet: %s", answer->words);
	write_later(a);
}

/* One that has gone, and of which a write may still come, waits until it cannot. */
static bool must_wait(const struct member *m, uint64_t now)
{
	return !m->present && !m->registered && m->doubt_until > now;
}

static json_t *fill(struct agent *a, struct batch *batch)
{
	uint64_t now = clock_boot(), wait = 0;
	json_t *txn = query_txn();
	struct member *m, *next;
	struct key key;

	for (m = TAILQ_FIRST(&a->registry.dirty); m != NULL && batch->n < BATCH; m = next) {
		next = TAILQ_NEXT(m, link);
		if (must_wait(m, now)) {
			wait = m->doubt_until - now + NS_PER_MS;
			continue;
		}
		clean(a, m);
		member_key(a, m, &key);
		if (m->present)
			query_txn_put(txn, query_put(&key, m->value, a->lease.id));
		else
			query_txn_delete(txn, query_delete(&key));
		m->in_flight = true;
		batch->row[batch->n].m = m;
		batch->row[batch->n++].present = m->present;
	}
	if (batch->n == 0 && wait > 0)
		timer_set(&a->timers, &a->registry.late, now + wait, write_now, a);
	return txn;
}

void members_write(struct agent *a)
{
	struct batch *batch;
	json_t *txn;

	if (!agent_joined(a) || a->registry.call != NULL || a->registry.timer.set ||
		TAILQ_EMPTY(&a->registry.dirty))
		return;
	batch = calloc(1, sizeof(*batch));
	if (batch == NULL) {
		write_later(a);
		return;
	}
	a->registry.batch = batch;
	batch->lease = a->lease.id;
	txn = fill(a, batch);
	if (batch->n == 0) {
		json_decref(txn);
		free(batch);
		a->registry.batch = NULL;
		return;
	}
	a->registry.call = etcd_start(a->etcd, &(struct etcd_request){.kind = ETCD_WRITE,
						       .path = ETCD_TXN,
						       .body = txn,
						       .deadline = clock_boot() + TIMEOUT,
						       .done = on_written,
						       .ctx = a});
	if (a->registry.call != NULL)
		return;
	on_written(a, &(struct etcd_answer){.outcome = ETCD_UNREACHABLE, .words = "out of memory"});
}

void members_init(struct agent *a)
{
	TAILQ_INIT(&a->registry.dirty);
}

void members_fini(struct agent *a)
{
	timer_cancel(&a->registry.timer);
	timer_cancel(&a->registry.late);
	etcd_cancel(a->registry.call);
	free(a->registry.batch);
	tdestroy(a->registry.tree, member_free);
	a->registry.tree = NULL;
}
