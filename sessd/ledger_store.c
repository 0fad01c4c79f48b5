/*
 * The store of the ledger: opened at the start, or a new one in place of a damaged one, also in the
 * middle of the work. The new one takes over the rows of what lives, and its first event cites the
 * last checkpoint of the other, so that an auditor can tell what he should find in the file that
 * was set aside.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/sid.h"
#include "common/timestamp.h"
#include "sessd/ledger_state.h"
#include "sessd/log.h"

/* The first event of a new ledger says why it begins. */
static int write_first(struct store *s, const char *why, const struct chain *cited)
{
	char body[ENTRY_MAX];
	struct entry e;
	size_t len;
	int r;

	entry_init(&e, ENTRY_LEDGER_STARTED, clock_wall());
	snprintf(e.text, sizeof(e.text), "%s", why);
	if (cited->seq > 0) {
		e.last = cited->seq;
		hex_encode(cited->hash, CHAIN_HASH, e.hash);
	}
	r = entry_format(&e, body, sizeof(body), &len);
	return r == 0 ? store_event(s, LEDGER_ALL_UIDS, 0, body, len) : r;
}

/* Where no checkpoint can be read, at least the key that was to sign the next one. */
static void cite_key(const struct ledger *l, char *out, size_t size)
{
	char hex[SEAL_KEY_HEX + 1];
	uint8_t key[SEAL_KEY];
	struct seal seal;

	snprintf(out, size, "no checkpoint could be found in it");
	if (seal_init(&seal, l->dir) == 0 && seal_peek(&seal, key) == 0)
		snprintf(out, size,
			"no checkpoint could be found in it; the key that was to sign the next one "
			"is %s",
			hex_encode(key, SEAL_KEY, hex));
	seal_fini(&seal);
}

/* The words of the first event. */
static void explain(const struct ledger *l, const char *name, const char *damage, uint64_t seq,
	const struct store_salvage *found, char ret_why[TEXT_LONG_MAX + 1])
{
	char cited[SEAL_KEY_HEX + 100], head[SEAL_HEAD_TEXT];

	if (found->checkpoint.seq > 0) {
		seal_head_text(&found->checkpoint, head);
		snprintf(cited, sizeof(cited), "its last checkpoint is %s", head);
	} else {
		cite_key(l, cited, sizeof(cited));
	}
	snprintf(ret_why, TEXT_LONG_MAX + 1,
		"the ledger before is damaged (%s) and was set aside as %s; the last event that "
		"could be found in it is %" PRIu64 "; %s; taken over: %" PRIu64
		" live sessions, %" PRIu64 " locks",
		damage[0] != '\0' ? damage : "the log has how", name,
		seq > found->seq ? seq : found->seq, cited, found->sessions, found->locks);
}

/* In the transaction. Where a damaged file was set aside: takes over what lives. */
static int fill(struct ledger *l, const char *path, const char *damage, uint64_t seq,
	char why[TEXT_LONG_MAX + 1])
{
	struct store_salvage found = {0};
	char name[256];
	int r;

	r = store_aside(path, name, sizeof(name));
	if (r == -ENOENT)
		return write_first(&l->store, why, &found.checkpoint);
	if (r == 0)
		r = store_salvage(&l->store, path, &found);
	if (r < 0)
		return r;
	explain(l, name, damage, seq, &found, why);
	return write_first(&l->store, why, &found.checkpoint);
}

static int begin(struct ledger *l, const char *path, const char *damage, uint64_t seq)
{
	char why[TEXT_LONG_MAX + 1] = CHAIN_FIRST_START;
	struct store *s = &l->store;
	int r = store_begin(s);

	if (r == 0)
		r = fill(l, path, damage, seq, why);
	if (r == 0)
		r = store_commit(s);
	if (r < 0)
		store_rollback(s);
	else if (strcmp(why, CHAIN_FIRST_START) != 0)
		log_error("ledger: a new one begins: %s", why);
	return r;
}

/* `damage` and `seq` (of the last event that is known) are of a file that was just closed, or "".
 */
static int open_or_begin(
	struct ledger *l, const char *path, char *damage, size_t size, uint64_t seq)
{
	struct store *s = &l->store;
	int r = damage[0] != '\0' ? -EBADMSG : store_open(s, path);

	if (r == -EBADMSG) {
		if (damage[0] == '\0') {
			snprintf(damage, size, "%s", s->error);
			seq = s->known_seq;
		}
		r = store_set_aside(path);
		if (r < 0)
			snprintf(s->error, sizeof(s->error),
				"it is damaged and cannot be set aside: %s", strerror(-r));
		else
			r = store_open(s, path);
	}
	if (r == 0 && s->head.seq == 0)
		r = begin(l, path, damage, seq);
	/* the new one has all that it will ever have of it */
	if (r == 0 && store_put_away(path) < 0)
		log_warning("ledger: %s" STORE_ASIDE " cannot be renamed", path);
	return r;
}

int ledger_open_store(struct ledger *l, const char *path)
{
	char damage[sizeof(l->store.error)] = "";

	return open_or_begin(l, path, damage, sizeof(damage), 0);
}

int ledger_renew(struct ledger *l)
{
	char damage[sizeof(l->store.error)] = "";
	uint64_t seq = l->store.head.seq;
	int r;

	if (l->store.db != NULL)
		memcpy(damage, l->store.error, sizeof(damage));
	store_abandon(&l->store);
	/* only the start writes the path */
	r = open_or_begin(l, l->shared.stats.path, damage, sizeof(damage), seq);
	if (r < 0) {
		store_abandon(&l->store);
		return r;
	}
	l->pruning = (struct pruning){0};
	sealing_restart(l);
	ledger_measure(l);
	return 0;
}
