#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "common/sid.h"
#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/verify.h"

enum { VERIFY_KEY, VERIFY_ANCHOR, VERIFY_JSON };

static const struct option_row options[] = {
	[VERIFY_KEY] = {"key", 'k', "KEY", "the first public key of the seal (may be repeated)"},
	[VERIFY_ANCHOR] = {"anchor", 'a', "CHECKPOINT", "one that was kept elsewhere: SEQ:HASH"},
	[VERIFY_JSON] = {"json", 'j', NULL, "the answer as one JSON object"},
};

#define CHUNK 65536

struct job {
	struct context *ctx;
	struct verify v;
	uint64_t done; /* for the progress: bytes of a file, events of the live ledger */
	uint64_t total;
};

static int read_text(struct job *job, FILE *in)
{
	char chunk[CHUNK];
	size_t n;

	while ((n = fread(chunk, 1, sizeof(chunk), in)) > 0) {
		if (!verify_feed(&job->v, chunk, n))
			return EXIT_DONE;
		job->done += n;
		progress_tick(&job->ctx->progress, clock_boot(), job->done, job->total);
	}
	return ferror(in) ? EXIT_NO : EXIT_DONE;
}

static int read_file(struct job *job, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	struct stat st;
	int r = EXIT_NO;

	if (in != NULL) {
		if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode))
			job->total += (uint64_t)st.st_size;
		errno = 0;
		r = read_text(job, in);
	}
	if (r != EXIT_DONE)
		context_error(job->ctx, "%s: %s", is_stdin ? "standard input" : path,
			strerror(errno ? errno : EIO));
	if (in != NULL && !is_stdin)
		fclose(in);
	return r;
}

static int take_page(void *arg, const struct wire_page *page)
{
	struct job *job = arg;

	if (!verify_feed(&job->v, page->body.data, page->body.len))
		return EXIT_NO;
	job->done = job->v.chain.seq;
	progress_tick(&job->ctx->progress, clock_boot(), job->done, job->total);
	return EXIT_DONE;
}

static int read_live(struct job *job)
{
	struct wire_state state;
	uint64_t after = 0;
	struct conn c;
	int r;

	job->v.witness.whole = true;
	r = conn_open(&c, job->ctx);
	if (r != EXIT_DONE)
		return r;
	r = conn_status(&c, &state);
	if (r == EXIT_DONE) {
		job->total = state.ledger_seq;
		r = conn_ledger(&c, &after, take_page, job);
	}
	conn_close(&c);
	/* what is wrong with a line is told later */
	return job->v.wrong != NULL ? EXIT_DONE : r;
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

static void print_people(const struct job *job, const char *head, bool live)
{
	const struct verify *v = &job->v;
	FILE *out = job->ctx->out;
	char when[TIMESTAMP_TEXT];

	if (v->wrong != NULL) {
		fprintf(out, "event %" PRIu64 " (line %" PRIu64 "): %s\n", v->chain.seq + 1,
			v->events + 1, v->wrong);
		if (live && geteuid() != 0)
			fputs("Who is no administrator is given his own events alone, and they "
			      "make no chain: ask as root.\n",
				out);
		return;
	}
	fprintf(out, "%" PRIu64 " event%s, chain intact, head %s\n", v->events,
		v->events == 1 ? "" : "s", head);
	if (witness_pruned(&v->witness))
		fprintf(out,
			"events before %" PRIu64 " were pruned on %s; event %" PRIu64 " says so\n",
			v->first, timestamp_local(v->witness.pruned_at, when), v->witness.pruned);
	else if (v->first > 1)
		fprintf(out,
			"It begins at seq %" PRIu64 ": the events before it are not in this %s, "
			"and that it follows them is taken on trust.\n",
			v->first, live ? "ledger" : "file");
	if (v->origin[0] != '\0')
		fprintf(out, "THIS LEDGER REPLACES ANOTHER ONE: %s\n", v->origin);
	print_seal(v, out);
	print_tail(v, out);
}

static void print_json(const struct job *job, const char *head)
{
	const struct verify *v = &job->v;
	char line[8192], key[SEAL_KEY_HEX + 1];
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
	json_bool(&j, "pruned", witness_pruned(&v->witness));
	if (witness_pruned(&v->witness))
		json_time(&j, "pruned_at", v->witness.pruned_at);
	if (v->origin[0] != '\0')
		json_str(&j, "replaces", v->origin);
	if (v->wrong != NULL) {
		json_u64(&j, "seq", v->chain.seq + 1);
		json_u64(&j, "line", v->events + 1);
		json_str(&j, "error", v->wrong);
	}
	if (json_end(&j, &len) == 0)
		fprintf(job->ctx->out, "%s\n", line);
}

static int verdict(struct job *job, bool live, bool json)
{
	char head[CHAIN_HEX + 1];

	verify_end(&job->v);
	if (job->v.wrong == NULL && job->v.events == 0)
		job->v.wrong = "there is no event to verify";
	hex_encode(job->v.chain.hash, CHAIN_HASH, head);
	progress_end(&job->ctx->progress);
	if (json)
		print_json(job, head);
	else
		print_people(job, head, live);
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

/* The files are parts of one ledger, in their order. */
static int read_all(struct job *job, const struct args *args)
{
	int i, r = EXIT_DONE;

	if (args->n_operands == 0)
		return read_live(job);
	for (i = 0; i < args->n_operands && r == EXIT_DONE; i++)
		r = read_file(job, args->operand[i]);
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct job job = {.ctx = ctx};
	int r;

	r = verify_init(&job.v);
	if (r < 0) {
		context_error(ctx, "%s", strerror(-r));
		return EXIT_NO;
	}
	r = take_knowledge(ctx, args, &job.v.witness);
	if (r == EXIT_DONE) {
		progress_begin(&ctx->progress, "verifying", clock_boot());
		r = read_all(&job, args);
		if (r == EXIT_DONE)
			r = verdict(&job, args->n_operands == 0, args->value[VERIFY_JSON] != NULL);
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
	.text = "Checks the live ledger, or FILE, which `sessctl audit export` wrote (- for "
		"standard\n"
		"input); several are parts of one ledger, in their order. Exits 0 when every\n"
		"event follows the one before it and every checkpoint is signed with the key\n"
		"that it must be, 1 when one does not or is not.\n",
	.exec = exec,
};
