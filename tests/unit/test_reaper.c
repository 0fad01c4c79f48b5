#include "tests/unit/reaper_fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "sessd/survivors.h"
#include "sessd/victim.h"

static void test_nothing_to_end(void **state)
{
	struct bed b = bed_new();
	struct reap_order o = order_of(PROC_NO_AUDIT, 0);
	struct report report;
	pid_t pid;

	(void)state;
	bed_reaper(&b);
	order(&b, &o, &report);
	assert_int_equal(reaper_active(b.reaper), 1);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 0);
	assert_int_equal(reaper_active(b.reaper), 0);

	/* a leader that has died, not yet collected; a grace is of no use to him */
	pid = spawn(wait_here, b.shared, NULL);
	o = order_of(PROC_NO_AUDIT, pid);
	o.grace = DURATION_MAX;
	o.tell = REAP_TELL_LEADER;
	kill(pid, SIGKILL);
	await(is_dead(pid));
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 0);
	finish(pid);
	bed_free(&b);
}

/* A shell with a job in the background, one that used setsid, and a double fork. */
static void family(struct shared *s)
{
	if (fork() == 0)
		wait_here(s);
	if (fork() == 0) {
		setsid();
		wait_here(s);
	}
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			wait_here(s);
		_exit(0);
	}
	wait_here(s);
}

static void test_audit_session(void **state)
{
	struct bed b = bed_new();
	uint32_t audit, other;
	struct report report;
	struct reap_order o;
	pid_t leader, stranger;

	(void)state;
	NEED_AUDIT();
	bed_reaper(&b);
	leader = spawn(family, b.shared, &audit);
	stranger = spawn(wait_here, b.shared, &other);
	await(b.shared->ready == 5 && audit_count(audit) == 4);
	o = order_of(audit, leader);
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 4);
	assert_int_equal(audit_count(audit), 0);
	assert_int_equal(audit_count(other), 1);
	assert_true(report.result.elapsed > 0);

	/* once more: nobody is there */
	o = order_of(audit, 0);
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 0);
	finish(leader);
	finish(stranger);
	bed_free(&b);
}

/* The leader may be outside: it is ended too. */
static void test_leader_outside(void **state)
{
	struct bed b = bed_new();
	struct report report;
	struct reap_order o;
	uint32_t audit;
	pid_t leader, pid;

	(void)state;
	NEED_AUDIT();
	bed_reaper(&b);
	pid = spawn(wait_here, b.shared, &audit);
	leader = spawn(wait_here, b.shared, NULL);
	await(b.shared->ready == 2);
	o = order_of(audit, leader);
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 2);
	assert_true(is_dead(leader) && is_dead(pid));
	finish(leader);
	finish(pid);
	bed_free(&b);
}

#define BOMB 200

static void bomb(struct shared *s)
{
	const struct rlimit most = {BOMB, BOMB};

	if (setrlimit(RLIMIT_NPROC, &most) < 0 || setresgid(64123, 64123, 64123) < 0 ||
		setresuid(64123, 64123, 64123) < 0)
		_exit(1);
	for (;;) {
		if (fork() == 0)
			s->ready++;
	}
}

static void test_fork_bomb(void **state)
{
	struct bed b = bed_new();
	struct report report;
	struct reap_order o;
	uint32_t audit;
	pid_t leader;

	(void)state;
	NEED_AUDIT();
	bed_reaper(&b);
	leader = spawn(bomb, b.shared, &audit);
	await(b.shared->ready >= BOMB / 2);
	o = order_of(audit, leader);
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(audit_count(audit), 0);
	assert_true(report.result.signalled >= BOMB / 2);
	finish(leader);
	bed_free(&b);
}

static void test_cgroup(void **state)
{
	struct bed b = bed_new();
	struct report report;
	struct reap_order o;
	pid_t pid[300], stranger;
	int i;

	(void)state;
	NEED_CGROUP();
	bed_reaper(&b);
	for (i = 0; i < 300; i++) {
		pid[i] = spawn(wait_here, b.shared, NULL);
		move("crowd", pid[i]);
	}
	stranger = spawn(wait_here, b.shared, NULL);
	o = order_of(PROC_NO_AUDIT, pid[7]);
	o.cgroup = "/crowd";
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 300);
	for (i = 0; i < 300; i++) {
		assert_true(is_dead(pid[i]));
		finish(pid[i]);
	}
	assert_false(is_dead(stranger));
	finish(stranger);
	bed_free(&b);
}

