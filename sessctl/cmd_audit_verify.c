#include <errno.h>
#include <string.h>

#include "sessctl/command.h"
#include "sessctl/knowledge.h"
#include "sessctl/mapping.h"
#include "sessctl/reading.h"
#include "sessctl/statement.h"

enum { VERIFY_KEY, VERIFY_ANCHOR, VERIFY_JSON };

static const struct option_row options[] = {
	[VERIFY_KEY] = KNOWLEDGE_KEY,
	[VERIFY_ANCHOR] = KNOWLEDGE_ANCHOR,
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
	job->v.witness.whole = reading.own;
	if (job->v.wrong == NULL)
		job->v.wrong = reading.wrong;
	/* what is wrong with a line is told later */
	return job->v.wrong != NULL && r == EXIT_NO ? EXIT_DONE : r;
}

static int print_json(const struct job *job)
{
	json_t *o = statement_json(&job->v);
	bool ok = o != NULL && mapping_write(o, job->ctx->out);

	json_decref(o);
	if (!ok)
		context_error(job->ctx, "%s", strerror(ENOMEM));
	return ok ? EXIT_DONE : EXIT_NO;
}

static int verdict(struct job *job, bool own, bool json)
{
	int r = EXIT_DONE;

	verify_end(&job->v);
	if (job->v.wrong == NULL && job->v.events == 0)
		job->v.wrong = "there is no event to verify";
	if (json)
		r = print_json(job);
	else
		statement_print(&job->v, own, job->ctx->out);
	return job->v.wrong == NULL ? r : EXIT_NO;
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
	r = knowledge_read(
		ctx, &cmd_audit_verify, &args->repeats, args->value[VERIFY_ANCHOR], &job.v.witness);
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
