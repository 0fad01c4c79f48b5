#include <string.h>
#include <unistd.h>

#include "sessctl/conn.h"
#include "sessctl/examination.h"
#include "sessctl/knowledge.h"
#include "sessctl/period.h"
#include "sessctl/reading.h"

static int take(void *arg, const char *text, size_t len)
{
	struct survey *s = arg;

	return verify_feed(&s->verify, text, len) && s->error == 0 ? EXIT_DONE : EXIT_NO;
}

static int read_ledger(struct examination *x, const struct examination_order *order)
{
	struct survey *s = &x->survey;
	struct reading reading = {.ctx = order->ctx,
		.what = "reading",
		.files = order->files,
		.n_files = order->n_files,
		.take = take,
		.arg = s};
	int r = reading_run(&reading);

	x->own = reading.own;
	s->verify.witness.whole = reading.own;
	if (s->verify.wrong == NULL)
		s->verify.wrong = reading.wrong;
	/* what is wrong with a line is told later */
	if (r != EXIT_DONE && s->verify.wrong == NULL && s->error == 0)
		return r;
	verify_end(&s->verify);
	if (s->verify.wrong == NULL && s->verify.events == 0)
		s->verify.wrong = "there is no event to verify";
	r = survey_end(s);
	if (r == 0)
		return EXIT_DONE;
	context_error(order->ctx, "%s", strerror(-r));
	return EXIT_NO;
}

/*
 * Anybody is given his own events, and they are evidence of nothing. Where no daemon answers, the
 * database is for root alone. Administrators are those who are told of locks.
 */
static int check_permission(struct context *ctx)
{
	const struct wire_locks ask = {0};
	bool down = false;
	struct conn c;
	int r;

	r = conn_open_if(&c, ctx, &down);
	if (r != EXIT_DONE)
		return down ? EXIT_DONE : r;
	c.unsaid = WIRE_E_NOT_PERMITTED;
	r = conn_ask(&c, WIRE_locks, &ask);
	if (r == EXIT_DONE)
		r = conn_next(&c);
	conn_close(&c);
	if (r == EXIT_FORBIDDEN)
		context_error(ctx, "this is for administrators: who is none is given only his own "
				   "events");
	return r;
}

static void read_limits(struct examination *x, struct context *ctx)
{
	if (x->own)
		limits_ask(&x->limits, ctx, &x->survey.users);
	else
		x->limits.why_not =
			"a file says nothing of how its machine is configured now; see the "
			"lifetimes that policies gave, and config_loaded";
}

int examination_run(struct examination *x, const struct examination_order *order)
{
	struct survey *s = &x->survey;
	int r;

	*x = (struct examination){0};
	r = survey_init(s);
	if (r < 0) {
		context_error(order->ctx, "%s", strerror(-r));
		return EXIT_NO;
	}
	r = knowledge_read(order->ctx, order->command, &order->args->repeats, order->anchor,
		&s->verify.witness);
	if (r == EXIT_DONE)
		r = period_read(order->ctx, order->command, order->since, order->until, &s->since,
			&s->until);
	if (r == EXIT_DONE && order->n_files == 0 && geteuid() != 0)
		r = check_permission(order->ctx);
	if (r == EXIT_DONE)
		r = read_ledger(x, order);
	if (r == EXIT_DONE)
		read_limits(x, order->ctx);
	return r;
}

void examination_fini(struct examination *x)
{
	survey_fini(&x->survey);
}
