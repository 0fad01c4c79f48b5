/* What an administrator asks of the fleet: his request came to sessd, and his answer goes by it. */
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/errand.h"
#include "fleet/query.h"
#include "fleet/reply.h"

#define TIMEOUT (5 * NS_PER_SEC)
/* Hosts that are read at a time. */
#define PAGE 2000
/* Messages that sessd has not taken yet: then no more is told for a moment. */
#define MUCH 250

static void errand_free(struct errand *e)
{
	LIST_REMOVE(e, link);
	e->agent->n_errands--;
	etcd_cancel(e->call);
	timer_cancel(&e->timer);
	free(e->hosts);
	free(e->ask);
	free(e);
}

void errands_fini(struct agent *a)
{
	while (!LIST_EMPTY(&a->errands))
		errand_free(LIST_FIRST(&a->errands));
}

static void tell(struct agent *a, uint64_t id, enum wire_type type, const void *msg, bool last)
{
	struct wire_relay relay = {.errand = id, .last = last};
	uint8_t buf[WIRE_BLOB_MAX];
	int r = wire_encode(type, 0, msg, buf, sizeof(buf), &relay.body.len);

	relay.body.data = buf;
	if (r == 0)
		agent_tell(a, WIRE_relay, &relay);
	else
		log_error("an answer of the fleet cannot be encoded: %s", strerror(-r));
}

void errand_tell(struct errand *e, enum wire_type type, const void *msg, bool last)
{
	e->count += !last;
	tell(e->agent, e->id, type, msg, last);
	if (last)
		errand_free(e);
}

static void fail(struct agent *a, uint64_t id, enum wire_errno code, const char *words)
{
	struct wire_error error = {.code = code};

	text_escape(words, strlen(words), error.text, sizeof(error.text));
	tell(a, id, WIRE_error, &error, true);
}

void errand_fail(struct errand *e, enum wire_errno code, const char *words)
{
	fail(e->agent, e->id, code, words);
	errand_free(e);
}

void errand_done(struct errand *e)
{
	struct wire_done done = {.count = e->count};

	errand_tell(e, WIRE_done, &done, true);
}

void errand_ask(struct errand *e, enum etcd_kind kind, const char *path, json_t *body,
	void (*done)(void *ctx, const struct etcd_answer *answer))
{
	e->call = etcd_start(e->agent->etcd, &(struct etcd_request){.kind = kind,
						     .path = path,
						     .body = body,
						     .deadline = clock_boot() + TIMEOUT,
						     .done = done,
						     .ctx = e});
	if (e->call == NULL)
		errand_fail(e, WIRE_E_UNAVAILABLE, "out of memory");
}

bool errand_answered(struct errand *e, const struct etcd_answer *answer)
{
	char words[512];

	e->call = NULL;
	if (answer->outcome == ETCD_DONE)
		return true;
	snprintf(words, sizeof(words), "%s: %s",
		answer->outcome == ETCD_UNKNOWN || e->tries > 0
			? "whether the fleet was told is not known"
			: "the fleet cannot be told",
		answer->words);
	errand_fail(e, WIRE_E_UNAVAILABLE, words);
	return false;
}

bool errand_range(struct errand *e, const struct etcd_answer *answer, struct reply_kvs *ret)
{
	if (!errand_answered(e, answer))
		return false;
	if (reply_range(answer->root, ret) == 0) {
		e->agent->revision = ret->revision;
		return true;
	}
	errand_fail(e, WIRE_E_UNAVAILABLE, "what answers is not etcd");
	return false;
}

json_t *errand_page(const struct errand *e, const struct key *under, int limit)
{
	return e->last_len == 0
		       ? query_range(under, limit)
		       : query_range_after(under, e->last.s, e->last_len, e->page_revision, limit);
}