/* One in both, one in the cgroup alone (it wrote a new loginuid), two that left the cgroup. */
static void test_cgroup_and_audit(void **state)
{
	struct bed b = bed_new();
	struct report report;
	struct reap_order o;
	uint32_t audit;
	pid_t leader, inside;

	(void)state;
	NEED_AUDIT();
	NEED_CGROUP();
	bed_reaper(&b);
	leader = spawn(family, b.shared, &audit);
	inside = spawn(wait_here, b.shared, NULL);
	await(b.shared->ready == 5);
	move("both", leader);
	move("both", inside);
	o = order_of(audit, leader);
	o.cgroup = "/both";
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 5);
	assert_int_equal(audit_count(audit), 0);
	assert_true(is_dead(inside));
	assert_true(cgroup_is_empty(&b.cg, "/both"));
	finish(leader);
	finish(inside);
	bed_free(&b);
}

static void *second_thread(void *arg)
{
	wait_here(arg);
	return NULL;
}

static void lose_first_thread(struct shared *s)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, second_thread, s) == 0)
		pthread_exit(NULL);
}

/* /proc says Z of it, yet it runs on: a way to hide that must not work. */
static void test_first_thread_gone(void **state)
{
	struct bed b = bed_new();
	struct report report;
	struct reap_order o;
	struct proc_stat st;
	uint32_t audit;
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	bed_reaper(&b);
	pid = spawn(lose_first_thread, b.shared, &audit);
	await(b.shared->ready == 1 && proc_stat(pid, &st) == 0 && st.state == 'Z');
	o = order_of(audit, 0);
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 1);
	assert_true(is_dead(pid));
	finish(pid);
	bed_free(&b);
}

#define SESSIONS 60

static void test_many_at_once(void **state)
{
	struct bed b = bed_new();
	struct report report[SESSIONS];
	struct reap_order o;
	uint32_t audit[SESSIONS], spared;
	pid_t leader[SESSIONS], stranger;
	int i;

	(void)state;
	NEED_AUDIT();
	bed_reaper(&b);
	for (i = 0; i < SESSIONS; i++)
		leader[i] = spawn(family, b.shared, &audit[i]);
	stranger = spawn(family, b.shared, &spared);
	await(b.shared->ready == 4 * (SESSIONS + 1));
	for (i = 0; i < SESSIONS; i++) {
		o = order_of(audit[i], leader[i]);
		order(&b, &o, &report[i]);
		/* some come while a reading is under way */
		if (i % 8 == 7)
			assert_int_equal(loop_turn(b.loop, 0), 0);
	}
	for (i = 0; i < SESSIONS; i++) {
		await_gone(&b, &report[i]);
		assert_int_equal(report[i].result.signalled, 4);
		assert_int_equal(audit_count(audit[i]), 0);
		finish(leader[i]);
	}
	assert_int_equal(reaper_active(b.reaper), 0);
	assert_int_equal(audit_count(spared), 4);
	finish(stranger);
	bed_free(&b);
}

static void tree_member(struct shared *s, int place)
{
	s->pid[place] = getpid();
	s->ready++;
}

/* A leader, two children, a grandchild with a process session of its own. */
static void tree(struct shared *s)
{
	if (fork() == 0) {
		if (fork() == 0) {
			setsid();
			tree_member(s, 2);
			for (;;)
				pause();
		}
		tree_member(s, 1);
		for (;;)
			pause();
	}
	if (fork() == 0) {
		tree_member(s, 3);
		for (;;)
			pause();
	}
	tree_member(s, 0);
	for (;;)
		pause();
}

