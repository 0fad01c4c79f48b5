/*
 * The daemon as a whole: everything that lives as long as the process hangs from struct daemon.
 */
#ifndef SESSD_DAEMON_H
#define SESSD_DAEMON_H

#include <stdbool.h>

struct daemon_options {
	const char *config;
	bool config_given; /* it must exist */
	const char *runtime_dir;
	const char *state_dir;
	bool no_peerpidfd;
};

/* Starts, serves until it is told to stop, and takes everything down again. The exit code of the
 * process. */
int daemon_serve(const struct daemon_options *options);

#endif