bool errand_more(struct errand *e, const struct reply_kvs *kvs)
{
	const struct reply_kv *last = kvs->n > 0 ? &kvs->kv[kvs->n - 1] : NULL;

	if (e->last_len == 0)
		e->page_revision = kvs->revision;
	e->last_len = 0;
	if (!kvs->more || last == NULL || last->key_len >= sizeof(e->last.s))
		return false;
	memcpy(e->last.s, last->key, last->key_len + 1);
	e->last_len = last->key_len;
	return true;
}

bool errand_flows(struct errand *e, void (*then)(void *ctx))
{
	if (e->agent->talk.n_asks <= MUCH)
		return true;
	timer_set(&e->agent->timers, &e->timer, clock_boot() + 5 * NS_PER_MS, then, e);
	return false;
}

static void on_lease(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	struct reply_lease lease;
	bool is_there = lease_is_there(answer);

	e->call = NULL;
	if (!is_there && !errand_answered(e, answer))
		return;
	if (!is_there && (reply_lease(answer->root, &lease) < 0 || lease.id != e->lease))
		errand_fail(e, WIRE_E_UNAVAILABLE, "what answers is not etcd");
	else
		e->granted(e);
}

void errand_lease(struct errand *e, uint64_t lasts, void (*granted)(struct errand *e))
{
	e->granted = granted;
	if (e->lease == 0)
		e->lease = lease_new_id();
	errand_ask(e, ETCD_READ, ETCD_GRANT,
		query_lease(e->lease, (lasts + NS_PER_SEC - 1) / NS_PER_SEC), on_lease);
}

bool errand_may(struct errand *e, enum right right)
{
	const struct authority *own = e->agent->o.authority;
	char words[TEXT_LONG_MAX / 2];

	if (own->may & right)
		return true;
	snprintf(words, sizeof(words),
		"the key %s of this host may not %s over the fleet: its line in %s does not say "
		"may=%s",
		own->name, right_name(right), own->signers_path, right_name(right));
	errand_fail(e, WIRE_E_NOT_PERMITTED, words);
	return false;
}

/* --- The hosts --- */

/* Of a host that has no claim. */
static const struct reply_kv none;

static int add_host(struct errand *e, const char *name, const struct reply_kv *kv)
{
	struct tally_host *more = realloc(e->hosts, (e->n_hosts + 1) * sizeof(*more));

	if (more == NULL)
		return -1;
	e->hosts = more;
	more[e->n_hosts] = (struct tally_host){.alive = false};
	snprintf(more[e->n_hosts].name, sizeof(more->name), "%s", name);
	if (!claim_challenge(kv, more[e->n_hosts].challenge))
		more[e->n_hosts].challenge[0] = '\0';
	e->n_hosts++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tally_host *)a)->name, ((const struct tally_host *)b)->name);
}

static void sort_hosts(struct errand *e)
{
	if (e->n_hosts > 0)
		qsort(e->hosts, e->n_hosts, sizeof(*e->hosts), by_name);
	e->n_sorted = e->n_hosts;
}

struct tally_host *errand_host(const struct errand *e, const char *name)
{
	struct tally_host wanted;

	if (e->n_sorted == 0)
		return NULL;
	snprintf(wanted.name, sizeof(wanted.name), "%s", name);
	return bsearch(&wanted, e->hosts, e->n_sorted, sizeof(wanted), by_name);
}

static bool is_meant(const struct errand *e, const char *host)
{
	return e->only[0] == '\0' || strcmp(e->only, host) == 0;
}

/* One that has no claim is no less there: somebody has taken that out of the store, and the host
 * will put it back. It has published no challenge, so what it is ordered now it refuses. */
static int set_alive(struct errand *e, const char *name)
{
	struct tally_host *host = errand_host(e, name);

	if (host == NULL && add_host(e, name, &none) < 0)
		return -1;
	if (host == NULL)
		host = &e->hosts[e->n_hosts - 1];
	host->alive = true;
	return 0;
}

