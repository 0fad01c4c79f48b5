#include <inttypes.h>
#include <unistd.h>

#include "common/sid.h"
#include "common/timestamp.h"
#include "sessctl/statement.h"

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_seal(const struct verify *v, FILE *out)
{
	const struct witness *w = &v->witness;
	char key[SEAL_KEY_HEX + 1];

	if (w->checkpoints == 0) {
		fputs("There is no checkpoint: nothing of it is sealed.\n", out);
		return;
	}
	hex_encode(w->first_key, SEAL_KEY, key);
	fprintf(out, "%" PRIu64 " checkpoint%s, sealed up to event %" PRIu64 ", key %s%s\n",
		w->checkpoints, plural(w->checkpoints), w->sealed, key,
		w->n_keys == 0 ? " (taken on trust: give --key)" : "");
	if (w->beginnings > 1)
		fprintf(out,
			"THE SEAL BEGINS ANEW, %" PRIu64 " time%s, at last with event %" PRIu64
			"%s: no older key vouches for what follows.\n",
			w->beginnings - 1, plural(w->beginnings - 1), w->last_beginning,
			w->n_keys == 0 ? "" : ", with a key that was given");
}

static void print_tail(const struct verify *v, FILE *out)
{
	const struct witness *w = &v->witness;
	uint64_t tail = witness_tail(w, &v->chain), anchored = witness_anchored(w).seq;
	size_t met = w->next_anchor - w->older_anchors;

	if (anchored == 0) {
		fprintf(out,
			"unanchored tail of %" PRIu64
			" event%s: this does not show whether the end was changed or cut off; "
			"compare with a checkpoint that was kept elsewhere (--anchor)\n",
			tail, plural(tail));
		return;
	}
	fprintf(out, "anchored at event %" PRIu64, anchored);
	if (met > 1)
		fprintf(out, " and at %zu before it", met - 1);
	if (w->older_anchors > 0)
		fprintf(out, " (%zu more are older than the first event here)", w->older_anchors);
	fprintf(out, "; tail of %" PRIu64 " event%s that nothing seals\n", tail, plural(tail));
}

void statement_print(const struct verify *v, bool own, FILE *out)
{
	char head[CHAIN_HEX + 1], when[TIMESTAMP_TEXT];

	if (v->wrong != NULL) {
		fprintf(out, "event %" PRIu64 " (line %" PRIu64 "): %s\n", v->chain.seq + 1,
			v->events + 1, v->wrong);
		if (own && geteuid() != 0)
			fputs("Who is no administrator is given his own events alone, and they "
			      "make no chain: ask as root.\n",
				out);
		return;
	}
	fprintf(out, "%" PRIu64 " event%s, chain intact, head %s\n", v->events, plural(v->events),
		hex_encode(v->chain.hash, CHAIN_HASH, head));
	if (witness_pruned(&v->witness))
		fprintf(out,
			"events before %" PRIu64 " were pruned on %s; event %" PRIu64 " says so\n",
			v->first, timestamp_local(v->witness.pruned_at, when), v->witness.pruned);
	else if (v->first > 1)
		fprintf(out,
			"It begins at seq %" PRIu64 ": the events before it are not in this %s, "
			"and that it follows them is taken on trust.\n",
			v->first, own ? "ledger" : "file");
	if (v->origin[0] != '\0')
		fprintf(out, "THIS LEDGER REPLACES ANOTHER ONE: %s\n", v->origin);
	print_seal(v, out);
	print_tail(v, out);
}

static json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

json_t *statement_json(const struct verify *v)
{
	const struct witness *w = &v->witness;
	char head[CHAIN_HEX + 1], key[SEAL_KEY_HEX + 1], when[TIMESTAMP_TEXT];
	json_t *o = json_pack("{s:b, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:b, s:o}", "intact",
		v->wrong == NULL, "events", integer(v->events), "first", integer(v->first), "last",
		integer(v->chain.seq), "head", hex_encode(v->chain.hash, CHAIN_HASH, head),
		"sealed", w->checkpoints > 0, "checkpoints", integer(w->checkpoints), "sealed_to",
		integer(w->sealed), "anchored", witness_anchored(w).seq != 0, "tail",
		integer(witness_tail(w, &v->chain)));
	int r = o == NULL ? -1 : 0;

	if (r == 0 && w->has_key)
		r = json_object_set_new(
			o, "key", json_string(hex_encode(w->first_key, SEAL_KEY, key)));
	if (r == 0)
		r = json_object_set_new(o, "beginnings", integer(w->beginnings));
	if (r == 0)
		r = json_object_set_new(o, "pruned", json_boolean(witness_pruned(w)));
	if (r == 0 && witness_pruned(w))
		r = json_object_set_new(
			o, "pruned_at", json_string(timestamp_format(w->pruned_at, when)));
	if (r == 0 && v->origin[0] != '\0')
		r = json_object_set_new(o, "replaces", json_string(v->origin));
	if (r == 0 && v->wrong != NULL) {
		r = json_object_set_new(o, "seq", integer(v->chain.seq + 1));
		r |= json_object_set_new(o, "line", integer(v->events + 1));
		r |= json_object_set_new(o, "error", json_string(v->wrong));
	}
	if (r == 0)
		return o;
	json_decref(o);
	return NULL;
}
