/*
 * What the store says of the fleet's locks: a signed statement about each. It counts only if its
 * key may lock, and if it is newer than what this host has seen (edition.c); what is not there says
 * nothing. lock.c brings sessd in line with it.
 */
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/lock.h"
#include "fleet/reply.h"
#include "fleet/statement.h"

static void begin(void *ctx)
{
	struct agent *a = ctx;
	struct fleet_lock *f;

	a->locks->overfull = false;
	LIST_FOREACH (f, &a->locks->list, link) {
		f->listed = false;
	}
}

static void read_lock(const struct statement *s, struct fleet_lock *f)
{
	struct wire_lock *what = &f->what;
	char who[TEXT_STR_MAX + 1];

	reply_text(s->text, "message", what->message, sizeof(what->message));
	reply_text(s->text, "text", what->text, sizeof(what->text));
	reply_text(s->text, "by", who, sizeof(who));
	reply_text(s->text, "order", f->id, sizeof(f->id));
	authority_by(s->by->name, who, what->by);
	what->even_breakglass = reply_bool(s->text, "even_breakglass");
	what->fleet = true;
	what->id = (struct opt_uid){.set = false};
	if (json_object_get(s->text, "uid") != NULL)
		what->id = (struct opt_uid){
			.set = true, .uid = (uint32_t)reply_number(s->text, "uid")};
	f->version = reply_number(s->text, "version");
	f->lifted = reply_bool(s->text, "lifted");
	f->failures = 0;
	f->rest_until = 0;
	if (f->lifted)
		lock_gives_way(f->agent);
}

/* It is on disk before sessd is asked for anything: see lock.c. */
static void remember(struct agent *a, const struct statement *s, const char *kind, const char *name)
{
	struct edition seen = {.version = reply_number(s->text, "version"),
		.lifted = reply_bool(s->text, "lifted")};
	uint64_t lasts = reply_number(s->text, "lasts");
	int r;

	if (lasts > 0 && lasts <= DURATION_MAX)
		seen.expires = clock_wall() + lasts;
	snprintf(seen.kind, sizeof(seen.kind), "%.15s", kind);
	snprintf(seen.name, sizeof(seen.name), "%.255s", name);
	r = editions_take(&a->editions, &seen);
	if (r < 0)
		log_error("which lock of %s %s was the last cannot be remembered: %s", kind, name,
			strerror(-r));
}

/* Of a genuine one. NULL: nothing. */
static const char *what_is_wrong(
	const struct agent *a, const struct statement *s, const char *kind, const char *name)
{
	const struct edition *known = editions_newest(&a->editions, kind, name, clock_wall());
	uint64_t version = reply_number(s->text, "version");

	if (!(s->by->may & RIGHT_LOCK))
		return "its key may not lock";
	if (version == 0)
		return "it has no version";
	if (!edition_plausible(version, clock_wall()))
		return "its version is years ahead of the clock of this host";
	return known != NULL && version < known->version
		       ? "it is older than what was seen of it last"
		       : NULL;
}

/* Who set it waits for what came of it, also where this host does not know him. */
static void refuse(struct agent *a, const struct signer *by, const char *title, const char *why,
	const char *order)
{
	if (refusal_tell(a, by, title, why) && order[0] != '\0')
		lock_tell(a, order, json_pack("[{s:s}]", "refused", why));
}

static void no_room(struct agent *a, const struct statement *s, const char *kind, const char *name)
{
	char title[300], order[SID_HEX + 1];
	struct sid ignored;

	snprintf(title, sizeof(title), "lock of %.15s %.255s", kind, name);
	reply_text(s->text, "order", order, sizeof(order));
	refuse(a, s->by, title, "there are too many locks",
		sid_parse(order, &ignored) ? order : "");
}

static void take(struct agent *a, const struct statement *s, const char *kind, const char *name)
{
	const struct edition *known = editions_newest(&a->editions, kind, name, clock_wall());
	uint64_t version = reply_number(s->text, "version");
	bool news = known == NULL || version > known->version;
	struct fleet_lock *f = lock_find(a, kind, name);

	if (f == NULL || f->version != version) {
		if (news)
			remember(a, s, kind, name);
		f = lock_room(a, kind, name);
		/* to be lifted it needs none */
		if (f == NULL && news && !reply_bool(s->text, "lifted"))
			no_room(a, s, kind, name);
		if (f == NULL)
			return;
		read_lock(s, f);
	}
	f->listed = true;
}

static void put(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1], title[300], words[TEXT_STR_MAX + 1];
	struct statement s = {.text = NULL};
	enum statement_verdict verdict;
	struct statement_claim claim;
	const char *why = words;

	/* sessd has no other kinds */
	if (!key_parse(kv->key, kv->key_len, KEY_LOCK, 2, parts) ||
		strlen(parts[0]) >= sizeof(((struct edition *)0)->kind))
		return;
	verdict = statement_open(kv->value, kv->value_len, kv->key, &a->o.authority->signers, &s);
	statement_claims(kv->value, kv->value_len, kv->key, &claim);
	if (verdict == STATEMENT_GENUINE)
		why = what_is_wrong(a, &s, parts[0], parts[1]);
	else
		statement_say(verdict, &claim, words);
	if (why != NULL) {
		snprintf(title, sizeof(title), "lock of %.15s %.255s", parts[0], parts[1]);
		refuse(a, s.by, title, why, claim.order);
	} else {
		take(a, &s, parts[0], parts[1]);
	}
	statement_fini(&s);
	locks_check(a);
}

static void gone(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct fleet_lock *f = NULL;

	if (key_parse(kv->key, kv->key_len, KEY_LOCK, 2, parts))
		f = lock_find(a, parts[0], parts[1]);
	if (f != NULL)
		lock_forget(f);
	locks_check(a);
}

static void listed(void *ctx)
{
	struct agent *a = ctx;
	struct fleet_lock *f, *next;

	for (f = LIST_FIRST(&a->locks->list); f != NULL; f = next) {
		next = LIST_NEXT(f, link);
		if (!f->listed && !f->dying)
			lock_forget(f);
	}
	a->locks->complete = true;
	locks_check(a);
}

void decrees_watch(struct agent *a)
{
	struct watch_options options = {
		.begin = begin, .put = put, .gone = gone, .listed = listed, .ctx = a};

	memcpy(options.under.s, KEY_LOCK, sizeof(KEY_LOCK));
	watch_start(&a->lock_watch, a->etcd, &a->timers, &options);
}

void locks_again(struct agent *a)
{
	watch_stop(&a->lock_watch);
	decrees_watch(a);
}
