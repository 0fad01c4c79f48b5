#include "common/duration.h"
#include "common/timestamp.h"
#include "sessctl/evidence.h"
#include "sessctl/mapping.h"
#include "sessctl/statement.h"

static json_t *time_json(uint64_t ns)
{
	char text[TIMESTAMP_TEXT];

	return ns == 0 || ns == UINT64_MAX ? json_null() : json_string(timestamp_format(ns, text));
}

static json_t *limits_json(const struct evidence *e)
{
	json_t *list = json_array(), *o;
	const struct limit_row *row;
	size_t at = 0;
	bool weak;

	while ((row = evidence_limit(e, &at, &weak)) != NULL) {
		o = json_pack("{s:s, s:I, s:s, s:b}", "limit", row->what, "accounts",
			(json_int_t)row->accounts, "account", row->example, "weak", (int)weak);
		if (row->policy[0] != '\0')
			json_object_set_new(o, "policy", json_string(row->policy));
		if (row->state == LIMIT_SET)
			json_object_set_new(o, "value",
				row->is_time ? json_real((double)row->value / NS_PER_SEC)
					     : json_integer((json_int_t)row->value));
		else
			json_object_set_new(o, "exempt", json_boolean(row->state == LIMIT_EXEMPT));
		if (json_array_append_new(list, o) < 0)
			break;
	}
	return list;
}

/* The lines themselves, as the ledger has them. */
static json_t *kept_json(const struct listing *l)
{
	json_t *list = json_array(), *event;
	size_t i;

	for (i = 0; i < l->kept; i++) {
		event = json_loads(listing_line(l, i), 0, NULL);
		if (event != NULL && json_array_append_new(list, event) < 0)
			break;
	}
	return list;
}

static json_t *fact_json(const struct evidence *e, const struct control_fact *f)
{
	static const char *const roles[] = {
		[ROLE_SUPPORTS] = "supports", [ROLE_TELLS] = "tells", [ROLE_EXCEPTS] = "excepts"};
	const struct fact_row *row = &fact_rows[f->fact];
	const struct fact *fact = &e->survey->facts[f->fact];
	json_t *o = json_pack("{s:s, s:s, s:s, s:I}", "fact", row->name, "words", row->words,
		"role", roles[f->role], "count", (json_int_t)fact->n);
	bool is_time = row->measure == FACT_ELAPSED || row->measure == FACT_LATE;

	if (fact->worst_line != NULL) {
		json_object_set_new(o, "worst",
			is_time ? json_real((double)fact->worst / NS_PER_SEC)
				: json_integer((json_int_t)fact->worst));
		json_object_set_new(o, "worst_event", json_loads(fact->worst_line, 0, NULL));
	}
	if (f->role == ROLE_EXCEPTS)
		json_object_set_new(o, "events", kept_json(&fact->kept));
	return o;
}

bool evidence_json(const struct evidence *e, FILE *out)
{
	const struct control *c = e->control;
	const struct survey *s = e->survey;
	json_t *facts = json_array(), *o;
	bool ok;
	size_t i;

	for (i = 0; i < CONTROL_FACTS_MAX && c->facts[i].role != 0; i++)
		json_array_append_new(facts, fact_json(e, &c->facts[i]));
	o = json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:b, s:I, s:o, s:o, s:I, s:o, s:s}",
		"control", c->id, "source", c->source, "title", c->title, "verdict",
		verdict_words(e->verdict), "since", time_json(s->since), "until",
		time_json(s->until), "events", (json_int_t)s->events, "most", (json_int_t)s->most,
		"left", (json_int_t)s->left, "limits_known", (int)e->limits->asked, "accounts",
		(json_int_t)e->limits->accounts, "limits", limits_json(e), "facts", facts,
		"damaged", (json_int_t)s->damaged, "ledger", statement_json(&s->verify), "caution",
		evidence_caution);
	ok = o != NULL && mapping_write(o, out);
	json_decref(o);
	return ok;
}
