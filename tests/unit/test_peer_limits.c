/* What a peer may make the daemon hold: answers that wait, and places. */
#include "tests/unit/peer_fixture.h"

#include <grp.h>

#include "sessd/charge.h"

#define STRANGER 54321

/* The answer to one request may be thousands of messages, and they may come all at once, as when an
 * administrator ends everything. They arrive, each once and in order, however slowly they are read.
 */
static void many_answers(void **state)
{
	enum { ANSWERS = 5000 };
	struct wire_outcome outcome = {
		.reason = REASON_REVOKED, .user = "anna", .service = "sshd", .signalled = 3};
	struct wire_frame frame;
	int fd = client();
	unsigned i;

	(void)state;
	ask(fd, 10, "aaaa");
	until(f.requests == 1);
	for (i = 0; i < ANSWERS; i++) {
		outcome.elapsed = i + 1;
		outcome.sid.b[0] = (uint8_t)(1 + i % 255);
		peer_send(f.asked, WIRE_outcome, 10, &outcome);
	}
	/* what did not fit into the socket follows, though no further answer pushes it */
	for (i = 0; i < ANSWERS; i++) {
		assert_true(receive(fd, &frame));
		assert_int_equal(frame.type, WIRE_outcome);
		assert_int_equal(frame.u.outcome.elapsed, i + 1);
	}
	answer(f.asked, 10);
	expect(fd, WIRE_done, 10);
	close(fd);
}

/* But there is an end to it. */
static void never_reads(void **state)
{
	struct wire_outcome outcome = {.reason = REASON_REVOKED, .user = "anna", .service = "sshd"};
	int fd = client();
	unsigned i;

	(void)state;
	memset(outcome.survivor_list, 'x', TEXT_LONG_MAX);
	ask(fd, 10, "aaaa");
	until(f.requests == 1);
	for (i = 0; i < 1000000 && f.gone == 0; i++) {
		peer_send(f.asked, WIRE_outcome, 10, &outcome);
		if (i % 100 == 0)
			settle();
	}
	assert_int_equal(f.gone, 1);
	close(fd);
}

/* Every connection says hello. Returns how many there are when the next one must push one out. */
static unsigned fill_up(int *fds, unsigned max)
{
	unsigned n;

	for (n = 0; n < max; n++) {
		fds[n] = client();
		if (f.metrics.refused_connections > 0) {
			/* the one that was idle for longest */
			expect_closed(fds[0]);
			fds[0] = fds[n];
			return n;
		}
	}
	fail_msg("%u connections, and there is no limit", n);
	return 0;
}

static void raise_files(void)
{
	struct rlimit files;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	if (files.rlim_max < 4096)
		skip();
	files.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void eviction(void **state)
{
	static int fds[1200];
	unsigned n, i;
	int silent;

	(void)state;
	raise_files();
	f.answer = true;
	n = fill_up(fds, 1200);
	/* fds[0] is the youngest now. Who asked something is no longer idle for longest. */
	ask(fds[1], 2, "aaaa");
	expect(fds[1], WIRE_done, 2);
	f.answer = false;
	ask(fds[2], 2, "aaaa");
	until(f.asked != NULL && f.serial == 2 && f.requests == 2);
	/* one that never greeted goes first, however young it is */
	close(fds[3]);
	settle();
	silent = connect_to(WIRE_ON_CTL);
	settle();
	assert_false(readable(silent));
	fds[3] = client();
	expect_closed(silent);
	/* then the idlest: not 1, which asked, nor 2, which is being answered, but 4 */
	i = client();
	expect_closed(fds[4]);
	fds[4] = i;
	for (i = 0; i < n; i++)
		assert_false(readable(fds[i]));
	assert_int_equal(f.gone, 0);
	assert_int_equal(f.metrics.refused_connections, 3);
	for (i = 0; i < n; i++)
		close(fds[i]);
}

/* In a child who has become another user: that many connections and one more. 0: as it should. */
static int stranger(void)
{
	uint8_t buf[WIRE_MAX];
	struct wire_frame frame;
	ssize_t n;
	int fd, i;

	if (setgroups(0, NULL) < 0 || setresgid(STRANGER, STRANGER, STRANGER) < 0 ||
		setresuid(STRANGER, STRANGER, STRANGER) < 0)
		return 1;
	/* the module's socket is not his */
	fd = connect_to(WIRE_ON_PAM);
	if (fd < 0 || recv(fd, buf, sizeof(buf), 0) > 0)
		return 2;
	for (i = 0; i < CHARGE_CONNECTIONS; i++)
		if (connect_to(WIRE_ON_CTL) < 0)
			return 3;
	fd = connect_to(WIRE_ON_CTL);
	n = recv(fd, buf, sizeof(buf), 0);
	if (n <= 0 || wire_decode(buf, (size_t)n, &frame) < 0 || frame.type != WIRE_error ||
		frame.u.error.code != WIRE_E_LIMIT)
		return 4;
	return recv(fd, buf, sizeof(buf), 0) == 0 ? 0 : 5;
}

static bool exited(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

static void limit_of_a_user(void **state)
{
	int status, fd = client();
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(stranger());
	until(exited(pid, &status));
	assert_int_equal(status, 0);
	assert_int_equal(f.metrics.refused_connections, 1);
	/* root is not in the way of it */
	ask(fd, 4, "aaaa");
	until(f.requests == 1);
	close(fd);
}

/* A child speaks on the connection that its parent made, and has said hello on. */
static void speaks_for_another(void **state)
{
	int status, fd = client();
	struct wire_frame frame;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		ask(fd, 5, "aaaa");
		_exit(0);
	}
	until(exited(pid, &status));
	assert_int_equal(status, 0);
	assert_true(receive(fd, &frame));
	assert_int_equal(frame.type, WIRE_error);
	assert_int_equal(frame.u.error.code, WIRE_E_NOT_PERMITTED);
	assert_false(receive(fd, &frame));
	assert_int_equal(f.requests, 0);
	close(fd);
}

/* When all places are taken, he who has too many already pushes nobody out. */
static void limit_in_a_crowd(void **state)
{
	static int fds[1200];
	unsigned n, i, open = 0;
	int status;
	pid_t pid;

	(void)state;
	raise_files();
	if (geteuid() != 0)
		skip();
	n = fill_up(fds, 1200);
	/* room for what he may have */
	for (i = 0; i < CHARGE_CONNECTIONS; i++)
		close(fds[i]);
	settle();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(stranger());
	until(exited(pid, &status));
	assert_int_equal(status, 0);
	for (i = CHARGE_CONNECTIONS; i < n; i++) {
		open += !readable(fds[i]);
		close(fds[i]);
	}
	assert_int_equal(open, n - CHARGE_CONNECTIONS);
}

/* Who never says hello has to go, and who said it may be quiet: his timer came first here. */
static void quiet(void **state)
{
	int greeted = client(), silent = connect_to(WIRE_ON_CTL);

	(void)state;
	f.answer = true;
	expect_closed(silent);
	ask(greeted, 5, "aaaa");
	expect(greeted, WIRE_done, 5);
	close(greeted);
}

int main(void)
{
#define WITH_PEERS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_PEERS(many_answers),
		WITH_PEERS(never_reads),
		WITH_PEERS(eviction),
		WITH_PEERS(limit_of_a_user),
		WITH_PEERS(speaks_for_another),
		WITH_PEERS(limit_in_a_crowd),
		WITH_PEERS(quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
