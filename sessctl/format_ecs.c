/*
 * Elastic Common Schema 8.11.0, one JSON object a line. Members without a field of their own there
 * are in `sessd`, a name that the schema leaves to the product.
 */
#include <string.h>

#include "common/chain.h"
#include "common/sid.h"
#include "sessctl/format.h"
#include "sessctl/source.h"
#include "sessctl/tree.h"

#define ECS_VERSION "8.11.0"

/* What the line is about. */
enum {
	OTHER = 1,
	PLAIN = 2,     /* a session, but no elevation */
	ELEVATION = 4, /* whose user is whom somebody else became */
	LOCK = 8,
	SESSION = PLAIN | ELEVATION,
	ANY = OTHER | SESSION | LOCK,
};

static const struct tree_place places[] = {
	{"time", "@timestamp", TREE_SAME, ANY},
	{"event", "event.action", TREE_SAME, ANY},
	{"seq", "event.sequence", TREE_SAME, ANY},
	{"reason", "event.reason", TREE_SAME, ANY},
	{"elapsed", "event.duration", TREE_NS, ANY},
	{"opened_at", "event.start", TREE_SAME, SESSION},
	{"user", "user.name", TREE_SAME, PLAIN},
	{"uid", "user.id", TREE_STRING, PLAIN},
	{"user", "user.effective.name", TREE_SAME, ELEVATION},
	{"uid", "user.effective.id", TREE_STRING, ELEVATION},
	{"ruser", "user.name", TREE_SAME, ELEVATION},
	{"by", "user.name", TREE_SAME, LOCK},
	{"leader_pid", "process.entry_leader.pid", TREE_SAME, SESSION},
	{"boot_id", "host.boot.id", TREE_SAME, ANY},
};

static unsigned situation_of(const struct line *line)
{
	const char *class = line_str(line, "class");

	switch (line->kind->subject) {
	case SUBJECT_SESSION:
		return class != NULL && strcmp(class, "elevation") == 0 ? ELEVATION : PLAIN;
	case SUBJECT_LOCK:
		return LOCK;
	case SUBJECT_NONE:
	case SUBJECT_CONFIG:
	case SUBJECT_LEDGER:
		break;
	}
	return OTHER;
}

/* `authentication session` as an array; no words, no member. */
static void put_words(struct tree *t, const char *path, const char *words)
{
	json_t *array = json_array();
	size_t len;

	if (words[0] == '\0') {
		json_decref(array);
		return;
	}
	for (; words[0] != '\0'; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		if (json_array_append_new(array, json_stringn(words, len)) < 0)
			t->failed = true;
	}
	tree_put(t, path, array);
}

/* The hash that the next line names as its `prev`: which line it was can be proved by it. */
static void put_hash(struct tree *t, const struct line *line)
{
	char hex[CHAIN_HEX + 1];
	struct chain chain;

	chain_init(&chain);
	chain_append(&chain, line->text, line->len);
	hex_encode(chain.hash, CHAIN_HASH, hex);
	tree_put_string(t, "event.id", hex);
	tree_put_string(t, "event.hash", hex);
}

static void put_event(struct tree *t, const struct line *line)
{
	const struct kind *kind = line->kind;

	tree_put_string(t, "ecs.version", ECS_VERSION);
	tree_put_string(t, "message", kind->words);
	tree_put_string(t, "event.kind", "event");
	put_words(t, "event.category", kind->ecs_category);
	put_words(t, "event.type", kind->ecs_type);
	tree_put_string(
		t, "event.outcome", kind->outcome == OUTCOME_FAILURE ? "failure" : "success");
	tree_put_string(t, "event.provider", "sessd");
	tree_put_string(t, "event.module", "sessd");
	tree_put_string(t, "event.dataset", "sessd.ledger");
	tree_put_string(t, "event.code", line->event);
}

static void put_source(struct tree *t, const struct line *line)
{
	const char *rhost = line_str(line, "rhost");

	if (rhost == NULL)
		return;
	tree_put_string(t, "source.address", rhost);
	tree_put_string(t, source_of(rhost) == SOURCE_NAME ? "source.domain" : "source.ip", rhost);
	tree_drop(t, "rhost");
}

/* How the user came to this machine. */
static void put_entry(struct tree *t, const struct line *line)
{
	const char *service = line_str(line, "service"), *tty = line_str(line, "tty");
	const char *type = NULL;

	if (service == NULL)
		return;
	if (strcmp(service, "sshd") == 0)
		type = "sshd";
	else if (strcmp(service, "login") == 0)
		type = tty != NULL && strstr(tty, "pts/") != NULL ? "terminal" : "console";
	if (type != NULL)
		tree_put_string(t, "process.entry_leader.entry_meta.type", type);
}

/* Whom a lock of a user is of; one of a group, source or key stays in sessd.lock alone. */
static void put_target(struct tree *t, const struct line *line)
{
	const char *user = line_locked_user(line);

	if (user != NULL)
		tree_put_string(t, "user.target.name", user);
}

bool format_ecs_write(FILE *out, const struct line *line, const char *host)
{
	struct tree t;
	bool ok;

	tree_init(&t, line);
	tree_move(&t, places, sizeof(places) / sizeof(places[0]), situation_of(line));
	put_event(&t, line);
	put_hash(&t, line);
	tree_put_string(&t, "host.name", host);
	put_source(&t, line);
	put_entry(&t, line);
	if (line->kind->subject == SUBJECT_LOCK)
		put_target(&t, line);
	ok = tree_print(&t, "sessd", out);
	tree_fini(&t);
	return ok;
}
