#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "sessctl/fact.h"

/* How long after the end of its lifetime a session may be ended: the daemon may have been busy, and
 * the clock that records this can be set. */
#define PATIENCE (60 * NS_PER_SEC)

/* A policy that is named and sets no end exempts: see `policy` in PROTOCOL.md. */
static bool is_exempt(const struct sighting *s)
{
	return s->policy != NULL && s->expires_at == 0;
}

static bool is_unbound(const struct sighting *s)
{
	return s->audit_session == 0;
}

static bool has_key(const struct sighting *s)
{
	return s->auth != NULL && strstr(s->auth, "SHA256:") != NULL;
}

static bool is_locked(const struct sighting *s)
{
	return s->user_locked;
}

/* From the end of the lifetime to the order that ended the session, ns. */
static uint64_t lateness(const struct sighting *s)
{
	uint64_t ordered = s->line->time - (s->elapsed < s->line->time ? s->elapsed : 0);

	/* one that ended with the machine is recorded when that is up again */
	if (s->expires_at == 0 || s->reason == REASON_REBOOT || ordered < s->expires_at)
		return 0;
	return ordered - s->expires_at;
}

static bool is_overdue(const struct sighting *s)
{
	return lateness(s) > PATIENCE;
}

static bool is_over_cap(const struct sighting *s)
{
	return s->limit != 0 && s->count > s->limit;
}

static bool is_order(const struct sighting *s)
{
	return strcmp(s->event, "session_ended") != 0 || s->reason == REASON_REVOKED;
}

static bool is_act(const struct sighting *s)
{
	return is_order(s) && s->by != NULL;
}

static bool is_nameless(const struct sighting *s)
{
	return is_order(s) && s->by == NULL;
}

/* A ledger is sealed by its second event. */
static bool is_later(const struct sighting *s)
{
	return s->line->seq > 2;
}

/* It names the last checkpoint of the ledger before it. */
static bool has_last(const struct sighting *s)
{
	return json_object_get(s->line->members, "last") != NULL;
}

const struct fact_row fact_rows[N_FACTS] = {
#define FACT_ROW(id, name, words, classes, reasons, test, measure, keep, ...)               \
	[FACT_##id] = {(name), (words), (classes), (reasons), test, FACT_##measure, (keep), \
		{__VA_ARGS__}},
	FACTS(FACT_ROW)
#undef FACT_ROW
};

static bool is_of(const struct fact_row *row, const struct sighting *s)
{
	size_t i;

	if (row->classes != 0 && !(row->classes & 1u << s->class))
		return false;
	if (row->reasons != 0 && !(row->reasons & 1u << s->reason))
		return false;
	for (i = 0; i < FACT_EVENTS_MAX && row->events[i] != NULL; i++)
		if (strcmp(row->events[i], s->event) == 0)
			return row->test == NULL || row->test(s);
	return false;
}

static uint64_t measured(enum fact_measure measure, const struct sighting *s)
{
	switch (measure) {
	case FACT_COUNTED:
		return 0;
	case FACT_ELAPSED:
		return s->elapsed;
	case FACT_FOUND:
		return s->count;
	case FACT_SURVIVORS:
		return s->survivors;
	case FACT_LATE:
		return lateness(s);
	}
	return 0;
}

static int add(struct fact *fact, const struct fact_row *row, const struct sighting *s)
{
	uint64_t value = measured(row->measure, s);
	char *copy;

	fact->n++;
	if (value > fact->worst) {
		copy = strndup(
			s->line->text, s->line->len < LISTING_LINE ? s->line->len : LISTING_LINE);
		if (copy == NULL)
			return -ENOMEM;
		free(fact->worst_line);
		fact->worst_line = copy;
		fact->worst = value;
	}
	return listing_add(&fact->kept, s->line->text, s->line->len);
}

int facts_add(struct fact facts[N_FACTS], const struct sighting *s)
{
	int i, r = 0;

	for (i = 0; i < N_FACTS && r == 0; i++)
		if (is_of(&fact_rows[i], s))
			r = add(&facts[i], &fact_rows[i], s);
	return r;
}

void facts_init(struct fact facts[N_FACTS])
{
	int i;

	for (i = 0; i < N_FACTS; i++)
		facts[i] = (struct fact){.kept.room = fact_rows[i].keep};
}

void facts_fini(struct fact facts[N_FACTS])
{
	int i;

	for (i = 0; i < N_FACTS; i++) {
		free(facts[i].worst_line);
		facts[i].worst_line = NULL;
		listing_fini(&facts[i].kept);
	}
}