static void check_tree(uint64_t grace)
{
	struct bed b = bed_new();
	struct report report;
	struct reap_order o;
	pid_t leader, stranger;
	int i;

	bed_reaper(&b);
	leader = spawn(tree, b.shared, NULL);
	stranger = spawn(wait_here, b.shared, NULL);
	await(b.shared->ready == 5);
	o = order_of(PROC_NO_AUDIT, leader);
	o.grace = grace;
	o.tell = REAP_TELL_LEADER;
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(report.result.signalled, 4);
	for (i = 0; i < 4; i++)
		assert_true(is_dead(b.shared->pid[i]));
	assert_false(is_dead(stranger));
	finish(leader);
	finish(stranger);
	bed_free(&b);
}

static void test_tree(void **state)
{
	(void)state;
	check_tree(0);
}

/* SIGTERM ends the leader alone; who descended from him was noted before. */
static void test_tree_with_grace(void **state)
{
	(void)state;
	check_tree(DURATION_MAX);
}

static void test_tree_that_forks(void **state)
{
	struct bed b = bed_new();
	struct report report;
	struct reap_order o;
	uint32_t audit;
	pid_t leader;

	(void)state;
	/* the audit session serves for counting alone */
	NEED_AUDIT();
	bed_reaper(&b);
	leader = spawn(bomb, b.shared, &audit);
	await(b.shared->ready >= BOMB / 2);
	o = order_of(PROC_NO_AUDIT, leader);
	order(&b, &o, &report);
	await_gone(&b, &report);
	assert_int_equal(audit_count(audit), 0);
	finish(leader);
	bed_free(&b);
}

