/*
 * A pid is a name that the kernel gives again. Here it gives it again as early as it can: whenever
 * the reaper is about to make a system call that names a process (and where it looks one up in
 * /proc), the supervisor kills and collects the process that is meant, and puts a stranger with the
 * same number in its place, before the call goes on. So each of the gaps between a look and the
 * signal is hit in thousands of rounds; a small kernel.pid_max would only make that likely.
 * Whatever signals by number, however shortly before it looked, hits a stranger here in the first
 * rounds.
 *
 * A stranger tells by the way he ends: he exits with STRANGER_WELL when he is let go, and only
 * then.
 *
 * The reaper runs in a process of its own below a seccomp filter that hands those calls to the
 * supervisor (seccomp_unotify(2)); all in a pid namespace, in which numbers can be chosen
 * (clone3(2), set_tid).
 */
#include "tests/unit/processes.h"

#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/duration.h"
#include "sessd/loop.h"
#include "sessd/reaper.h"
#include "sessd/sweep.h"

/* A sanitizer has nothing to find in the later ones, and needs far longer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 1000
#else
#define ROUNDS 10000
#endif

#define STRANGER_WELL 42

/* The calls at which a swap may happen, in the order of one pass over a process. */
static const int calls[] = {SYS_openat, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_kill};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

struct order {
	uint32_t audit;
	pid_t leader; /* 0: none */
	uint64_t grace;
};

struct supervisor {
	pid_t reaper;
	int channel;  /* orders to it, reports of it */
	int listener; /* its system calls */
	struct shared *shared;
	/* of the round under way */
	pid_t victim, stranger;
	int let_go[2]; /* a pipe that a stranger waits at the end of */
	unsigned moment;
	unsigned swaps[N_CALLS];
};

/* --- The reaper's process --- */

static int filter_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_send_signal, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kill, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void on_report(void *ctx, const struct reap_result *result)
{
	if (result->gone)
		*(struct reap_result *)ctx = *result;
}

static uint32_t end_one(
	struct shared *shared, struct loop *loop, struct reaper *reaper, const struct order *order)
{
	struct reap_order o = {.cgroup = "",
		.audit_session = order->audit,
		.leader = order->leader,
		.grace = order->grace,
		.leader_pidfd = pidfd_open_pid(order->leader)};
	struct reap_result result = {0};

	shared->go = 1;
	if (reaper_end(reaper, &o, on_report, &result, NULL) < 0)
		_exit(2);
	while (!result.gone)
		if (loop_turn(loop, 1000) < 0)
			_exit(2);
	shared->go = 0;
	if (o.leader_pidfd >= 0)
		close(o.leader_pidfd);
	return result.signalled;
}

/* Never returns. Ends what it is told to, and tells how that went; `listener` is the first word. */
static void reaper_main(struct shared *shared, int channel)
{
	struct cgroups none = {.root_fd = -1};
	struct reaper *reaper;
	struct sweep *sweep;
	struct order order;
	struct loop *loop;
	uint32_t signalled;
	int listener;

	if (loop_new(&loop) < 0 || sweep_new(loop, &sweep) < 0 ||
		reaper_new(loop, &none, sweep, &reaper) < 0)
		_exit(2);
	listener = filter_calls();
	if (write(channel, &listener, sizeof(listener)) != sizeof(listener))
		_exit(2);
	while (read(channel, &order, sizeof(order)) == sizeof(order)) {
		signalled = end_one(shared, loop, reaper, &order);
		if (write(channel, &signalled, sizeof(signalled)) != sizeof(signalled))
			_exit(2);
	}
	_exit(0);
}

static int supervisor_init(struct supervisor *s)
{
	int pair[2], pidfd, listener = -1;

	*s = (struct supervisor){.shared = shared_new()};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	s->reaper = fork();
	if (s->reaper == 0) {
		close(pair[0]);
		reaper_main(s->shared, pair[1]);
	}
	close(pair[1]);
	s->channel = pair[0];
	assert_int_equal(read(s->channel, &listener, sizeof(listener)), sizeof(listener));
	if (listener < 0)
		return -1;
	pidfd = pidfd_open_pid(s->reaper);
	s->listener = pidfd_getfd(pidfd, listener, 0);
	close(pidfd);
	return s->listener < 0 ? -1 : 0;
}

static void supervisor_fini(struct supervisor *s)
{
	close(s->channel);
	close(s->listener);
	finish(s->reaper);
	shared_free(s->shared);
}

/* --- Victims and strangers --- */

static void stranger_main(int let_go)
{
	char byte;

	_exit(read(let_go, &byte, 1) == 0 ? STRANGER_WELL : 1);
}

/* Gives the number to a new process that has no part in any session. */
static pid_t stranger_new(struct supervisor *s, pid_t number)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&number, .set_tid_size = 1};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		close(s->let_go[1]);
		stranger_main(s->let_go[0]);
	}
	return pid;
}

/* Lets him go; he must not have heard of anything before. */
static void stranger_is_well(struct supervisor *s)
{
	int status;

	close(s->let_go[1]);
	/* with WUNTRACED, so that SIGSTOP does not go unnoticed */
	assert_int_equal(waitpid(s->stranger, &status, WUNTRACED), s->stranger);
	assert_false(WIFSTOPPED(status));
	assert_false(WIFSIGNALED(status));
	assert_int_equal(WEXITSTATUS(status), STRANGER_WELL);
}

/* The number may not be free yet: EEXIST. */
static bool replaced(struct supervisor *s)
{
	if (s->stranger <= 0)
		s->stranger = stranger_new(s, s->victim);
	return s->stranger == s->victim;
}

