/*
 * What a PAM module must give back as it found it: everything of the process that is its caller's.
 */
#ifndef TESTS_PAM_WITNESS_H
#define TESTS_PAM_WITNESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*  P(ID, what it is called in the report) */
#define PROPERTIES(P)                 \
	P(SIGNALS, "signal handlers") \
	P(MASK, "signal mask")        \
	P(CWD, "working directory")   \
	P(UMASK, "umask")             \
	P(ENVIRON, "environment")     \
	P(LOCALE, "locale")           \
	P(FDS, "open descriptors")    \
	P(THREADS, "number of threads")

enum property {
#define PROPERTY_ENUM(id, name) PROPERTY_##id,
	PROPERTIES(PROPERTY_ENUM)
#undef PROPERTY_ENUM
		N_PROPERTIES,
};

/* Properties that other threads of this program change while they run; compared before and after.
 */
#define PROPERTIES_OF_ALL_THREADS (1u << PROPERTY_FDS | 1u << PROPERTY_THREADS)

#define WITNESS_TEXT 8192

/* A state of the process, as seen from the calling thread. */
struct witness {
	struct sigaction signals[NSIG];
	sigset_t mask;
	dev_t cwd_dev;
	ino_t cwd_ino;
	char umask[16];
	char environ[WITNESS_TEXT]; /* the address and text of each variable */
	char locale[256];
	char fds[WITNESS_TEXT]; /* `number target` lines, sorted */
	unsigned threads;
};

const char *property_name(enum property property);

/* Ends the program when the state cannot be taken. */
void witness_take(struct witness *ret);

/* The properties in which the two differ, as bits. */
unsigned witness_differ(const struct witness *a, const struct witness *b);

#endif
