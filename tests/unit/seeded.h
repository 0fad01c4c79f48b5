/*
 * Random numbers for a test that compares with a model. The seed is printed, and TEST_SEED in the
 * environment gives it back. And: does a call fail an assertion?
 */
#ifndef TESTS_UNIT_SEEDED_H
#define TESTS_UNIT_SEEDED_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sessd/hash.h"

static uint64_t seeded_state;

static inline void seed(void)
{
	const char *given = getenv("TEST_SEED");

	if (given != NULL)
		seeded_state = strtoull(given, NULL, 10);
	else
		assert_int_equal(
			getrandom(&seeded_state, sizeof(seeded_state), 0), sizeof(seeded_state));
	print_message("TEST_SEED=%llu\n", (unsigned long long)seeded_state);
}

/* 0 to below - 1 */
static inline uint64_t any(uint64_t below)
{
	seeded_state += UINT64_C(0x9e3779b97f4a7c15);
	return hash_mix(seeded_state) % below;
}

/* Calls fn in a child; true when that aborts there, as a failed assert() does. */
static inline bool aborts(void (*fn)(void *ctx), void *ctx)
{
	static const struct rlimit no_core;
	int status, null;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, STDERR_FILENO);
		fn(ctx);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
