/*
 * Elastic Common Schema 8.11.0, one JSON object a line. Members without a field of their own there
 * are in `sessd`, a name that the schema leaves to the product.
 */
#include <string.h>

#include "common/chain.h"
#include "common/sid.h"
#include "sessctl/format.h"
#include "sessctl/source.h"
#include "sessctl/mapping.h"

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

static const struct mapping_place places[] = {
	{"time", "@timestamp", MAPPING_SAME, ANY},
	{"event", "event.action", MAPPING_SAME, ANY},
	{"seq", "event.sequence", MAPPING_SAME, ANY},
	{"reason", "event.reason", MAPPING_SAME, ANY},
	{"elapsed", "event.duration", MAPPING_NS, ANY},
	{"opened_at", "event.start", MAPPING_SAME, SESSION},
	{"user", "user.name", MAPPING_SAME, PLAIN},
	{"uid", "user.id", MAPPING_STRING, PLAIN},
	{"user", "user.effective.name", MAPPING_SAME, ELEVATION},
	{"uid", "user.effective.id", MAPPING_STRING, ELEVATION},
	{"ruser", "user.name", MAPPING_SAME, ELEVATION},
	{"by", "user.name", MAPPING_SAME, LOCK},
	{"leader_pid", "process.entry_leader.pid", MAPPING_SAME, SESSION},
	{"boot_id", "host.boot.id", MAPPING_SAME, ANY},
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
static void put_words(struct mapping *m, const char *path, const char *words)
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
			m->failed = true;
	}
	mapping_put(m, path, array);
}

/* The hash that the next line names as its `prev`: which line it was can be proved by it. */
static void put_hash(struct mapping *m, const struct line *line)
{
	char hex[CHAIN_HEX + 1];
	struct chain chain;

	chain_init(&chain);
	chain_append(&chain, line->text, line->len);
	hex_encode(chain.hash, CHAIN_HASH, hex);
	mapping_put_string(m, "event.id", hex);
	mapping_put_string(m, "event.hash", hex);
}

static void put_event(struct mapping *m, const struct line *line)
{
	const struct kind *kind = line->kind;

	mapping_put_string(m, "ecs.version", ECS_VERSION);
	mapping_put_string(m, "message", kind->words);
	mapping_put_string(m, "event.kind", "event");
	put_words(m, "event.category", kind->ecs_category);
	put_words(m, "event.type", kind->ecs_type);
	mapping_put_string(
		m, "event.outcome", kind->outcome == OUTCOME_FAILURE ? "failure" : "success");
	mapping_put_string(m, "event.provider", "sessd");
	mapping_put_string(m, "event.module", "sessd");
	mapping_put_string(m, "event.dataset", "sessd.ledger");
	mapping_put_string(m, "event.code", line->event);
}

static void put_source(struct mapping *m, const struct line *line)
{
	const char *rhost = line_str(line, "rhost");

	if (rhost == NULL)
		return;
	mapping_put_string(m, "source.address", rhost);
	mapping_put_string(
		m, source_of(rhost) == SOURCE_NAME ? "source.domain" : "source.ip", rhost);
	mapping_drop(m, "rhost");
}

/* How the user came to this machine. */
static void put_entry(struct mapping *m, const struct line *line)
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
		mapping_put_string(m, "process.entry_leader.entry_meta.type", type);
}

/* Whom a lock of a user is of; one of a group, source or key stays in sessd.lock alone. */
static void put_target(struct mapping *m, const struct line *line)
{
	const char *user = line_locked_user(line);

	if (user != NULL)
		mapping_put_string(m, "user.target.name", user);
}

bool format_ecs_write(FILE *out, const struct line *line, const char *host)
{
	struct mapping m;
	bool ok;

	mapping_init(&m, line);
	mapping_move(&m, places, sizeof(places) / sizeof(places[0]), situation_of(line));
	put_event(&m, line);
	put_hash(&m, line);
	mapping_put_string(&m, "host.name", host);
	put_source(&m, line);
	put_entry(&m, line);
	if (line->kind->subject == SUBJECT_LOCK)
		put_target(&m, line);
	ok = mapping_print(&m, "sessd", out);
	mapping_fini(&m);
	return ok;
}
