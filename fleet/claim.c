/*
 * The host's name in the fleet. It is claimed once, with a nonce that is this boot's: whoever comes
 * with another nonce while the first is alive is refused, so that two machines that were given one
 * name do not answer for each other. Each of the two keys is enough to be known by: what somebody
 * has taken out of the store is found to be missing, and is put there again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/query.h"
#include "fleet/reply.h"

#define TIMEOUT	    (5 * NS_PER_SEC)
#define REST	    (2 * NS_PER_SEC)
#define NONCE_BYTES 16
/* Of a transaction's ranges. */
enum { HOST, ALIVE, KEYS };

/* In a folder that lasts as long as this boot: so an agent that is started again is the same. */
int claim_init(struct agent *a)
{
	uint8_t bytes[NONCE_BYTES];
	char path[4096], *nonce = a->claim.nonce;
	ssize_t n;
	int fd, r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/nonce", a->o.state_dir) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	n = read(fd, nonce, 2 * NONCE_BYTES);
	if (n != 2 * NONCE_BYTES || strspn(nonce, "0123456789abcdef") != 2 * NONCE_BYTES) {
		randombytes_buf(bytes, sizeof(bytes));
		hex_encode(bytes, sizeof(bytes), nonce);
		if (ftruncate(fd, 0) < 0 ||
			pwrite(fd, nonce, 2 * NONCE_BYTES, 0) != 2 * NONCE_BYTES)
			r = -EIO;
	}
	close(fd);
	return r;
}

static void again(void *ctx)
{
	claim_begin(ctx);
}

void claim_trouble(struct agent *a, const char *words)
{
	char text[sizeof(a->claim.words)];

	text_escape(words, strlen(words), text, sizeof(text));
	if (strcmp(a->claim.words, text) != 0 && a->claim.joined)
		log_warning("the name of host %s cannot be confirmed: %s", a->o.host, text);
	else if (strcmp(a->claim.words, text) != 0)
		log_warning("host %s has not joined the fleet: %s", a->o.host, text);
	memcpy(a->claim.words, text, sizeof(text));
}

bool claim_challenge(const struct reply_kv *kv, char ret[SID_HEX + 1])
{
	json_t *value = reply_json(kv->value, kv->value_len);
	struct sid sid;

	reply_text(value, "challenge", ret, SID_HEX + 1);
	json_decref(value);
	return sid_parse(ret, &sid);
}

static bool is_own(const struct agent *a, const struct reply_kv *kv)
{
	json_t *value = reply_json(kv->value, kv->value_len);
	char nonce[sizeof(a->claim.nonce)];

	reply_text(value, "nonce", nonce, sizeof(nonce));
	json_decref(value);
	return strcmp(nonce, a->claim.nonce) == 0;
}

static bool is_alive(const struct agent *a, const struct reply_kv *kv)
{
	return kv->value_len == strlen(a->claim.nonce) &&
	       memcmp(kv->value, a->claim.nonce, kv->value_len) == 0;
}

/* What the claim says; to be freed. NULL: no memory, or no challenge can be issued. */
static char *claim_value(struct agent *a)
{
	char hex[SID_HEX + 1], *text;
	struct sid challenge;
	json_t *value;
	int r = challenges_current(
		&a->challenges, clock_boot(), &challenge, &a->claim.challenge_until);

	if (r < 0) {
		log_error("no challenge for orders can be kept: %s", strerror(-r));
		return NULL;
	}
	value = json_pack(
		"{s:s,s:s}", "nonce", a->claim.nonce, "challenge", sid_hex(&challenge, hex));
	text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
	json_decref(value);
	return text;
}

static void not_joined(struct agent *a, const char *words)
{
	claim_trouble(a, words);
	timer_set(&a->timers, &a->claim.timer,
		clock_boot() + timer_backoff(&a->claim.failures, REST, lease_patience(&a->lease)),
		again, a);
}

static void ask(struct agent *a, enum etcd_kind kind, const char *path, json_t *body,
	void (*done)(void *ctx, const struct etcd_answer *answer))
{
	a->claim.call = etcd_start(a->etcd, &(struct etcd_request){.kind = kind,
						    .path = path,
						    .body = body,
						    .deadline = clock_boot() + TIMEOUT,
						    .done = done,
						    .ctx = a});
	if (a->claim.call == NULL)
		not_joined(a, "out of memory");
}

