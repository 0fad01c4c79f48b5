/* A session that is given a grace: who is told, who may still act, and who is killed in the end. */
#include "tests/unit/reaper_fixture.h"

/* How a session's processes are found. */
enum way { BY_AUDIT, BY_CGROUP, BY_BOTH, BY_TREE, N_WAYS };

/* In shared->pid: what happened. */
enum { HUPS, TERMS, SAVED };

static struct shared *noted;

static void on_hup(int sig)
{
	(void)sig;
	noted->pid[HUPS]++;
}

static void on_term(int sig)
{
	(void)sig;
	noted->pid[TERMS]++;
}

/* Counts what it is told, and stays. */
static void note_signals(struct shared *s)
{
	sigset_t all;

	noted = s;
	signal(SIGHUP, on_hup);
	signal(SIGTERM, on_term);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	wait_here(s);
}

/* One session, as an order for it. */
struct session {
	struct bed bed;
	struct reap_order order;
	struct report report;
	struct reap *reap;
	pid_t leader;
};

static bool has(enum way way)
{
	return (way == BY_CGROUP || audit_works()) &&
	       (way == BY_AUDIT || way == BY_TREE || own_root_fd >= 0);
}

/* Of so many processes, the leader among them. */
static void session_init(struct session *s, enum way way, process_fn *fn, int processes)
{
	uint32_t audit;

	*s = (struct session){.bed = bed_new()};
	bed_reaper(&s->bed);
	s->leader = spawn(fn, s->bed.shared, &audit);
	await(s->bed.shared->ready == processes);
	if (way == BY_TREE || way == BY_CGROUP)
		audit = PROC_NO_AUDIT;
	s->order = order_of(audit, s->leader);
	s->order.grace = DURATION_MAX;
}

static void begin(struct session *s)
{
	s->reap = order(&s->bed, &s->order, &s->report);
}

static bool turn_until_atomic(struct session *s, atomic_int *number, int wanted)
{
	uint64_t end = clock_boot() + PATIENCE_NS;

	while (*number < wanted && clock_boot() < end)
		if (loop_turn(s->bed.loop, 10) < 0)
			return false;
	return *number == wanted;
}

/* Turns the loop for some readings of /proc: long enough for it to do what it should not. */
static void turn_on(struct session *s)
{
	uint64_t end = clock_boot() + 100 * NS_PER_MS;

	while (clock_boot() < end)
		assert_true(loop_turn(s->bed.loop, 10) >= 0);
}

/* The leader's status, whose end the report has told of. */
static int collect(struct session *s)
{
	int status;

	await_gone(&s->bed, &s->report);
	assert_int_equal(s->report.survived, 0);
	assert_int_equal(waitpid(s->leader, &status, 0), s->leader);
	return status;
}

static bool killed_by(int status, int sig)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

static process_fn *in_cgroup_fn;

static void in_cgroup(struct shared *s)
{
	move("grace", getpid());
	in_cgroup_fn(s);
}

static void session_by(struct session *s, enum way way, process_fn *fn, int processes)
{
	bool cgroup = way == BY_CGROUP || way == BY_BOTH;

	in_cgroup_fn = fn;
	session_init(s, way, cgroup ? in_cgroup : fn, processes);
	if (cgroup)
		s->order.cgroup = "/grace";
}

static void in_every_way(void (*check)(enum way way))
{
	enum way way;
	int done = 0;

	for (way = BY_AUDIT; way < N_WAYS; way++) {
		if (!has(way))
			continue;
		check(way);
		done++;
	}
	need(done == N_WAYS, "not every way of finding a session's processes is there");
}

static void four(struct shared *s)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			wait_here(s);
		wait_here(s);
	}
	if (fork() == 0)
		wait_here(s);
	wait_here(s);
}

static void check_obeyed(enum way way)
{
	struct session s;
	pid_t stranger;

	session_by(&s, way, four, 4);
	stranger = spawn(wait_here, s.bed.shared, NULL);
	await(s.bed.shared->ready == 5);
	begin(&s);
	/* the grace is longer than the test may take, so nobody waits it out */
	assert_true(killed_by(collect(&s), SIGHUP));
	assert_int_equal(s.report.result.signalled, 4);
	assert_false(is_dead(stranger));
	finish(stranger);
	bed_free(&s.bed);
}

static void test_obeyed(void **state)
{
	(void)state;
	in_every_way(check_obeyed);
}

static void two(struct shared *s)
{
	if (fork() == 0)
		note_signals(s);
	wait_here(s);
}

