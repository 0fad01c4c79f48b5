/* What a user can make the dispatcher hold. The peers are made by hand: nothing is sent. */
#include "tests/unit/core_fixture.h"

#include "sessd/peer_state.h"
#include "sessd/request.h"

static void describe(void *ctx, struct wire_state *ret)
{
	(void)ctx;
	(void)ret;
}

/* Nothing that it is asked for ends it. */
static void ignore(struct shared *shared)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	shared->ready++;
	live_on(shared);
}

static unsigned under_way(const struct dispatch *d)
{
	const struct request *req;
	unsigned n = 0;

	LIST_FOREACH (req, &d->requests, link) {
		n++;
	}
	return n;
}

static struct listener ctl = {.use = WIRE_ON_CTL};

/* Somebody connects, wants that session to end in an hour, and goes. */
static void ask_and_go(struct dispatch *d, const struct login *l, uid_t uid)
{
	struct peer peer = {.caller = {.uid = uid, .audit_session = PROC_NO_AUDIT, .admin = !uid},
		.broken = true,
		.listener = &ctl,
		.handling = true};
	struct wire_frame *frame = calloc(1, sizeof(*frame));

	assert_non_null(frame);
	frame->type = WIRE_revoke;
	frame->u.revoke.grace = WIRE_GRACE_MAX;
	sid_hex(&l->open.sid, frame->u.revoke.prefix);
	dispatch_message(d, &peer, frame);
	if (peer.gone != NULL)
		peer.gone(peer.gone_ctx);
	free(frame);
}

static void requests_of_those_who_go(void **state)
{
	struct world *w = *state;
	const struct dispatch_parts parts = {.core = w->core,
		.ledger = w->f->ledger,
		.metrics = &w->metrics,
		.describe = describe};
	struct login *l = arrive_as(w, BEN, sshd, ignore);
	struct dispatch *d;
	unsigned i;

	await(w->shared->ready == 1);
	ask(w, l);
	assert_granted(w, l);
	assert_int_equal(dispatch_new(&parts, &d), 0);
	for (i = 0; i < 4 * CHARGE_REQUESTS; i++)
		ask_and_go(d, l, BEN);
	assert_int_equal(under_way(d), CHARGE_REQUESTS);
	/* that keeps nobody else */
	ask_and_go(d, l, 0);
	assert_int_equal(under_way(d), CHARGE_REQUESTS + 1);
	core_free(w->core);
	w->core = NULL;
	dispatch_free(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		TEST(requests_of_those_who_go),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
