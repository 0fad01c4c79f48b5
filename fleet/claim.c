/*
 * The host's name in the fleet. It is claimed once, with a nonce that is this boot's: whoever comes
 * with another nonce while the first is alive is refused, so that two machines that were given one
 * name do not answer for each other.
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
	if (strcmp(a->claim.words, text) != 0)
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
	a->claim.words[0] = '\0';
	a->claim.failures = 0;
	/* with another challenge then */
	timer_set(&a->timers, &a->claim.timer, a->claim.challenge_until, again, a);
	if (a->claim.joined)
		return;
	a->claim.joined = true;
	log_info("host %s has joined the fleet", a->o.host);
	members_dirty(a);
}

/* Whose it is, as of its revision; then it is ours, unless somebody was quicker. */
static void on_read(void *ctx, const struct etcd_answer *answer)
{
	struct agent *a = ctx;
	const char *parts[KEY_PARTS] = {a->o.host};
	struct reply_kvs kvs = {0};
	struct key host, alive;
	json_t *txn;
	char *value;
	bool own;

	a->claim.call = NULL;
	if (answer->outcome != ETCD_DONE || reply_range(answer->root, &kvs) < 0) {
		not_joined(a,
			answer->outcome == ETCD_DONE ? "what answers is not etcd" : answer->words);
		return;
	}
	key_make(&host, KEY_HOST, parts, false);
	key_make(&alive, KEY_ALIVE, parts, false);
	own = kvs.n > 0 && is_own(a, &kvs.kv[0]);
	value = claim_value(a);
	txn = query_txn();
	if (kvs.n > 0)
		query_txn_if_unchanged(txn, &host, kvs.kv[0].mod_revision);
	else
		query_txn_if_absent(txn, &host);
	if (!own)
		query_txn_if_absent(txn, &alive);
	query_txn_put(txn, value != NULL ? query_put(&host, value, 0) : NULL);
	free(value);
	query_txn_put(txn, query_put(&alive, a->claim.nonce, a->lease.id));
	reply_kvs_fini(&kvs);
	ask(a, ETCD_WRITE, ETCD_TXN, txn, on_claimed);
}

void claim_begin(struct agent *a)
{
	const char *parts[KEY_PARTS] = {a->o.host};
	struct key host;

	timer_cancel(&a->claim.timer);
	if (a->lease.id == 0 || a->claim.call != NULL)
		return;
	key_make(&host, KEY_HOST, parts, false);
	ask(a, ETCD_READ, ETCD_RANGE, query_range(&host, 0), on_read);
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