/* Whoever stays is told once, also where he is found in two ways. */
static void check_told_once(enum way way)
{
	struct session s;

	session_by(&s, way, two, 2);
	begin(&s);
	assert_true(turn_until_atomic(&s, &s.bed.shared->pid[TERMS], 1));
	turn_on(&s);
	assert_true(reaper_waits(s.reap));
	assert_true(is_dead(s.leader));
	assert_int_equal(s.report.gone, 0);
	reaper_hurry(s.reap, 0);
	assert_false(reaper_waits(s.reap));
	assert_true(killed_by(collect(&s), SIGHUP));
	assert_int_equal(s.bed.shared->pid[HUPS], 1);
	assert_int_equal(s.bed.shared->pid[TERMS], 1);
	assert_int_equal(s.report.result.signalled, 2);
	bed_free(&s.bed);
}

static void test_told_once(void **state)
{
	(void)state;
	in_every_way(check_told_once);
}

static void await_term(struct shared *s)
{
	sigset_t term;
	int sig;

	signal(SIGHUP, SIG_IGN);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	s->ready++;
	sigwait(&term, &sig);
}

/* As an editor does: it lets its terminal go, and writes before it ends. */
static void save(struct shared *s)
{
	await_term(s);
	s->pid[TERMS]++;
	while (s->go == 0)
		poll(NULL, 0, 1);
	s->pid[SAVED]++;
	_exit(0);
}

static void check_saved(enum way way)
{
	struct session s;
	int status;

	session_by(&s, way, save, 1);
	begin(&s);
	assert_true(turn_until_atomic(&s, &s.bed.shared->pid[TERMS], 1));
	turn_on(&s);
	assert_int_equal(s.report.gone, 0);
	s.bed.shared->go = 1;
	status = collect(&s);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(s.bed.shared->pid[SAVED], 1);
	assert_int_equal(s.report.result.signalled, 1);
	bed_free(&s.bed);
}

static void test_saved(void **state)
{
	(void)state;
	in_every_way(check_saved);
}

static void check_ignored(enum way way)
{
	struct session s;

	session_by(&s, way, note_signals, 1);
	s.order.grace = 50 * NS_PER_MS;
	begin(&s);
	assert_true(killed_by(collect(&s), SIGKILL));
	assert_true(s.report.result.elapsed >= s.order.grace);
	assert_int_equal(s.report.result.signalled, 1);
	assert_int_equal(s.bed.shared->pid[TERMS], 1);
	bed_free(&s.bed);
}

static void test_ignored(void **state)
{
	(void)state;
	in_every_way(check_ignored);
}

static void check_stopped(enum way way)
{
	struct session s;
	struct proc_stat st;

	session_by(&s, way, two, 2);
	kill(s.leader, SIGSTOP);
	await(proc_stat(s.leader, &st) == 0 && st.state == 'T');
	begin(&s);
	assert_true(turn_until_atomic(&s, &s.bed.shared->pid[TERMS], 1));
	/* SIGKILL would end it too: but it has not come yet */
	await(is_dead(s.leader));
	assert_true(reaper_waits(s.reap));
	reaper_hurry(s.reap, 0);
	assert_true(killed_by(collect(&s), SIGHUP));
	bed_free(&s.bed);
}

static void test_stopped(void **state)
{
	(void)state;
	in_every_way(check_stopped);
}

/* A child that comes up in the grace: it hears nothing, and does not outlive it. */
static void fork_late(struct shared *s)
{
	await_term(s);
	s->pid[TERMS]++;
	while (s->go == 0)
		poll(NULL, 0, 1);
	s->pid[TERMS] = 0;
	if (fork() == 0)
		note_signals(s);
	wait_here(s);
}

static void check_newcomer(enum way way)
{
	struct session s;

	session_by(&s, way, fork_late, 1);
	begin(&s);
	assert_true(turn_until_atomic(&s, &s.bed.shared->pid[TERMS], 1));
	/* what comes up while the others are being told may be told with them */
	turn_on(&s);
	s.bed.shared->go = 1;
	assert_true(turn_until_atomic(&s, &s.bed.shared->ready, 3));
	turn_on(&s);
	assert_int_equal(s.report.gone, 0);
	reaper_hurry(s.reap, 0);
	assert_true(killed_by(collect(&s), SIGKILL));
	assert_int_equal(s.bed.shared->pid[HUPS], 0);
	assert_int_equal(s.bed.shared->pid[TERMS], 0);
	assert_int_equal(s.report.result.signalled, 2);
	bed_free(&s.bed);
}

static void test_newcomer(void **state)
{
	(void)state;
	in_every_way(check_newcomer);
}

