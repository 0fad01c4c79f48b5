/* Locks in core: who is refused, whose sessions end, who is spared, and what a start finds. */
#include <errno.h>
#include <sys/stat.h>

#include "tests/unit/core_fixture.h"

#include "common/lock.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"

/* Whoever asked for a lock. */
struct order {
	struct answer answer;
	unsigned outcomes;
	enum wire_type last; /* 0: none yet */
	enum wire_errno error;
};

static void ordered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct order *o = (struct order *)(void *)answer;

	if (type == WIRE_outcome) {
		assert_int_equal(((const struct wire_outcome *)msg)->reason, REASON_LOCKED);
		o->outcomes++;
	}
	if (!last)
		return;
	assert_int_equal(o->last, 0);
	o->last = type;
	if (type == WIRE_error)
		o->error = (enum wire_errno)((const struct wire_error *)msg)->code;
	else
		assert_int_equal(((const struct wire_done *)msg)->count, o->outcomes);
}

static const struct caller root = {.pidfd = -1, .audit_session = PROC_NO_AUDIT, .admin = true};
static const struct caller user = {
	.pidfd = -1, .audit_session = PROC_NO_AUDIT, .uid = BEN, .admin = false};

static struct order order(struct world *w, struct event event)
{
	struct order o = {.answer.fn = ordered};

	event.answer = &o.answer;
	if (event.caller == NULL)
		event.caller = &root;
	core_handle(w->core, &event);
	WAIT_UNTIL(w->f, o.last != 0);
	return o;
}

static struct wire_lock request(const char *kind, const char *name)
{
	struct wire_lock ask = {.lasts = 0};

	snprintf(ask.kind, sizeof(ask.kind), "%s", kind);
	snprintf(ask.name, sizeof(ask.name), "%s", name);
	return ask;
}

static unsigned lock_it(struct world *w, const struct wire_lock *ask)
{
	struct order o = order(w, (struct event){.type = EVENT_LOCK, .u.lock = ask});

	assert_int_equal(o.last, WIRE_done);
	return o.outcomes;
}

static enum wire_errno lift_of(struct world *w, const char *kind, const char *name, bool fleet)
{
	struct wire_unlock ask = {.fleet = fleet};
	struct order o;

	snprintf(ask.kind, sizeof(ask.kind), "%s", kind);
	snprintf(ask.name, sizeof(ask.name), "%s", name);
	o = order(w, (struct event){.type = EVENT_UNLOCK, .u.unlock = &ask});
	return o.error;
}

static enum wire_errno lift(struct world *w, const char *kind, const char *name)
{
	return lift_of(w, kind, name, false);
}

static unsigned locks(const struct world *w)
{
	uint64_t cursor = 0;
	unsigned n = 0;

	while (core_lock_next(w->core, &cursor) != NULL)
		n++;
	return n;
}

static struct login *locked_out(struct world *w, uid_t uid, const char *service)
{
	struct login *l = start(w, uid, service);

	assert_int_equal(l->answers, 1);
	assert_int_equal(l->type, WIRE_refused);
	assert_int_equal(l->reason, REASON_LOCKED);
	return l;
}

static void ends_and_refuses(void **state)
{
	struct world *w = *state;
	struct wire_lock ask = request("user", "anna");
	struct login *a, *b, *c;

	a = enter(w, ANNA, sshd);
	b = enter(w, BEN, sshd);
	c = enter(w, ANNA, cron);
	strcpy(ask.message, "call 4711");
	assert_int_equal(lock_it(w, &ask), 2);
	assert_true(is_dead(a->caller.pid));
	assert_true(is_dead(c->caller.pid));
	assert_active(w, b);
	assert_string_equal(locked_out(w, ANNA, sshd)->text, "call 4711");
	locked_out(w, ANNA, console);
	locked_out(w, ANNA, cron);
	enter(w, BEN, sshd);
	assert_int_equal(w->metrics.refused[REASON_LOCKED], 3);
	assert_int_equal(lift(w, "user", "ben"), WIRE_E_NO_SESSION);
	assert_int_equal(lift(w, "host", "ben"), WIRE_E_INVALID);
	assert_int_equal(lift(w, "user", "anna"), 0);
	assert_int_equal(locks(w), 0);
	enter(w, ANNA, sshd);
}

/* One that the ledger does not have yet. */
static void one_on_its_way(void **state)
{
	struct world *w = *state;
	struct wire_lock ask = request("user", "anna");
	struct login *a;

	a = start(w, ANNA, sshd);
	assert_int_equal(lock_it(w, &ask), 1);
	assert_true(is_dead(a->caller.pid));
	assert_null(session_of(w, a));
}

