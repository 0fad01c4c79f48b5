#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/question.h"
#include "fleet/reply.h"
#include "fleet/roll.h"

/* Sessions named in the words for the user. */
#define NAMED 3

bool roll_key(const char *user, struct key *ret)
{
	const char *parts[KEY_PARTS] = {user};

	return key_make(ret, KEY_SESSION, parts, true);
}

static bool listed_of(const struct reply_kv *kv, struct listed *ret)
{
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct sid sid;

	if (!key_parse(kv->key, kv->key_len, KEY_SESSION, 3, parts) || !sid_parse(parts[2], &sid))
		return false;
	memcpy(ret->user, parts[0], sizeof(ret->user));
	memcpy(ret->host, parts[1], sizeof(ret->host));
	memcpy(ret->sid, parts[2], sizeof(ret->sid));
	ret->created = kv->create_revision;
	ret->lease = kv->lease;
	ret->value = reply_json(kv->value, kv->value_len);
	return true;
}

int roll_read(const struct etcd_answer *answer, struct roll *ret)
{
	struct roll roll = {.n = 0};
	struct reply_kvs kvs;
	size_t i;
	int r;

	r = answer->outcome == ETCD_DONE ? reply_range(answer->root, &kvs) : -EPROTO;
	if (r < 0)
		return r;
	roll.entry = calloc(kvs.n + 1, sizeof(*roll.entry));
	roll.revision = kvs.revision;
	for (i = 0; roll.entry != NULL && i < kvs.n; i++)
		roll.n += listed_of(&kvs.kv[i], &roll.entry[roll.n]);
	reply_kvs_fini(&kvs);
	if (roll.entry == NULL)
		return -ENOMEM;
	*ret = roll;
	return 0;
}

void roll_fini(struct roll *roll)
{
	size_t i;

	for (i = 0; i < roll->n; i++)
		json_decref(roll->entry[i].value);
	free(roll->entry);
	*roll = (struct roll){.n = 0};
}

/* Of this host's own ones the agent knows more than the store. One that seeks has been put by a
 * write whose answer is still on its way, and no other count knows of it. */
static bool is_there(const struct agent *a, const struct listed *e)
{
	const struct member *m;
	struct sid sid;

	if (strcmp(e->host, a->o.host) != 0)
		return true;
	sid_parse(e->sid, &sid);
	m = member_find(a, &sid);
	return m != NULL ? m->present && (m->registered || m->seeking) : !a->registry.complete;
}

bool roll_counts(const struct agent *a, const struct listed *e, const char *policy)
{
	const json_t *caps = json_object_get(e->value, "caps"), *cap;
	bool named = false;
	size_t i;

	for (i = 0; i < json_array_size(caps) && !named; i++) {
		cap = json_array_get(caps, i);
		named = json_is_string(cap) && strcmp(json_string_value(cap), policy) == 0;
	}
	return named && is_there(a, e);
}

unsigned roll_count(const struct agent *a, const struct roll *roll, const char *policy)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < roll->n; i++)
		count += roll_counts(a, &roll->entry[i], policy);
	return count;
}

static void name_listed(const struct listed *e, unsigned n, char *text, size_t size)
{
	char service[TEXT_STR_MAX + 1], rhost[TEXT_STR_MAX + 1];
	size_t len = strlen(text);

	if (n > NAMED)
		return;
	if (n == NAMED) {
		snprintf(text + len, size - len, ", and more");
		return;
	}
	reply_text(e->value, "service", service, sizeof(service));
	reply_text(e->value, "rhost", rhost, sizeof(rhost));
	snprintf(text + len, size - len, "%s%.64s%s%.64s on %.64s", n > 0 ? ", " : "", service,
		rhost[0] != '\0' ? " from " : "", rhost, e->host);
}

void roll_words(
	const struct agent *a, const struct roll *roll, const char *policy, char *text, size_t size)
{
	unsigned named = 0;
	size_t i;

	text[0] = '\0';
	for (i = 0; i < roll->n; i++)
		if (roll_counts(a, &roll->entry[i], policy))
			name_listed(&roll->entry[i], named++, text, size);
}

const struct listed *roll_choose(const struct agent *a, struct roll *roll, const char *policy,
	const struct question *question)
{
	struct listed *found = NULL, *e;
	uint64_t time, longest = 0;
	size_t i;

	for (i = 0; i < roll->n; i++) {
		e = &roll->entry[i];
		if (e->chosen || !roll_counts(a, e, policy))
			continue;
		time = question_time(question, e);
		if (found != NULL &&
			(time < longest || (time == longest && e->created >= found->created)))
			continue;
		found = e;
		longest = time;
	}
	if (found != NULL)
		found->chosen = true;
	return found;
}

const struct listed *roll_youngest(
	const struct agent *a, const struct roll *roll, const char *policy)
{
	const struct listed *found = NULL, *e;
	size_t i;

	for (i = 0; i < roll->n; i++) {
		e = &roll->entry[i];
		if (roll_counts(a, e, policy) && (found == NULL || e->created > found->created))
			found = e;
	}
	return found;
}