/* The victim dies and is collected, by us or by its parent; the number is free then. */
static void swap(struct supervisor *s, int call)
{
	size_t i;

	/* the reaper may have been faster */
	kill(s->victim, SIGKILL);
	await(waitpid(s->victim, NULL, WNOHANG) == s->victim || kill(s->victim, 0) < 0);
	assert_int_equal(pipe2(s->let_go, O_CLOEXEC), 0);
	await(replaced(s));
	close(s->let_go[0]);
	for (i = 0; i < N_CALLS; i++)
		s->swaps[i] += calls[i] == call;
}

/* One of the reaper's calls, which waits for us. */
static void let_call(struct supervisor *s)
{
	struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
	struct seccomp_notif call = {0};

	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return;
	if (s->shared->go && s->stranger == 0 && --s->moment == 0)
		swap(s, call.data.nr);
	answer.id = call.id;
	assert_int_equal(ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
}

/* Until the report is there: how many were signalled. */
static uint32_t supervise(struct supervisor *s)
{
	struct pollfd fds[] = {
		{.fd = s->listener, .events = POLLIN}, {.fd = s->channel, .events = POLLIN}};
	uint32_t signalled;

	do {
		assert_true(poll(fds, 2, (int)(PATIENCE_NS / 1000000)) > 0);
		if (fds[0].revents & POLLIN)
			let_call(s);
	} while (fds[1].revents == 0);
	assert_int_equal(read(s->channel, &signalled, sizeof(signalled)), sizeof(signalled));
	return signalled;
}

static void wait_here(struct shared *shared)
{
	(void)shared;
	for (;;)
		pause();
}

/* Its session is ended; `leader` 0: by the audit session. True: it was replaced. */
static bool play(struct supervisor *s, const struct order *order, unsigned moment)
{
	s->moment = moment;
	s->stranger = 0;
	assert_int_equal(send(s->channel, order, sizeof(*order), 0), sizeof(*order));
	supervise(s);
	if (s->stranger != 0)
		stranger_is_well(s);
	else
		assert_true(is_dead(s->victim));
	return s->stranger != 0;
}

static void round_of_audit(struct supervisor *s, unsigned moment)
{
	struct order order = {0};

	s->victim = spawn(wait_here, s->shared, &order.audit);
	if (!play(s, &order, moment))
		finish(s->victim);
}

static void wait_on(struct shared *shared)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	wait_here(shared);
}

/* Who is asked first, and killed a little later. */
static void round_of_grace(struct supervisor *s, unsigned moment)
{
	struct order order = {.grace = NS_PER_MS};

	s->victim = spawn(wait_on, s->shared, &order.audit);
	if (!play(s, &order, moment))
		finish(s->victim);
}

/* A leader, whose children the kernel collects. */
static void parent(struct shared *shared)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid == 0)
		wait_here(shared);
	shared->pid[0] = pid;
	wait_here(shared);
}

static void round_of_tree(struct supervisor *s, unsigned moment)
{
	struct order order = {.audit = PROC_NO_AUDIT};
	struct proc_stat st;

	s->shared->pid[0] = 0;
	order.leader = spawn(parent, s->shared, NULL);
	await(s->shared->pid[0] != 0);
	s->victim = s->shared->pid[0];
	/* in a tree a process is known by its number and the clock tick of its start */
	assert_int_equal(proc_stat(s->victim, &st), 0);
	await(clock_boot() / (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK)) > st.start);
	play(s, &order, moment);
	assert_true(is_dead(order.leader));
	finish(order.leader);
}

/* Before each of the first so many calls in turn. */
static void play_all(
	void (*round)(struct supervisor *s, unsigned moment), unsigned rounds, unsigned moments)
{
	struct supervisor s;
	unsigned i;

	need(supervisor_init(&s) == 0, "system calls cannot be supervised here");
	for (i = 0; i < rounds; i++)
		round(&s, 1 + i % moments);
	print_message("%u rounds; replaced before openat %u, pidfd_open %u, pidfd_send_signal %u, "
		      "kill %u\n",
		rounds, s.swaps[0], s.swaps[1], s.swaps[2], s.swaps[3]);
	assert_true(s.swaps[0] + s.swaps[1] + s.swaps[2] + s.swaps[3] >= rounds / 2);
	assert_true(s.swaps[0] > 0 && s.swaps[1] > 0 && s.swaps[2] > 0);
	supervisor_fini(&s);
}

static void test_audit_session(void **state)
{
	(void)state;
	NEED_AUDIT();
	play_all(round_of_audit, ROUNDS, 10);
}

static void test_grace(void **state)
{
	(void)state;
	NEED_AUDIT();
	play_all(round_of_grace, ROUNDS / 10, 14);
}

static void test_tree(void **state)
{
	(void)state;
	/* a tick each */
	play_all(round_of_tree, ROUNDS / 10, 30);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_audit_session),
		cmocka_unit_test(test_grace),
		cmocka_unit_test(test_tree),
	};

	return cmocka_run_group_tests_name("pid_reuse", all, NULL, NULL);
}

/* As process 1 of a pid namespace, with its /proc. Does not return: no process can be made any more
 * when that one is gone, which the leak sanitizer would want to. */
static int tests_in_namespace(void)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) {
		perror("a pid namespace");
		return 1;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (mount(NULL, "/proc", NULL, MS_PRIVATE, NULL) < 0 ||
			mount("proc", "/proc", "proc", 0, NULL) < 0)
			perror("/proc");
		exit(tests());
	}
	_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(void)
{
	return processes_main(tests_in_namespace);
}