static void permissions(void **state)
{
	struct world *w = *state;
	struct wire_lock ask = request("user", "anna"), bad = request("source", "10.0.0.1/8");
	struct wire_unlock undo = {.kind = "user", .name = "anna"};
	struct order o;

	o = order(w, (struct event){.type = EVENT_LOCK, .caller = &user, .u.lock = &ask});
	assert_int_equal(o.error, WIRE_E_NOT_PERMITTED);
	assert_int_equal(locks(w), 0);
	o = order(w, (struct event){.type = EVENT_LOCK, .u.lock = &bad});
	assert_int_equal(o.error, WIRE_E_INVALID);
	ask.lasts = UINT64_MAX;
	o = order(w, (struct event){.type = EVENT_LOCK, .u.lock = &ask});
	assert_int_equal(o.error, WIRE_E_INVALID);
	ask.lasts = 0;
	lock_it(w, &ask);
	o = order(w, (struct event){.type = EVENT_UNLOCK, .caller = &user, .u.unlock = &undo});
	assert_int_equal(o.error, WIRE_E_NOT_PERMITTED);
	assert_int_equal(locks(w), 1);
}

static void breakglass(void **state)
{
	struct world *w = *state;
	struct wire_lock want = request("user", "anna");
	struct login *a = arrive(w, ANNA, sshd), *b;

	w->config.breakglass_gid = 77;
	a->open.gids = (struct gids){.n = 2, .gid = {ANNA, 77}};
	ask(w, a);
	assert_granted(w, a);
	assert_int_equal(lock_it(w, &want), 0);
	assert_active(w, a);
	/* she without the group is not spared */
	b = locked_out(w, ANNA, sshd);
	assert_non_null(b);
	want.even_breakglass = true;
	assert_int_equal(lock_it(w, &want), 1);
	assert_int_equal(locks(w), 1);
	assert_true(is_dead(a->caller.pid));
}

static void root_is_spared(void **state)
{
	struct world *w = *state;
	struct wire_lock want = request("user", "ben");
	struct login *l;

	/* what the name says is not what counts: the id is root's */
	want.id = (struct opt_uid){.set = true, .uid = 0};
	lock_it(w, &want);
	enter(w, 0, console);
	enter(w, 0, sudo);
	locked_out(w, 0, sshd);
	l = arrive(w, 0, console);
	strcpy(l->open.rhost, "192.0.2.7");
	ask(w, l);
	assert_int_equal(l->reason, REASON_LOCKED);
	want.even_breakglass = true;
	assert_int_equal(lock_it(w, &want), 2);
	locked_out(w, 0, console);
	locked_out(w, 0, sudo);
}

static void runs_out(void **state)
{
	struct world *w = *state;
	struct wire_lock want = request("user", "anna");

	want.lasts = 50000000;
	lock_it(w, &want);
	locked_out(w, ANNA, sshd);
	WAIT_UNTIL(w->f, locks(w) == 0);
	enter(w, ANNA, sshd);
	/* locked anew for ever, it does not */
	want.lasts = 20000000;
	lock_it(w, &want);
	want.lasts = 0;
	lock_it(w, &want);
	want = request("user", "ben");
	want.lasts = 60000000;
	lock_it(w, &want);
	WAIT_UNTIL(w->f, locks(w) == 1);
	locked_out(w, ANNA, sshd);
}

/* One of this host and one of the fleet: each is set and lifted for itself, and runs out so. */
static void two_of_a_name(void **state)
{
	struct world *w = *state;
	struct wire_lock want = request("user", "anna"), fleet = request("user", "anna");

	fleet.fleet = true;
	lock_it(w, &fleet);
	assert_int_equal(lift(w, "user", "anna"), WIRE_E_INVALID);
	want.lasts = 20000000;
	lock_it(w, &want);
	assert_int_equal(locks(w), 2);
	WAIT_UNTIL(w->f, locks(w) == 1);
	locked_out(w, ANNA, sshd);
	want.lasts = 0;
	lock_it(w, &want);
	start_again(w, "test", w->f->dir);
	assert_int_equal(locks(w), 2);
	assert_int_equal(lift_of(w, "user", "anna", true), 0);
	locked_out(w, ANNA, sshd);
	assert_int_equal(lift_of(w, "user", "anna", true), WIRE_E_INVALID);
	assert_int_equal(lift(w, "user", "anna"), 0);
	assert_int_equal(lift(w, "user", "anna"), WIRE_E_NO_SESSION);
	assert_int_equal(locks(w), 0);
	start_again(w, "test", w->f->dir);
	enter(w, ANNA, sshd);
}

/* Who spares nobody is the stronger, whichever it is. */
static void the_stronger_holds(void **state)
{
	struct world *w = *state;
	struct wire_lock strong = request("user", "ben"), weak = request("user", "ben");

	strong.id = weak.id = (struct opt_uid){.set = true, .uid = 0};
	weak.fleet = true;
	lock_it(w, &weak);
	enter(w, 0, console);
	strong.even_breakglass = true;
	assert_int_equal(lock_it(w, &strong), 1);
	/* the weaker, said anew, takes nothing away */
	lock_it(w, &weak);
	locked_out(w, 0, console);
	assert_int_equal(lift(w, "user", "ben"), 0);
	enter(w, 0, console);
	locked_out(w, 0, sshd);
}

