#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/sid.h"
#include "sessctl/command.h"
#include "sessctl/help.h"
#include "sessctl/reading.h"
#include "sessctl/verify.h"

enum { VERIFY_KEY, VERIFY_ANCHOR, VERIFY_JSON };

static const struct option_row options[] = {
	[VERIFY_KEY] = {"key", 'k', "KEY", "the first public key of the seal (may be repeated)"},
	[VERIFY_ANCHOR] = {"anchor", 'a', "CHECKPOINT", "one that was kept elsewhere: SEQ:HASH"},
	[VERIFY_JSON] = {"json", 'j', NULL, "the answer as one JSON object"},
};

struct job {
	struct context *ctx;
	struct verify v;
};

static int take_piece(void *arg, const char *text, size_t len)
{
	struct job *job = arg;

	return verify_feed(&job->v, text, len) ? EXIT_DONE : EXIT_NO;
}

/* Files are parts of one ledger, in their order. */
static int read_all(struct job *job, const struct args *args, bool *ret_own)
{
	struct reading reading = {.ctx = job->ctx,
		.what = "verifying",
		.files = args->operand,
		.n_files = args->n_operands,
		.take = take_piece,
		.arg = job};
	int r = reading_run(&reading);

	*ret_own = reading.own;
	if (job->v.wrong == NULL)
		job->v.wrong = reading.wrong;
	/* what is wrong with a line is told later */
	return job->v.wrong != NULL && r == EXIT_NO ? EXIT_DONE : r;
}

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
	uint64_t tail = witness_tail(w, &v->chain);

	if (w->anchored)
		fprintf(out,
			"anchored at event %" PRIu64 "; tail of %" PRIu64
			" event%s that nothing seals\n",
			w->anchor.seq, tail, plural(tail));
	else
		fprintf(out,
			"unanchored tail of %" PRIu64
			" event%s: this does not show whether the end was changed or cut off; "
			"compare with a checkpoint that was kept elsewhere (--anchor)\n",
			tail, plural(tail));
}

static void print_people(const struct job *job, const char *head, bool own)
{
	const struct verify *v = &job->v;
	FILE *out = job->ctx->out;

	if (v->wrong != NULL) {
		fprintf(out, "event %" PRIu64 " (line %" PRIu64 "): %s\n", v->chain.seq + 1,
			v->events + 1, v->wrong);
		if (own && geteuid() != 0)
			fputs("Who is no administrator is given his own events alone, and they "
			      "make no chain: ask as root.\n",
				out);
		return;
	}
	fprintf(out, "%" PRIu64 " event%s, chain intact, head %s\n", v->events,
		v->events == 1 ? "" : "s", head);
	if (v->first > 1)
		fprintf(out,
			"It begins at seq %" PRIu64 ": the events before it are not in this %s, "
			"and that it follows them is taken on trust.\n",
			v->first, own ? "ledger" : "file");
	print_seal(v, out);
	print_tail(v, out);
}

static void print_json(const struct job *job, const char *head)
{
	const struct verify *v = &job->v;
	char line[1024], key[SEAL_KEY_HEX + 1];
	struct json j;
	size_t len;

	json_begin(&j, line, sizeof(line));
	json_bool(&j, "intact", v->wrong == NULL);
	json_u64(&j, "events", v->events);
	json_u64(&j, "first", v->first);
	json_u64(&j, "last", v->chain.seq);
	json_str(&j, "head", head);
	json_bool(&j, "sealed", v->witness.checkpoints > 0);
	json_u64(&j, "checkpoints", v->witness.checkpoints);
	json_u64(&j, "sealed_to", v->witness.sealed);
	json_bool(&j, "anchored", v->witness.anchored);
	json_u64(&j, "tail", witness_tail(&v->witness, &v->chain));
	if (v->witness.has_key)
		json_str(&j, "key", hex_encode(v->witness.first_key, SEAL_KEY, key));
	json_u64(&j, "beginnings", v->witness.beginnings);
	if (v->wrong != NULL) {
		json_u64(&j, "seq", v->chain.seq + 1);
		json_u64(&j, "line", v->events + 1);
		json_str(&j, "error", v->wrong);
	}
	if (json_end(&j, &len) == 0)
		fprintf(job->ctx->out, "%s\n", line);
}

static int verdict(struct job *job, bool own, bool json)
{
	char head[CHAIN_HEX + 1];

	verify_end(&job->v);
	if (job->v.wrong == NULL && job->v.events == 0)
		job->v.wrong = "there is no event to verify";
	hex_encode(job->v.chain.hash, CHAIN_HASH, head);
	if (json)
		print_json(job, head);
	else
		print_people(job, head, own);
	return job->v.wrong == NULL ? EXIT_DONE : EXIT_NO;
}

/* What the user knows from elsewhere. */
static int take_knowledge(struct context *ctx, const struct args *args, struct witness *w)
{
	const char *anchor = args->value[VERIFY_ANCHOR];
	size_t i;

	for (i = 0; i < args->repeats.n; i++)
		if (!witness_add_key(w, args->repeats.value[i]))
			return help_usage_error(ctx, &cmd_audit_verify,
				"%s is no key: `sessctl audit key` prints 64 hex digits",
				args->repeats.value[i]);
	if (anchor != NULL && !witness_set_anchor(w, anchor))
		return help_usage_error(ctx, &cmd_audit_verify,
			"%s is no checkpoint: `sessctl audit checkpoint` prints SEQ:HASH", anchor);
	return EXIT_DONE;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct job job = {.ctx = ctx};
	bool own = false;
	int r;

	r = verify_init(&job.v);
	if (r < 0) {
		context_error(ctx, "%s", strerror(-r));
		return EXIT_NO;
	}
	r = take_knowledge(ctx, args, &job.v.witness);
	if (r == EXIT_DONE) {
		r = read_all(&job, args, &own);
		if (r == EXIT_DONE)
			r = verdict(&job, own, args->value[VERIFY_JSON] != NULL);
	}
	verify_fini(&job.v);
	return r;
}

const struct command cmd_audit_verify = {
	.name = "audit verify",
	.summary = "Check the hash chain and the seal of the ledger",
	OPTIONS(options),
	.operands = "[FILE...]",
	.max_operands = OPERANDS_ANY,
	.repeats = "key",
	.text = "Checks this machine's ledger, or FILE: an export as jsonl or a copied database "
		"(-\n"
		"for standard input); several are parts of one ledger, in their order. Exits 0\n"
		"when every event follows the one before it and every checkpoint is signed with\n"
		"the key that it must be, 1 when one does not or is not.\n",
	.exec = exec,
};
