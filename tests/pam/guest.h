/*
 * What the parts of the guest share: the module under test, its folders, and the reports.
 */
#ifndef TESTS_PAM_GUEST_H
#define TESTS_PAM_GUEST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/pam/drive.h"
#include "tests/pam/fake.h"

struct scenario {
	enum fake fake;
	bool deny; /* unavailable= */
	const char *user, *service, *rhost;
	const char *rhost_kept; /* what of it is in the record; NULL: nothing */
	bool glass;		/* a login that nothing may keep out */
	bool elevate;		/* one that keeps its caller's token when nobody can be asked */
};

struct guest {
	char module_path[PATH_MAX];
	const char *timeout_text;
	uint64_t timeout;
	unsigned threads;
	struct module module;
	char top[64];
	char run[96], through[96], direct[96];
	unsigned reported, failed;
};

/* One TAP result. */
__attribute__((format(printf, 3, 4))) void report(
	struct guest *g, bool ok, const char *format, ...);

/* That the login changed nothing of the process, but for the bits (1 << enum property) of `skip`,
 * and was in time. */
void report_guest(struct guest *g, const char *name, const struct login_result *r, unsigned skip);

/* The stacks that the scenario goes through. */
void write_stacks(const struct guest *g, const struct scenario *s, const char *args);

/* telling.c: what the user and systemd are told; each case is reported. */
void telling_run(struct guest *g);

#endif
