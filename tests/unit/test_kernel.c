/*
 * What doctor says of a kernel that lacks something. The kernel here has it all, so a seccomp
 * filter, as containers have them, answers in its place.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sessctl/kernel.h"

#define SO_PEERPIDFD_NUMBER 77

/* An errno for one system call; where `third` is set, only with that third argument. */
struct denial {
	unsigned call;
	unsigned third;
	unsigned error;
};

static void deny(const struct denial *d)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, d->call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, d->third, 0, d->third != 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | d->error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(100);
}

/* In a process of its own: how many findings there are, or 99 where that kind is not among them. */
static int findings_of(const struct denial *d, enum finding_kind kind)
{
	struct findings f = {0};
	pid_t pid = fork();
	int status;
	size_t i;

	assert_true(pid >= 0);
	if (pid == 0) {
		deny(d);
		kernel_check(&f);
		for (i = 0; i < f.n && f.rows[i].kind != kind; i++)
			;
		_exit(i == f.n ? 99 : (int)f.n);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_what_is_missing(void **state)
{
	static const struct {
		struct denial denial;
		enum finding_kind kind;
	} cases[] = {
		{{SYS_pidfd_open, 0, ENOSYS}, FINDING_PIDFD},
		{{SYS_keyctl, 0, EPERM}, FINDING_KEYRING},
		{{SYS_getsockopt, SO_PEERPIDFD_NUMBER, ENOPROTOOPT}, FINDING_PEER_PIDFD},
	};
	struct findings here = {0};
	size_t i, k, usual;

	(void)state;
	kernel_check(&here);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* one more than without the filter, unless it is missing here, too */
		for (usual = here.n + 1, k = 0; k < here.n; k++)
			usual -= here.rows[k].kind == cases[i].kind;
		assert_int_equal(findings_of(&cases[i].denial, cases[i].kind), usual);
	}
	findings_fini(&here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
