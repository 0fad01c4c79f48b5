/* The terminals of a session, looked for in turns of the loop; and a line for whoever sits there.
 */
#include "tests/unit/terminals.h"

#include <sys/sysmacros.h>
#include <termios.h>

#include "common/duration.h"
#include "common/text.h"
#include "sessd/loop.h"
#include "sessd/terminal.h"

struct bed {
	struct terminal_look look; /* first */
	struct loop *loop;
	struct sweep *sweep;
	struct cgroups cg;
	struct shared *shared;
	unsigned done;
	int error;
};

static void look_done(struct terminal_look *look, int error)
{
	struct bed *b = (struct bed *)(void *)look;

	b->done++;
	b->error = error;
}

static struct bed *bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->shared = shared_new();
	b->cg = own_cgroups();
	assert_int_equal(loop_new(&b->loop), 0);
	assert_int_equal(sweep_new(b->loop, &b->sweep), 0);
	b->look = (struct terminal_look){
		.audit_session = PROC_NO_AUDIT, .cgroups = &b->cg, .cgroup = "", .done = look_done};
	return b;
}

static void bed_free(struct bed *b)
{
	sweep_free(b->sweep);
	loop_free(b->loop);
	shared_free(b->shared);
	free(b);
}

static void look(struct bed *b)
{
	uint64_t end = clock_boot() + PATIENCE_NS;

	b->done = 0;
	assert_int_equal(terminal_look_begin(b->sweep, &b->look), 0);
	assert_int_equal(b->done, 0);
	while (b->done == 0 && clock_boot() < end)
		assert_true(loop_turn(b->loop, 100) >= 0);
	assert_int_equal(b->done, 1);
	assert_int_equal(b->error, 0);
}

static dev_t number(const struct terminal *t)
{
	struct stat st;

	assert_int_equal(fstat(t->slave, &st), 0);
	return st.st_rdev;
}

#define NEED_TERMINAL(t) need(terminal_open(t), "no pseudo terminals here")

static struct terminal first, second;

/* Two terminals in one session, three processes. */
static void on_two(struct shared *s)
{
	mine = first;
	if (fork() == 0) {
		mine = second;
		setsid();
		if (fork() == 0)
			wait_here(s);
	}
	on_mine(s);
}

static void all_terminals_count_together(void **state)
{
	struct bed *b = bed_new();
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	NEED_TERMINAL(&first);
	NEED_TERMINAL(&second);
	pid = spawn(on_two, b->shared, &b->look.audit_session);
	await(b->shared->ready == 3);
	set_input(&first, 1000, 5);
	set_input(&second, 900, 7);
	look(b);
	assert_int_equal(b->look.last_input, 1000 * NS_PER_SEC + 5);
	assert_int_equal(b->look.n_tty, 2);
	assert_true((b->look.tty[0] == number(&first) && b->look.tty[1] == number(&second)) ||
		    (b->look.tty[1] == number(&first) && b->look.tty[0] == number(&second)));
	set_input(&second, 1001, 0);
	look(b);
	assert_int_equal(b->look.last_input, 1001 * NS_PER_SEC);
	/* before the epoch is an access time too */
	set_input(&first, 0, 0);
	set_input(&second, -5, 0);
	look(b);
	assert_int_equal(b->look.last_input, 1);
	finish(pid);
	terminal_close(&first);
	terminal_close(&second);
	bed_free(b);
}

static void none(void **state)
{
	struct bed *b = bed_new();
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	pid = spawn(wait_here, b->shared, &b->look.audit_session);
	await(b->shared->ready == 1);
	look(b);
	assert_int_equal(b->look.last_input, 0);
	assert_int_equal(b->look.n_tty, 0);
	finish(pid);
	/* nor has one that is gone, whatever is known of it */
	look(b);
	assert_int_equal(b->look.n_tty, 0);
	b->look.audit_session = PROC_NO_AUDIT;
	look(b);
	assert_int_equal(b->look.n_tty, 0);
	bed_free(b);
}

