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
#include "sessctl/verify.h"

enum { VERIFY_JSON };

static const struct option_row options[] = {
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
			job->total = (uint64_t)st.st_size;
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

static void print_people(const struct job *job, const char *head, bool live)
{
	const struct verify *v = &job->v;
	FILE *out = job->ctx->out;

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
	if (v->first > 1)
		fprintf(out,
			"It begins at seq %" PRIu64 ": the events before it are not in this %s, "
			"and that it follows them is taken on trust.\n",
			v->first, live ? "ledger" : "file");
	fputs("Without a seal this does not show whether the last event was changed or later ones "
	      "were cut off: compare the head with one that was kept elsewhere.\n",
		out);
}

static void print_json(const struct job *job, const char *head)
{
	const struct verify *v = &job->v;
	char line[1024];
	struct json j;
	size_t len;

	json_begin(&j, line, sizeof(line));
	json_bool(&j, "intact", v->wrong == NULL);
	json_u64(&j, "events", v->events);
	json_u64(&j, "first", v->first);
	json_u64(&j, "last", v->chain.seq);
	json_str(&j, "head", head);
	json_bool(&j, "sealed", false);
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

static int exec(struct context *ctx, const struct args *args)
{
	const char *path = args->n_operands > 0 ? args->operand[0] : NULL;
	struct job job = {.ctx = ctx};
	int r;

	r = verify_init(&job.v);
	if (r < 0) {
		context_error(ctx, "%s", strerror(-r));
		return EXIT_NO;
	}
	progress_begin(&ctx->progress, "verifying", clock_boot());
	r = path != NULL ? read_file(&job, path) : read_live(&job);
	if (r == EXIT_DONE)
		r = verdict(&job, path == NULL, args->value[VERIFY_JSON] != NULL);
	verify_fini(&job.v);
	return r;
}

const struct command cmd_audit_verify = {
	.name = "audit verify",
	.summary = "Check the hash chain of the ledger",
	OPTIONS(options),
	.operands = "[FILE]",
	.max_operands = 1,
	.text = "Checks the live ledger, or FILE, which `sessctl audit export` wrote (- for "
		"standard\n"
		"input). Exits 0 when every event follows the one before it, 1 when one does "
		"not.\n",
	.exec = exec,
};
