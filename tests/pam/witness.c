#include <dirent.h>
#include <err.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/pam/witness.h"

const char *property_name(enum property property)
{
	static const char *const names[] = {
#define PROPERTY_NAME(id, name) name,
		PROPERTIES(PROPERTY_NAME)
#undef PROPERTY_NAME
	};

	return names[property];
}

static void take_signals(struct witness *ret)
{
	int sig;

	/* those that glibc keeps for itself cannot be asked for */
	for (sig = 1; sig < NSIG; sig++)
		if (sigaction(sig, NULL, &ret->signals[sig]) < 0)
			memset(&ret->signals[sig], 0, sizeof(ret->signals[sig]));
}

/* /proc tells the umask without a moment in which it is another. */
static void take_status(struct witness *ret)
{
	FILE *fp = fopen("/proc/self/status", "re");
	char line[256];

	if (fp == NULL)
		err(2, "/proc/self/status");
	while (fgets(line, sizeof(line), fp) != NULL) {
		(void)sscanf(line, "Umask: %15s", ret->umask);
		(void)sscanf(line, "Threads: %u", &ret->threads);
	}
	fclose(fp);
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The target goes with the number, so that a descriptor which was replaced is noticed. */
static void take_fds(struct witness *ret)
{
	struct dirent **entries;
	char path[64], target[512];
	size_t at = 0;
	ssize_t len;
	int i, n;

	n = scandir("/proc/self/fd", &entries, no_dots, by_number);
	if (n < 0)
		err(2, "/proc/self/fd");
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%.20s", entries[i]->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		/* gone: it was the one that listed them */
		if (len >= 0) {
			target[len] = '\0';
			at += (size_t)snprintf(ret->fds + at, sizeof(ret->fds) - at, "%s %s\n",
				entries[i]->d_name, target);
			if (at >= sizeof(ret->fds))
				errx(2, "too many descriptors");
		}
		free(entries[i]);
	}
	free(entries);
}

static void take_environ(struct witness *ret)
{
	size_t at = 0;
	char **p;

	for (p = environ; *p != NULL; p++) {
		at += (size_t)snprintf(ret->environ + at, sizeof(ret->environ) - at, "%p %.200s\n",
			(void *)*p, *p);
		if (at >= sizeof(ret->environ))
			errx(2, "too large an environment");
	}
}

void witness_take(struct witness *ret)
{
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	take_signals(ret);
	pthread_sigmask(SIG_SETMASK, NULL, &ret->mask);
	if (stat(".", &st) < 0)
		err(2, "the working directory");
	ret->cwd_dev = st.st_dev;
	ret->cwd_ino = st.st_ino;
	take_status(ret);
	take_environ(ret);
	snprintf(ret->locale, sizeof(ret->locale), "%s", setlocale(LC_ALL, NULL));
	take_fds(ret);
}

static bool same_set(const sigset_t *a, const sigset_t *b)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sigismember(a, sig) != sigismember(b, sig))
			return false;
	return true;
}

static bool same_signals(const struct witness *a, const struct witness *b)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (a->signals[sig].sa_handler != b->signals[sig].sa_handler ||
			a->signals[sig].sa_flags != b->signals[sig].sa_flags ||
			!same_set(&a->signals[sig].sa_mask, &b->signals[sig].sa_mask))
			return false;
	return true;
}

unsigned witness_differ(const struct witness *a, const struct witness *b)
{
	const bool same[N_PROPERTIES] = {
		[PROPERTY_SIGNALS] = same_signals(a, b),
		[PROPERTY_MASK] = same_set(&a->mask, &b->mask),
		[PROPERTY_CWD] = a->cwd_dev == b->cwd_dev && a->cwd_ino == b->cwd_ino,
		[PROPERTY_UMASK] = strcmp(a->umask, b->umask) == 0,
		[PROPERTY_ENVIRON] = strcmp(a->environ, b->environ) == 0,
		[PROPERTY_LOCALE] = strcmp(a->locale, b->locale) == 0,
		[PROPERTY_FDS] = strcmp(a->fds, b->fds) == 0,
		[PROPERTY_THREADS] = a->threads == b->threads,
	};
	unsigned bits = 0, i;

	for (i = 0; i < N_PROPERTIES; i++)
		if (!same[i])
			bits |= 1u << i;
	return bits;
}