static void on_mine_without_descriptors(struct shared *s)
{
	signal(SIGHUP, SIG_IGN);
	setsid();
	if (ioctl(mine.slave, TIOCSCTTY, 0) < 0)
		_exit(1);
	terminal_close(&mine);
	wait_here(s);
}

/* The number of a terminal that was closed goes to the next one, which is another session's. */
static void reused_number(void **state)
{
	struct bed *b = bed_new();
	uint32_t one, two;
	dev_t tty;
	pid_t pid, other;

	(void)state;
	NEED_AUDIT();
	NEED_TERMINAL(&mine);
	tty = number(&mine);
	pid = spawn(on_mine_without_descriptors, b->shared, &one);
	await(b->shared->ready == 1);
	b->look.audit_session = one;
	look(b);
	assert_int_equal(b->look.n_tty, 1);
	terminal_close(&mine);
	NEED_TERMINAL(&mine);
	assert_int_equal(number(&mine), tty);
	other = spawn(on_mine, b->shared, &two);
	await(b->shared->ready == 2);
	look(b);
	assert_int_equal(b->look.n_tty, 0);
	b->look.audit_session = two;
	look(b);
	assert_int_equal(b->look.n_tty, 1);
	finish(pid);
	finish(other);
	terminal_close(&mine);
	bed_free(b);
}

/* A number of another instance of devpts is, here, the number of a stranger's terminal. */
static void somebody_elses_terminal(void **state)
{
	struct bed *b = bed_new();
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	NEED_TERMINAL(&mine);
	pid = spawn(on_mine, b->shared, &b->look.audit_session);
	await(b->shared->ready == 1);
	need(fchown(mine.slave, 12345, (gid_t)-1) == 0, "only root gives files away");
	b->look.uid = 12346;
	look(b);
	assert_int_equal(b->look.n_tty, 0);
	b->look.uid = 12345;
	look(b);
	assert_int_equal(b->look.n_tty, 1);
	/* as sudo has it: the user's session, root's process on root's terminal */
	assert_int_equal(fchown(mine.slave, 0, (gid_t)-1), 0);
	look(b);
	assert_int_equal(b->look.n_tty, 1);
	finish(pid);
	terminal_close(&mine);
	bed_free(b);
}

/* The leader, whose child has a terminal. */
static void with_child(struct shared *s)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0)
			on_mine(s);
		wait_here(s);
	}
	s->pid[0] = pid;
	wait_here(s);
}

static void kin_where_nothing_else_is_known(void **state)
{
	struct bed *b = bed_new();
	struct proc_stat st;
	pid_t pid;

	(void)state;
	NEED_TERMINAL(&mine);
	pid = spawn(with_child, b->shared, NULL);
	await(b->shared->ready == 3);
	assert_int_equal(proc_stat(pid, &st), 0);
	set_input(&mine, 5000, 0);
	b->look.leader = pid;
	b->look.leader_start = st.start;
	look(b);
	assert_int_equal(b->look.n_tty, 1);
	assert_true(b->look.tty[0] == number(&mine));
	assert_int_equal(b->look.last_input, 5000 * NS_PER_SEC);
	/* another process that has the leader's number */
	b->look.leader_start++;
	look(b);
	assert_int_equal(b->look.n_tty, 0);
	kill(b->shared->pid[0], SIGKILL);
	finish(pid);
	terminal_close(&mine);
	bed_free(b);
}

static void enter_and_use(struct shared *s)
{
	int fd = openat(own_root_fd, "sessd/look/below", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || write_text(fd, "cgroup.procs", "0") < 0)
		_exit(1);
	on_mine(s);
}