static void ask_some(struct errand *e, const char *kind,
	void (*done)(void *ctx, const struct etcd_answer *answer))
{
	struct key key;

	snprintf(key.s, sizeof(key.s), "%s", kind);
	errand_ask(e, ETCD_READ, ETCD_RANGE, errand_page(e, &key, PAGE), done);
}

static void on_alive(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct reply_kvs kvs = {0};
	size_t i;
	bool more;
	int r = 0;

	if (!errand_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n && r == 0; i++)
		if (key_parse(kvs.kv[i].key, kvs.kv[i].key_len, KEY_ALIVE, 1, parts) &&
			is_meant(e, parts[0]))
			r = set_alive(e, parts[0]);
	more = errand_more(e, &kvs);
	reply_kvs_fini(&kvs);
	/* its session is there: it may come back */
	if (r == 0 && !more && e->only[0] != '\0' && e->n_hosts == 0)
		r = add_host(e, e->only, &none);
	if (r < 0) {
		errand_fail(e, WIRE_E_UNAVAILABLE, "out of memory");
	} else if (more) {
		ask_some(e, KEY_ALIVE, on_alive);
	} else {
		sort_hosts(e);
		e->hosts_known(e);
	}
}

static void on_hosts(void *ctx, const struct etcd_answer *answer)
{
	struct errand *e = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct reply_kvs kvs = {0};
	size_t i;
	bool more;
	int r = 0;

	if (!errand_range(e, answer, &kvs))
		return;
	for (i = 0; i < kvs.n && r == 0; i++)
		if (key_parse(kvs.kv[i].key, kvs.kv[i].key_len, KEY_HOST, 1, parts) &&
			is_meant(e, parts[0]))
			r = add_host(e, parts[0], &kvs.kv[i]);
	more = errand_more(e, &kvs);
	reply_kvs_fini(&kvs);
	if (r < 0) {
		errand_fail(e, WIRE_E_UNAVAILABLE, "out of memory");
	} else if (more) {
		ask_some(e, KEY_HOST, on_hosts);
	} else {
		sort_hosts(e);
		ask_some(e, KEY_ALIVE, on_alive);
	}
}

void errand_hosts(struct errand *e, void (*known)(struct errand *e))
{
	e->hosts_known = known;
	ask_some(e, KEY_HOST, on_hosts);
}

/* --- Its beginning --- */

static void carry_out(struct errand *e)
{
	switch (e->ask->type) {
	case WIRE_list:
		listing_begin(e);
		break;
	case WIRE_revoke:
		revocation_begin(e);
		break;
	case WIRE_lock:
	case WIRE_unlock:
		denial_begin(e);
		break;
	case WIRE_status:
		standing_begin(e);
		break;
	case WIRE_anchor:
		anchor_begin(e);
		break;
	default:
		errand_fail(e, WIRE_E_INVALID, "the fleet cannot be asked that");
	}
}

void errand_begin(struct agent *a, const struct wire_errand *msg)
{
	struct errand *e = a->n_errands < ERRANDS_MAX ? calloc(1, sizeof(*e)) : NULL;
	struct sid order;

	if (e != NULL)
		e->ask = malloc(sizeof(*e->ask));
	if (e == NULL || e->ask == NULL || sid_random(&order) < 0) {
		if (e != NULL)
			free(e->ask);
		free(e);
		fail(a, msg->errand, WIRE_E_UNAVAILABLE, "the fleet is asked too much at a time");
		return;
	}
	e->agent = a;
	e->id = msg->errand;
	memcpy(e->by, msg->by, sizeof(e->by));
	sid_hex(&order, e->order);
	LIST_INSERT_HEAD(&a->errands, e, link);
	a->n_errands++;
	if (wire_decode(msg->body.data, msg->body.len, e->ask) < 0)
		errand_fail(e, WIRE_E_PROTOCOL, wire_error_words(WIRE_E_PROTOCOL));
	else
		carry_out(e);
}