/* All is there: that is looked at again now and then, and when another challenge is due. */
static void settled(struct agent *a)
{
	uint64_t when = clock_boot() + timer_jitter(a->o.lease_ttl * NS_PER_SEC);

	a->claim.words[0] = '\0';
	a->claim.failures = 0;
	if (when > a->claim.challenge_until)
		when = a->claim.challenge_until;
	timer_set(&a->timers, &a->claim.timer, when, again, a);
}

static void on_claimed(void *ctx, const struct etcd_answer *answer)
{
	struct agent *a = ctx;
	struct reply_txn txn;

	a->claim.call = NULL;
	if (answer->outcome != ETCD_DONE || reply_txn(answer->root, &txn) < 0) {
		not_joined(a,
			answer->outcome == ETCD_DONE ? "what answers is not etcd" : answer->words);
		return;
	}
	reply_kvs_fini(&txn.got);
	a->claim.refused = !txn.succeeded;
	if (!txn.succeeded) {
		not_joined(a, "another host has this name; give each host its own, or wait until "
			      "the lease of the other one is over");
		return;
	}
	a->revision = txn.revision;
	settled(a);
	if (a->claim.joined)
		return;
	a->claim.joined = true;
	log_info("host %s has joined the fleet", a->o.host);
	members_dirty(a);
}

static void make_keys(const struct agent *a, struct key ret[KEYS])
{
	const char *parts[KEY_PARTS] = {a->o.host};

	key_make(&ret[HOST], KEY_HOST, parts, false);
	key_make(&ret[ALIVE], KEY_ALIVE, parts, false);
}

/* Is there nothing that would have to be written? */
static bool is_claimed(const struct agent *a, const struct reply_kvs kvs[KEYS], const char *value)
{
	const struct reply_kv *host = kvs[HOST].kv, *alive = kvs[ALIVE].kv;

	return a->claim.joined && kvs[HOST].n > 0 && kvs[ALIVE].n > 0 &&
	       host->value_len == strlen(value) &&
	       memcmp(host->value, value, host->value_len) == 0 && is_alive(a, alive) &&
	       alive->lease == a->lease.id;
}

/* It is ours, unless it is another's that is alive, or somebody was quicker. */
static json_t *claim(const struct agent *a, const struct reply_kvs kvs[KEYS], const char *value)
{
	bool own = (kvs[HOST].n > 0 && is_own(a, kvs[HOST].kv)) ||
		   (kvs[ALIVE].n > 0 && is_alive(a, kvs[ALIVE].kv));
	json_t *txn = query_txn();
	struct key keys[KEYS];

	make_keys(a, keys);
	if (kvs[HOST].n > 0)
		query_txn_if_unchanged(txn, &keys[HOST], kvs[HOST].kv->mod_revision);
	else
		query_txn_if_absent(txn, &keys[HOST]);
	if (!own)
		query_txn_if_absent(txn, &keys[ALIVE]);
	query_txn_put(txn, query_put(&keys[HOST], value, 0));
	query_txn_put(txn, query_put(&keys[ALIVE], a->claim.nonce, a->lease.id));
	return txn;
}

static void on_read(void *ctx, const struct etcd_answer *answer)
{
	struct agent *a = ctx;
	struct reply_kvs kvs[KEYS];
	unsigned i;
	char *value;

	a->claim.call = NULL;
	if (answer->outcome != ETCD_DONE || reply_ranges(answer->root, kvs, KEYS) < 0) {
		not_joined(a,
			answer->outcome == ETCD_DONE ? "what answers is not etcd" : answer->words);
		return;
	}
	value = claim_value(a);
	if (value == NULL)
		not_joined(a, "it has no challenge for orders");
	else if (is_claimed(a, kvs, value))
		settled(a);
	else
		ask(a, ETCD_WRITE, ETCD_TXN, claim(a, kvs, value), on_claimed);
	free(value);
	for (i = 0; i < KEYS; i++)
		reply_kvs_fini(&kvs[i]);
}

void claim_begin(struct agent *a)
{
	struct key keys[KEYS];
	json_t *txn;

	timer_cancel(&a->claim.timer);
	if (a->lease.id == 0 || a->claim.call != NULL)
		return;
	make_keys(a, keys);
	txn = query_txn();
	query_txn_range(txn, query_range(&keys[HOST], 0));
	query_txn_range(txn, query_range(&keys[ALIVE], 0));
	ask(a, ETCD_READ, ETCD_TXN, txn, on_read);
}

void claim_lost(struct agent *a)
{
	claim_stop(a);
	a->claim.joined = false;
}

void claim_stop(struct agent *a)
{
	etcd_cancel(a->claim.call);
	a->claim.call = NULL;
	timer_cancel(&a->claim.timer);
}
