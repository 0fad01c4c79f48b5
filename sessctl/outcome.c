#include <inttypes.h>
#include <string.h>

#include "common/duration.h"
#include "sessctl/outcome.h"
#include "sessctl/output.h"
#include "sessctl/record.h"

/* The answer to several requests is the gravest of their answers; first the gravest. */
static const int gravity[] = {
	EXIT_UNAVAILABLE, EXIT_NO, EXIT_FORBIDDEN, EXIT_NO_SESSION, EXIT_USAGE, EXIT_DONE};

int outcomes_graver(int a, int b)
{
	size_t i;

	for (i = 0; gravity[i] != EXIT_DONE; i++)
		if (a == gravity[i] || b == gravity[i])
			return gravity[i];
	return EXIT_DONE;
}

/* Of a login that is over there is no session. */
static bool is_leftover(const struct wire_outcome *o)
{
	static const struct sid none;

	return sid_equal(&o->sid, &none);
}

static bool is_not_done(const struct wire_outcome *o)
{
	return o->survivors > 0 || o->pending || o->refused[0] != '\0' || o->failed[0] != '\0';
}

/* Others are ended, and the one that the asker is in is not. */
static void say_spared(struct context *ctx, const struct wire_session *s)
{
	char sid[SID_HEX + 1];

	sid_hex(&s->sid, sid)[SID_SHORT] = '\0';
	context_error(ctx, "%s %s %s is yours and goes on; end it with: sessctl revoke %s", sid,
		s->user, s->service, sid);
}

/* Of a host of the fleet. */
static void print_host(FILE *out, const struct wire_outcome *o)
{
	if (o->host[0] == '\0')
		return;
	output_text(out, o->host, strlen(o->host));
	fputs(": ", out);
}

static void print_outcome(FILE *out, const struct wire_outcome *o, enum reason asked)
{
	char sid[SID_HEX + 1], took[DURATION_TEXT];

	print_host(out, o);
	if (o->pending) {
		fputs("PENDING: it has not answered; the order stands until it is back\n", out);
		return;
	}
	if (o->refused[0] != '\0') {
		fputs("REFUSED: ", out);
		output_text(out, o->refused, strlen(o->refused));
		fputc('\n', out);
		return;
	}
	if (o->failed[0] != '\0') {
		fputs("FAILED: ", out);
		output_text(out, o->failed, strlen(o->failed));
		fputc('\n', out);
		return;
	}
	if (o->more > 0) {
		fprintf(out, "and %" PRIu64 " more", o->more);
	} else if (is_leftover(o)) {
		output_text(out, o->user, strlen(o->user));
		fprintf(out, ": left over (");
		output_text(out, o->service, strlen(o->service));
		fputc(')', out);
	} else {
		sid_hex(&o->sid, sid)[SID_SHORT] = '\0';
		fprintf(out, "%s ", sid);
		output_text(out, o->user, strlen(o->user));
		fputc(' ', out);
		output_text(out, o->service, strlen(o->service));
	}
	if (o->survivors > 0) {
		fprintf(out, ": not ended: %" PRIu64 " of %" PRIu64 " processes still there%s",
			o->survivors, o->signalled, o->survivor_list[0] != '\0' ? ": " : "");
		output_text(out, o->survivor_list, strlen(o->survivor_list));
	} else {
		fprintf(out, ": ended, %" PRIu64 " process%s gone in %s", o->signalled,
			o->signalled == 1 ? "" : "es", duration_format(o->elapsed, took));
	}
	/* it may have been on its way already, for another reason */
	if (o->reason != asked)
		fprintf(out, " (%s)", reason_name(o->reason));
	fputc('\n', out);
}

int outcomes_read(struct conn *c, struct outcomes *o)
{
	const struct wire_outcome *outcome = &c->frame.u.outcome;
	int r, code = EXIT_DONE;

	while ((r = conn_next(c)) == EXIT_DONE) {
		if (c->frame.type == WIRE_done)
			return code;
		o->n++;
		if (c->frame.type == WIRE_session) {
			progress_clear(&c->ctx->progress);
			say_spared(c->ctx, &c->frame.u.session);
			continue;
		}
		if (c->frame.type != WIRE_outcome)
			return conn_strange(c);
		progress_clear(&c->ctx->progress);
		if (o->json)
			record_json(c->ctx->out, WIRE_outcome, outcome);
		else
			print_outcome(c->ctx->out, outcome, o->reason);
		/* that it cannot be shown must not keep the rest from being ended: go on */
		context_flush(c->ctx);
		if (is_not_done(outcome))
			code = EXIT_NO;
	}
	return outcomes_graver(r, code);
}