/* No more than the module will read. */
static void too_many(void **state)
{
	struct world *w = *state;
	struct wire_lock want = request("user", "anna");
	struct order o;
	unsigned i;

	for (i = 0; i < LOCK_MAX; i++) {
		snprintf(want.name, sizeof(want.name), "user%u", i);
		lock_it(w, &want);
	}
	snprintf(want.name, sizeof(want.name), "anna");
	o = order(w, (struct event){.type = EVENT_LOCK, .u.lock = &want});
	assert_int_equal(o.error, WIRE_E_UNAVAILABLE);
	assert_int_equal(locks(w), LOCK_MAX);
	enter(w, ANNA, sshd);
	snprintf(want.name, sizeof(want.name), "user%u", LOCK_MAX - 1);
	lock_it(w, &want);
}

/* --- What a start finds --- */

static bool has_file(const struct world *w, const char *name)
{
	struct wire_locked lock = {.kind = "user"};
	char path[200], file[LOCK_NAME_HEX + 1];

	snprintf(lock.name, sizeof(lock.name), "%s", name);
	snprintf(path, sizeof(path), "%s/" LOCK_FOLDER "/%s", w->f->dir,
		lock_file_name(&lock, file));
	return access(path, F_OK) == 0;
}

static void put_file(const struct world *w, const char *name, uint64_t set_at)
{
	struct wire_locked lock = {.kind = "user", .set_at = set_at};
	int folder = lock_folder_open(w->f->dir, true);

	assert_true(folder >= 0);
	snprintf(lock.name, sizeof(lock.name), "%s", name);
	assert_int_equal(lock_file_write(folder, &lock), 0);
	close(folder);
}

static void survives(void **state)
{
	struct world *w = *state;
	struct wire_lock want = request("user", "anna");
	uint64_t cursor = 0;

	lock_it(w, &want);
	want = request("user", "ben");
	want.lasts = UINT64_C(3600000000000);
	lock_it(w, &want);
	start_again(w, "test", w->f->dir);
	assert_int_equal(locks(w), 2);
	locked_out(w, ANNA, sshd);
	locked_out(w, BEN, sshd);
	assert_true(has_file(w, "anna") && has_file(w, "ben"));
	/* after a reboot, what is left of its time is what the wall clock says */
	start_again(w, "another", w->f->dir);
	locked_out(w, BEN, sshd);
	assert_string_equal(core_lock_next(w->core, &cursor)->name, "anna");
	assert_true(core_lock_next(w->core, &cursor)->deadline <=
		    clock_boot() + UINT64_C(3600000000000));
	assert_int_equal(lift(w, "user", "anna"), 0);
	assert_false(has_file(w, "anna"));
	start_again(w, "another", w->f->dir);
	assert_int_equal(locks(w), 1);
	assert_false(has_file(w, "anna"));
	enter(w, ANNA, sshd);
}

static void takes_files_over(void **state)
{
	struct world *w = *state;
	struct login *a = enter(w, ANNA, sshd), *b;

	put_file(w, "anna", clock_wall());
	start_again(w, "test", w->f->dir);
	WAIT_UNTIL(w->f, is_dead(a->caller.pid));
	locked_out(w, ANNA, sshd);
	/* and while it runs */
	b = enter(w, BEN, sshd);
	put_file(w, "ben", clock_wall());
	WAIT_UNTIL(w->f, is_dead(b->caller.pid));
	locked_out(w, BEN, sshd);
	start_again(w, "test", w->f->dir);
	assert_int_equal(locks(w), 2);
}

static void somebody_elses_folder(void **state)
{
	struct world *w = *state;
	struct core_parts parts = {.loop = w->f->loop,
		.cgroups = &w->cgroups,
		.ledger = w->f->ledger,
		.reaper = w->reaper,
		.sweep = w->sweep,
		.metrics = &w->metrics,
		.config = &w->config,
		.token_key = w->key,
		.boot_id = "test",
		.runtime_dir = w->f->dir};
	char path[200];

	put_file(w, "anna", 1);
	snprintf(path, sizeof(path), "%s/" LOCK_FOLDER, w->f->dir);
	assert_int_equal(chmod(path, 0777), 0);
	core_free(w->core);
	assert_int_equal(core_new(&parts, &w->core), 0);
	assert_int_equal(core_load(w->core), 0);
	assert_int_equal(core_recover(w->core), -EPERM);
}

static int remove_locks(void **state)
{
	struct world *w = *state;
	char path[200];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/" LOCK_FOLDER, w->f->dir);
	dir = opendir(path);
	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			unlinkat(dirfd(dir), d->d_name, 0);
	if (dir != NULL) {
		closedir(dir);
		rmdir(path);
	}
	return teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, remove_locks)

static int all(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_and_refuses),
		TEST(one_on_its_way),
		TEST(permissions),
		TEST(breakglass),
		TEST(root_is_spared),
		TEST(runs_out),
		TEST(two_of_a_name),
		TEST(the_stronger_holds),
		TEST(too_many),
		TEST(survives),
		TEST(takes_files_over),
		TEST(somebody_elses_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return processes_main(all);
}
