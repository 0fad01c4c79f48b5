#include <errno.h>
#include <string.h>

#include "fleet/reply.h"
#include "fleet/result.h"

/* That are told one by one; behind them stands the sum of the others. */
#define ONE_BY_ONE 200

static uint64_t number(const json_t *one, const char *name)
{
	return reply_number(one, name);
}

static void set_number(json_t *one, const char *name, uint64_t n)
{
	json_object_set_new(one, name, json_integer((json_int_t)n));
}

static json_t *encode(const struct wire_outcome *o)
{
	char sid[SID_HEX + 1];

	return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s}", "sid", sid_hex(&o->sid, sid), "user",
		o->user, "service", o->service, "reason", (json_int_t)o->reason, "signalled",
		(json_int_t)o->signalled, "elapsed", (json_int_t)o->elapsed, "survivors",
		(json_int_t)o->survivors, "survivor_list", o->survivor_list);
}

static int append(json_t *list, json_t *one)
{
	return json_array_append_new(list, one) < 0 ? -ENOMEM : 0;
}

static void sum_up(json_t *sum, const json_t *one)
{
	set_number(sum, "more", number(sum, "more") + 1);
	set_number(sum, "signalled", number(sum, "signalled") + number(one, "signalled"));
	set_number(sum, "survivors", number(sum, "survivors") + number(one, "survivors"));
	if (number(one, "elapsed") > number(sum, "elapsed"))
		set_number(sum, "elapsed", number(one, "elapsed"));
}

static json_t *find_sum(const json_t *list)
{
	json_t *one = NULL;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		one = json_array_get(list, i);
		if (number(one, "more") > 0)
			return one;
	}
	return NULL;
}

/* The first that is over, to make room for one that is not; NULL: there is none. */
static json_t *find_over(const json_t *list)
{
	json_t *one;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		one = json_array_get(list, i);
		if (number(one, "survivors") == 0 && number(one, "more") == 0)
			return one;
	}
	return NULL;
}

/* There is no room for it: it, or one that it takes the place of, is summed up. */
static int add_to_sum(json_t *list, json_t *one)
{
	json_t *sum = find_sum(list);
	json_t *over = number(one, "survivors") > 0 ? find_over(list) : NULL;
	int r = 0;

	if (sum == NULL) {
		sum = json_pack("{s:O}", "reason", json_object_get(one, "reason"));
		r = append(list, sum);
	}
	if (r == 0)
		sum_up(sum, over != NULL ? over : one);
	if (r == 0 && over != NULL)
		r = json_object_update(over, one) < 0 ? -ENOMEM : 0;
	json_decref(one);
	return r;
}

int result_add(json_t *list, const struct wire_outcome *outcome)
{
	json_t *one = encode(outcome);

	if (one == NULL || json_array_size(list) < ONE_BY_ONE)
		return append(list, one);
	return add_to_sum(list, one);
}

/* Cut to what its reader takes. */
static int append_why(json_t *list, const char *name, const char *why)
{
	char words[TEXT_STR_MAX + 1];

	text_escape(why, strlen(why), words, sizeof(words));
	return append(list, json_pack("{s:s}", name, words));
}

int result_add_refusal(json_t *list, const char *why)
{
	return append_why(list, "refused", why);
}

int result_add_failure(json_t *list, const char *why)
{
	return append_why(list, "failed", why);
}

void result_again(json_t *list)
{
	size_t i = 0;

	while (i < json_array_size(list))
		if (number(json_array_get(list, i), "survivors") > 0)
			json_array_remove(list, i);
		else
			i++;
}

/* A reason that cannot be read is one. */
static void read_why(const json_t *one, const char *name, char out[TEXT_STR_MAX + 1])
{
	static const char unreadable[] = "its words cannot be read";

	reply_text(one, name, out, TEXT_STR_MAX + 1);
	if (out[0] == '\0' && json_object_get(one, name) != NULL)
		memcpy(out, unreadable, sizeof(unreadable));
}

void result_read(const json_t *one, struct wire_outcome *ret)
{
	uint64_t reason = number(one, "reason");
	char sid[SID_HEX + 1];

	*ret = (struct wire_outcome){.signalled = number(one, "signalled"),
		.elapsed = number(one, "elapsed"),
		.survivors = number(one, "survivors"),
		.more = number(one, "more")};
	reply_text(one, "sid", sid, sizeof(sid));
	sid_parse(sid, &ret->sid);
	reply_text(one, "user", ret->user, sizeof(ret->user));
	reply_text(one, "service", ret->service, sizeof(ret->service));
	read_why(one, "refused", ret->refused);
	read_why(one, "failed", ret->failed);
	reply_text(one, "survivor_list", ret->survivor_list, sizeof(ret->survivor_list));
	ret->reason =
		reason_name((enum reason)reason) != NULL ? (enum reason)reason : REASON_REVOKED;
}