/* From now on the calling process may not signal through a pidfd; sig 0 included. */
static bool refuse_signals(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_send_signal, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void named(struct shared *s)
{
	prctl(PR_SET_NAME, "x D, 1 in\033it");
	wait_here(s);
}

/*
 * The kernel forbids this reaper its signals, so that what it is to end stays. It must say so, go
 * on watching, and report the end once it comes.
 */
static void watch_survivor(struct shared *s)
{
	struct bed b = {.cg = {.root_fd = -1}};
	struct report report;
	char expected[128];
	struct reap_order o;
	uint32_t audit = (uint32_t)s->pid[1];
	pid_t pid = s->pid[0];

	if (!refuse_signals() || loop_new(&b.loop) < 0 || sweep_new(b.loop, &b.sweep) < 0 ||
		reaper_new(b.loop, &b.cg, b.sweep, &b.reaper) < 0)
		_exit(2);
	reaper_set_patience(b.reaper, 20 * NS_PER_MS);
	o = order_of(audit, pid);
	report = (struct report){0};
	if (reaper_end(b.reaper, &o, on_report, &report, NULL) < 0)
		_exit(2);
	if (!turn_until(&b, &report.survived, 1) || report.gone != 0)
		_exit(3);
	snprintf(expected, sizeof(expected), "%d x D\\x2c 1 in\\x1bit S", (int)pid);
	if (report.survival.survivors != 1 || report.survival.signalled != 1 ||
		report.survival.elapsed < 20 * NS_PER_MS ||
		strcmp(report.survival.survivor_list, expected) != 0)
		_exit(4);
	if (kill(pid, SIGKILL) < 0 || !turn_until(&b, &report.gone, 1))
		_exit(5);
	if (report.survived != 1 || report.result.signalled != 1)
		_exit(6);
	reaper_free(b.reaper);
	sweep_free(b.sweep);
	loop_free(b.loop);
	_exit(0);
}

static void test_survivors(void **state)
{
	struct shared *s = shared_new();
	uint32_t audit;
	pid_t pid, watcher;
	int status;

	(void)state;
	NEED_AUDIT();
	pid = spawn(named, s, &audit);
	await(s->ready == 1);
	s->pid[0] = pid;
	s->pid[1] = (int)audit;
	watcher = spawn(watch_survivor, s, NULL);
	assert_int_equal(waitpid(watcher, &status, 0), watcher);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	finish(pid);
	shared_free(s);
}

#define FREEZER "/sys/fs/cgroup/freezer/sessd-unit"

static bool freezer_set(int dir, const char *what)
{
	return write_text(dir, "freezer.state", what) == 0;
}

/* What SIGKILL cannot end while it lasts: state D, by the freezer of cgroup version 1. */
static void test_frozen(void **state)
{
	struct bed b = bed_new();
	char name[64], pid_text[16];
	struct report report = {0};
	struct proc_stat st;
	struct reap_order o;
	uint32_t audit;
	int dir, turns;
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	snprintf(name, sizeof(name), FREEZER "-%d", (int)getpid());
	need(mkdir(name, 0755) == 0, "no freezer of cgroup version 1 here");
	dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	pid = spawn(wait_here, b.shared, &audit);
	snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	bed_reaper(&b);
	reaper_set_patience(b.reaper, 20 * NS_PER_MS);
	if (write_text(dir, "cgroup.procs", pid_text) == 0 && freezer_set(dir, "FROZEN")) {
		for (turns = 0; turns < 5000; turns++) {
			if (proc_stat(pid, &st) == 0 && st.state == 'D')
				break;
			poll(NULL, 0, 1);
		}
		o = order_of(audit, pid);
		reaper_end(b.reaper, &o, on_report, &report, NULL);
		close(o.leader_pidfd);
		turn_until(&b, &report.survived, 1);
	}
	/* first of all let it go: nothing else could remove it */
	freezer_set(dir, "THAWED");
	assert_int_equal(report.survived, 1);
	assert_int_equal(report.survival.survivors, 1);
	assert_non_null(strstr(report.survival.survivor_list, " D"));
	await_gone(&b, &report);
	assert_int_equal(report.survived, 1);
	finish(pid);
	close(dir);
	assert_int_equal(rmdir(name), 0);
	bed_free(&b);
}

/* Whoever ends the session that it is part of lives on, and does not wait for itself. */
static void end_own_session(struct shared *s)
{
	struct bed b = {.cg = {.root_fd = -1}};
	struct report report = {0};
	struct reap_order o;
	uint32_t audit;
	pid_t pid = fork();

	if (pid == 0)
		wait_here(s);
	while (s->ready == 0)
		poll(NULL, 0, 1);
	if (proc_audit_session(getpid(), &audit) < 0 || loop_new(&b.loop) < 0 ||
		sweep_new(b.loop, &b.sweep) < 0 ||
		reaper_new(b.loop, &b.cg, b.sweep, &b.reaper) < 0)
		_exit(2);
	o = order_of(audit, getpid());
	if (reaper_end(b.reaper, &o, on_report, &report, NULL) < 0)
		_exit(2);
	if (!turn_until(&b, &report.gone, 1))
		_exit(3);
	if (report.result.signalled != 1 || !is_dead(pid))
		_exit(4);
	reaper_free(b.reaper);
	sweep_free(b.sweep);
	loop_free(b.loop);
	_exit(0);
}

static void test_never_ourselves(void **state)
{
	struct shared *s = shared_new();
	uint32_t audit;
	int status;
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	pid = spawn(end_own_session, s, &audit);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(victim_of_audit(1, PROC_NO_AUDIT, 0), VICTIM_STRANGER);
	assert_int_equal(victim_of_audit(getpid(), PROC_NO_AUDIT, 0), VICTIM_STRANGER);
	shared_free(s);
}

/* The number is right and the process another: it is let alone. */
static void test_strangers_are_let_alone(void **state)
{
	struct shared *s = shared_new();
	struct proc_stat st;
	uint32_t audit;
	pid_t pid, plain;

	(void)state;
	NEED_AUDIT();
	pid = spawn(wait_here, s, &audit);
	plain = spawn(wait_here, s, NULL);
	await(s->ready == 2);
	assert_int_equal(proc_stat(pid, &st), 0);
	assert_int_equal(victim_started(pid, st.start + 1, SIGKILL), VICTIM_STRANGER);
	assert_int_equal(victim_of_audit(pid, audit + 1, SIGKILL), VICTIM_STRANGER);
	assert_int_equal(victim_of_audit(plain, PROC_NO_AUDIT, SIGKILL), VICTIM_STRANGER);
	assert_int_equal(victim_started(pid, st.start, 0), VICTIM_ALIVE);
	assert_int_equal(victim_of_audit(pid, audit, 0), VICTIM_ALIVE);
	assert_false(is_dead(pid));
	assert_false(is_dead(plain));
	assert_int_equal(victim_started(pid, st.start, SIGKILL), VICTIM_ALIVE);
	await(is_dead(pid));
	assert_int_equal(victim_of_audit(pid, audit, SIGKILL), VICTIM_DEAD);
	finish(pid);
	assert_int_equal(victim_of_audit(pid, audit, SIGKILL), VICTIM_DEAD);
	finish(plain);
	shared_free(s);
}

static void test_free_under_way(void **state)
{
	struct bed b = bed_new();
	struct report report[3];
	struct reap_order o;
	uint32_t audit;
	pid_t leader;

	(void)state;
	NEED_AUDIT();
	bed_reaper(&b);
	leader = spawn(wait_here, b.shared, &audit);
	o = order_of(audit, leader);
	o.grace = DURATION_MAX;
	o.tell = REAP_TELL_LEADER;
	order(&b, &o, &report[0]);
	o = order_of(audit, 0);
	order(&b, &o, &report[1]);
	assert_int_equal(loop_turn(b.loop, 1000), 0);
	o = order_of(PROC_NO_AUDIT, 0);
	order(&b, &o, &report[2]);
	assert_int_equal(reaper_active(b.reaper), 3);
	reaper_free(b.reaper);
	b.reaper = NULL;
	assert_int_equal(loop_turn(b.loop, 0), 0);
	assert_int_equal(report[0].gone + report[1].gone + report[2].gone, 0);
	finish(leader);
	bed_free(&b);
}

/* A report may order the next end. */
struct relay {
	struct bed *bed;
	struct reap_order next;
	struct report report;
	int ordered;
};

static void order_next(void *ctx, const struct reap_result *result)
{
	struct relay *relay = ctx;

	assert_true(result->gone);
	relay->ordered =
		reaper_end(relay->bed->reaper, &relay->next, on_report, &relay->report, NULL) == 0;
}

static void test_order_from_a_report(void **state)
{
	struct bed b = bed_new();
	struct relay relay = {.bed = &b};
	struct reap_order o;
	uint32_t audit[2];
	pid_t pid[2];

	(void)state;
	NEED_AUDIT();
	bed_reaper(&b);
	pid[0] = spawn(wait_here, b.shared, &audit[0]);
	pid[1] = spawn(wait_here, b.shared, &audit[1]);
	relay.next = order_of(audit[1], 0);
	o = order_of(audit[0], 0);
	assert_int_equal(reaper_end(b.reaper, &o, order_next, &relay, NULL), 0);
	assert_true(turn_until(&b, &relay.ordered, 1));
	assert_true(is_dead(pid[0]));
	await_gone(&b, &relay.report);
	assert_true(is_dead(pid[1]));
	finish(pid[0]);
	finish(pid[1]);
	bed_free(&b);
}

static void test_survivor_text_is_bounded(void **state)
{
	struct survivors list;
	int i;

	(void)state;
	survivors_init(&list);
	assert_string_equal(list.text, "");
	for (i = 0; i < 1000; i++)
		survivors_add(&list, getpid());
	assert_int_equal(list.n, 1000);
	assert_true(strlen(list.text) <= TEXT_LONG_MAX);
	assert_string_equal(list.text + strlen(list.text) - 5, ", ...");
	assert_true(text_valid(list.text, strlen(list.text)));
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_nothing_to_end),
		cmocka_unit_test(test_audit_session),
		cmocka_unit_test(test_leader_outside),
		cmocka_unit_test(test_fork_bomb),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_cgroup_and_audit),
		cmocka_unit_test(test_first_thread_gone),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_tree_with_grace),
		cmocka_unit_test(test_tree_that_forks),
		cmocka_unit_test(test_survivors),
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_never_ourselves),
		cmocka_unit_test(test_strangers_are_let_alone),
		cmocka_unit_test(test_free_under_way),
		cmocka_unit_test(test_order_from_a_report),
		cmocka_unit_test(test_survivor_text_is_bounded),
	};

	return cmocka_run_group_tests_name("reaper", all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
