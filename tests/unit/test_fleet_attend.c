/* What sessd tells the agent, and what becomes of that when sessd goes. No sessd, no store. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/timestamp.h"
#include "fleet/agent.h"

static struct {
	link_fn *told; /* who hears the answer to `attend` */
	void *ctx;
	bool fresh; /* as it was asked */
	unsigned n_asked, n_begun, n_dropped;
} world;

/* --- In the place of the rest of the agent --- */

int link_ask(struct link *link, enum wire_type type, const void *msg, link_fn *fn, void *ctx)
{
	(void)link;
	assert_int_equal(type, WIRE_attend);
	world.told = fn;
	world.ctx = ctx;
	world.fresh = ((const struct wire_attend *)msg)->fresh;
	world.n_asked++;
	return 0;
}

void errand_begin(struct agent *a, const struct wire_errand *msg)
{
	(void)a;
	(void)msg;
	world.n_begun++;
}

void errands_fini(struct agent *a)
{
	(void)a;
	world.n_dropped++;
}

void agent_tell(struct agent *a, enum wire_type type, const void *msg)
{
	(void)a;
	(void)type;
	(void)msg;
}

struct member *member_tell(struct agent *a, const struct wire_member *msg)
{
	(void)a;
	(void)msg;
	return NULL;
}

void member_left(struct agent *a, const struct sid *sid)
{
	(void)a;
	(void)sid;
}

void members_begin(struct agent *a)
{
	(void)a;
}

void members_complete(struct agent *a)
{
	(void)a;
}

void place_seek(struct agent *a, struct member *m)
{
	(void)a;
	(void)m;
}

void place_forget(struct agent *a, const struct sid *sid)
{
	(void)a;
	(void)sid;
}

void places_fini(struct agent *a)
{
	(void)a;
}

void locks_check(struct agent *a)
{
	(void)a;
}

void head_told(struct agent *a, const char *checkpoint)
{
	(void)a;
	(void)checkpoint;
}

void head_doubt(struct agent *a)
{
	(void)a;
}

/* --- */

static void be_told(const struct wire_frame *frame)
{
	world.told(world.ctx, frame);
}

static void what_was_asked_of_the_fleet_goes_with_sessd(bool closed)
{
	static const struct wire_frame errand = {.type = WIRE_errand, .u.errand = {.errand = 1}},
				       error = {.type = WIRE_error};
	struct agent a = {.n_caps = 0};

	memset(&world, 0, sizeof(world));
	attend_start(&a);
	assert_true(world.fresh);
	be_told(&errand);
	assert_int_equal(world.n_begun, 1);
	assert_int_equal(world.n_dropped, 0);
	/* the next sessd must not take an answer to that for one to what it asks */
	be_told(closed ? NULL : &error);
	assert_int_equal(world.n_dropped, 1);
	while (world.n_asked == 1)
		timers_run(&a.timers);
	assert_true(world.fresh);
	attend_stop(&a);
}

static void sessd_goes(void **state)
{
	(void)state;
	what_was_asked_of_the_fleet_goes_with_sessd(true);
}

static void sessd_turns_away(void **state)
{
	(void)state;
	what_was_asked_of_the_fleet_goes_with_sessd(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessd_goes),
		cmocka_unit_test(sessd_turns_away),
	};

	return cmocka_run_group_tests_name("fleet_attend", tests, NULL, NULL);
}
