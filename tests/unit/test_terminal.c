#include "tests/unit/terminals.h"

#include "common/duration.h"
#include "sessd/terminal.h"

static struct terminal first, second;

/* Two terminals in one session, as in tmux. */
static void on_two(struct shared *s)
{
	pid_t pid = fork();

	mine = pid == 0 ? first : second;
	on_mine(s);
}

static void test_youngest_of_two(void **state)
{
	struct shared *s = shared_new();
	struct terminal_query q = {.last_input = 77};
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	need(terminal_open(&first) && terminal_open(&second), "no pseudo terminals here");
	pid = spawn(on_two, s, &q.audit_session);
	await(s->ready == 2);
	set_input(&first, 1000, 5);
	set_input(&second, 900, 7);
	assert_int_equal(terminal_last_input(&q, 1), 0);
	assert_int_equal(q.last_input, 1000 * NS_PER_SEC + 5);
	set_input(&second, 1001, 0);
	assert_int_equal(terminal_last_input(&q, 1), 0);
	assert_int_equal(q.last_input, 1001 * NS_PER_SEC);
	finish(pid);
	terminal_close(&first);
	terminal_close(&second);
	shared_free(s);
}

static void test_typing(void **state)
{
	struct shared *s = shared_new();
	struct terminal_query q = {0};
	struct stat st;
	char c;
	pid_t pid;

	(void)state;
	NEED_AUDIT();
	need(terminal_open(&mine), "no pseudo terminals here");
	pid = spawn(on_mine, s, &q.audit_session);
	await(s->ready == 1);
	set_input(&mine, 1000, 0);
	assert_int_equal(write(mine.master, "x\n", 2), 2);
	assert_int_equal(read(mine.slave, &c, 1), 1);
	assert_int_equal(fstat(mine.slave, &st), 0);
	assert_int_equal(terminal_last_input(&q, 1), 0);
	assert_true(q.last_input > 1000 * NS_PER_SEC);
	assert_int_equal(q.last_input,
		(uint64_t)st.st_atim.tv_sec * NS_PER_SEC + (uint64_t)st.st_atim.tv_nsec);
	finish(pid);
	terminal_close(&mine);
	shared_free(s);
}

/* Each question has its own answer, in whatever order, also the same one twice. */
static void test_several_questions(void **state)
{
	struct shared *s = shared_new();
	struct terminal_query q[5] = {{0}};
	uint32_t with, without;
	pid_t a, b;

	(void)state;
	NEED_AUDIT();
	need(terminal_open(&mine), "no pseudo terminals here");
	a = spawn(wait_here, s, &without);
	b = spawn(on_mine, s, &with);
	await(s->ready == 2);
	set_input(&mine, 2000, 1);
	q[0].audit_session = with;
	q[1].audit_session = without;
	q[2].audit_session = PROC_NO_AUDIT;
	q[2].leader = b;
	q[3].audit_session = with;
	q[4].audit_session = PROC_NO_AUDIT;
	q[4].last_input = 5;
	/* a leader counts only where there is no audit session */
	q[1].leader = b;
	assert_int_equal(terminal_last_input(q, 5), 0);
	assert_int_equal(q[0].last_input, 2000 * NS_PER_SEC + 1);
	assert_int_equal(q[1].last_input, 0);
	assert_int_equal(q[2].last_input, 2000 * NS_PER_SEC + 1);
	assert_int_equal(q[3].last_input, 2000 * NS_PER_SEC + 1);
	assert_int_equal(q[4].last_input, 0);
	finish(a);
	finish(b);
	assert_int_equal(terminal_last_input(q, 3), 0);
	assert_int_equal(q[0].last_input, 0);
	assert_int_equal(q[2].last_input, 0);
	assert_int_equal(terminal_last_input(NULL, 0), 0);
	terminal_close(&mine);
	shared_free(s);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_youngest_of_two),
		cmocka_unit_test(test_typing),
		cmocka_unit_test(test_several_questions),
	};

	return cmocka_run_group_tests_name("terminal", all, NULL, NULL);
}

int main(void)
{
	return processes_main(tests);
}