/* Before anything was done, or while those who are to be told are looked for. */
static void check_hurried_early(enum way way)
{
	struct session s;
	int turns, i;

	for (turns = 0; turns < 3; turns++) {
		session_by(&s, way, note_signals, 1);
		begin(&s);
		for (i = 0; i < turns; i++)
			assert_true(loop_turn(s.bed.loop, 0) >= 0);
		reaper_hurry(s.reap, 0);
		assert_false(reaper_waits(s.reap));
		assert_true(killed_by(collect(&s), SIGKILL));
		bed_free(&s.bed);
	}
}

static void test_hurried_early(void **state)
{
	(void)state;
	in_every_way(check_hurried_early);
}

static void check_hurried_somewhat(enum reap_tell tell)
{
	struct session s;
	const uint64_t within = 50 * NS_PER_MS;
	uint64_t hurried;

	session_by(&s, BY_AUDIT, note_signals, 1);
	s.order.tell = tell;
	begin(&s);
	assert_true(turn_until_atomic(&s, &s.bed.shared->pid[TERMS], 1));
	hurried = clock_boot();
	reaper_hurry(s.reap, within);
	/* it cannot be taken back */
	reaper_hurry(s.reap, DURATION_MAX);
	assert_true(killed_by(collect(&s), SIGKILL));
	assert_true(clock_boot() >= hurried + within);
	assert_int_equal(s.bed.shared->pid[HUPS], tell == REAP_TELL_ALL);
	bed_free(&s.bed);
}

static void test_hurried_somewhat(void **state)
{
	(void)state;
	NEED_AUDIT();
	check_hurried_somewhat(REAP_TELL_ALL);
	check_hurried_somewhat(REAP_TELL_LEADER);
}

/* The order may be older than the reaper's part in it; survivors are judged from the kill on. */
static void test_elapsed(void **state)
{
	struct session s;

	(void)state;
	NEED_AUDIT();
	session_by(&s, BY_AUDIT, note_signals, 1);
	s.order.since = 1; /* the start of the machine */
	s.order.grace = 20 * NS_PER_MS;
	begin(&s);
	assert_true(killed_by(collect(&s), SIGKILL));
	assert_true(s.report.result.elapsed > REAPER_PATIENCE_NS);
	bed_free(&s.bed);
}

/* The grace of a login that was refused: the leader alone is told. */
static void test_leader_alone_obeys(void **state)
{
	struct session s;

	(void)state;
	NEED_AUDIT();
	session_by(&s, BY_AUDIT, two, 2);
	s.order.tell = REAP_TELL_LEADER;
	begin(&s);
	assert_true(killed_by(collect(&s), SIGTERM));
	assert_int_equal(s.report.result.signalled, 2);
	assert_int_equal(s.bed.shared->pid[TERMS], 0);
	assert_int_equal(s.bed.shared->pid[HUPS], 0);
	bed_free(&s.bed);
}

static void stubborn(struct shared *s)
{
	if (fork() == 0)
		wait_here(s);
	note_signals(s);
}

static void test_leader_alone_ignores(void **state)
{
	struct session s;

	(void)state;
	NEED_AUDIT();
	session_by(&s, BY_AUDIT, stubborn, 2);
	s.order.tell = REAP_TELL_LEADER;
	s.order.grace = 50 * NS_PER_MS;
	begin(&s);
	assert_true(killed_by(collect(&s), SIGKILL));
	assert_true(s.report.result.elapsed >= s.order.grace);
	assert_int_equal(s.report.result.signalled, 2);
	assert_int_equal(s.bed.shared->pid[TERMS], 1);
	bed_free(&s.bed);
}

/* Who is told with another session: it is over as soon as they are gone. */
static void check_told_by_another(enum way way)
{
	struct session s;

	session_by(&s, way, note_signals, 1);
	s.order.tell = REAP_TELL_NOBODY;
	begin(&s);
	turn_on(&s);
	assert_int_equal(s.report.gone, 0);
	assert_int_equal(s.bed.shared->pid[TERMS] + s.bed.shared->pid[HUPS], 0);
	kill(s.leader, SIGKILL);
	assert_true(killed_by(collect(&s), SIGKILL));
	assert_int_equal(s.report.result.signalled, 0);
	bed_free(&s.bed);
}

static void test_told_by_another(void **state)
{
	(void)state;
	in_every_way(check_told_by_another);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_obeyed),
		cmocka_unit_test(test_told_once),
		cmocka_unit_test(test_saved),
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_newcomer),
		cmocka_unit_test(test_hurried_early),
		cmocka_unit_test(test_hurried_somewhat),
		cmocka_unit_test(test_elapsed),
		cmocka_unit_test(test_told_by_another),
		cmocka_unit_test(test_leader_alone_obeys),
		cmocka_unit_test(test_leader_alone_ignores),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