static void its_own_cgroup(void **state)
{
	struct bed *b = bed_new();
	pid_t pid;

	(void)state;
	NEED_CGROUP();
	NEED_TERMINAL(&mine);
	mkdirat(own_root_fd, "sessd", 0755);
	assert_int_equal(mkdirat(own_root_fd, "sessd/look", 0755), 0);
	assert_int_equal(mkdirat(own_root_fd, "sessd/look/below", 0755), 0);
	pid = spawn(enter_and_use, b->shared, NULL);
	await(b->shared->ready == 1);
	b->look.cgroup = "/sessd/look";
	look(b);
	assert_int_equal(b->look.n_tty, 1);
	assert_true(b->look.tty[0] == number(&mine));
	/* not of a cgroup that only begins so */
	b->look.cgroup = "/sessd/loo";
	look(b);
	assert_int_equal(b->look.n_tty, 0);
	finish(pid);
	terminal_close(&mine);
	bed_free(b);
}

static void cancelled(void **state)
{
	struct bed *b = bed_new(), *c = bed_new();
	unsigned turns;

	(void)state;
	/* before the reading begins, and after so many turns of it */
	for (turns = 0; turns < 3; turns++) {
		unsigned i;

		b->done = c->done = 0;
		b->look.audit_session = turns == 1 ? PROC_NO_AUDIT : 77;
		assert_int_equal(terminal_look_begin(b->sweep, &b->look), 0);
		assert_int_equal(terminal_look_begin(b->sweep, &c->look), 0);
		for (i = 0; i < turns; i++)
			loop_turn(b->loop, 0);
		if (b->done == 0)
			terminal_look_cancel(&b->look);
		b->done = 0;
		while (c->done == 0)
			assert_true(loop_turn(b->loop, 100) >= 0);
		assert_int_equal(b->done, 0);
	}
	bed_free(b);
	bed_free(c);
}

static void heard(const struct terminal *t, const char *words)
{
	char buf[4096];
	ssize_t n = read(t->master, buf, sizeof(buf) - 1);

	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf, words);
}

static void raw(const struct terminal *t)
{
	struct termios tio;

	assert_int_equal(tcgetattr(t->slave, &tio), 0);
	cfmakeraw(&tio);
	assert_int_equal(tcsetattr(t->slave, TCSANOW, &tio), 0);
}

static void said(void **state)
{
	char longest[TEXT_LONG_MAX * 2];

	(void)state;
	NEED_TERMINAL(&mine);
	raw(&mine);
	assert_int_equal(terminal_say(number(&mine), "it ends in 5m"), 0);
	heard(&mine, "\r\nit ends in 5m\r\n");
	assert_int_equal(terminal_say(number(&mine), "\033]0;x\007 \xc3\xa4 \xff\n"), 0);
	heard(&mine, "\r\n\\x1b]0;x\\x07 \xc3\xa4 \\xff\\x0a\r\n");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(terminal_say(number(&mine), longest), 0);
	terminal_close(&mine);
	assert_int_equal(terminal_say(0, "nobody"), -ENODEV);
	assert_int_equal(terminal_say(makedev(143, 255), "nobody"), -ENOENT);
}

/* A daemon that waited for the reader would let everybody else wait. */
static void stopped_or_full(void **state)
{
	int i, r = 0;

	(void)state;
	NEED_TERMINAL(&mine);
	assert_int_equal(tcflow(mine.slave, TCOOFF), 0);
	assert_int_equal(terminal_say(number(&mine), "not now"), -EAGAIN);
	assert_int_equal(tcflow(mine.slave, TCOON), 0);
	assert_int_equal(terminal_say(number(&mine), "now"), 0);
	heard(&mine, "\r\r\nnow\r\r\n");
	for (i = 0; i < 100000 && r == 0; i++)
		r = terminal_say(number(&mine), "nobody reads this");
	assert_int_equal(r, -EAGAIN);
	terminal_close(&mine);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(all_terminals_count_together),
		cmocka_unit_test(none),
		cmocka_unit_test(reused_number),
		cmocka_unit_test(somebody_elses_terminal),
		cmocka_unit_test(kin_where_nothing_else_is_known),
		cmocka_unit_test(its_own_cgroup),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(said),
		cmocka_unit_test(stopped_or_full),
	};

	return cmocka_run_group_tests_name("terminal_look", all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
