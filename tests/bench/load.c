/*
 * load: makes work for sessd and measures it; tests/bench/run calls it. Results are one line of
 * numbers on standard output: a rate (1/s), then the 50th and 99th percentile (ns).
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "tests/bench/load.h"
#include "tests/bench/logins.h"
#include "tests/bench/swarm.h"

/* Sessions that `churn` opens before it closes them again. */
#define CHURN 500

static volatile sig_atomic_t stopped;

unsigned long load_number(const char *s)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || *s == '-' || n == 0)
		errx(2, "%s: not a positive number", s);
	return n;
}

static uint64_t open_all(struct swarm *pam, struct logins *logins, struct samples *samples)
{
	const struct swarm_work work = {.type = WIRE_open,
		.last = WIRE_granted,
		.request = logins_open,
		.ctx = logins,
		.count = logins->n,
		.samples = samples};

	return swarm_run(pam, &work);
}

static void close_all(struct swarm *pam, struct logins *logins)
{
	const struct swarm_work work = {.type = WIRE_close,
		.last = WIRE_done,
		.request = logins_close,
		.ctx = logins,
		.count = logins->n};

	swarm_run(pam, &work);
}

static void print_result(struct samples *samples, uint64_t ns)
{
	printf("%.1f %" PRIu64 " %" PRIu64 "\n",
		(double)samples->n * (double)NS_PER_SEC / (double)ns,
		samples_percentile(samples, 50), samples_percentile(samples, 99));
	fflush(stdout);
}

static int measure_opens(char **argv, bool notice)
{
	struct swarm *pam = swarm_new(argv[1], load_number(argv[2]));
	struct samples samples;
	struct logins logins;
	uint64_t ns;

	logins_init(&logins, load_number(argv[3]));
	logins.open.notice = notice;
	samples_init(&samples, logins.n);
	ns = open_all(pam, &logins, &samples);
	close_all(pam, &logins);
	print_result(&samples, ns);
	samples_fini(&samples);
	logins_fini(&logins);
	swarm_free(pam);
	return 0;
}

/* opens PAM-SOCKET CLIENTS COUNT: what is opened is closed again, after the measurement. */
static int load_opens(char **argv)
{
	return measure_opens(argv, false);
}

/* notices PAM-SOCKET CLIENTS COUNT: the same of opens that ask for a notice. */
static int load_notices(char **argv)
{
	return measure_opens(argv, true);
}

static int measure_lookups(char **argv, enum wire_type type, enum wire_type last)
{
	struct swarm *pam = swarm_new(argv[1], 50);
	struct swarm *ctl = swarm_new(argv[2], load_number(argv[3]));
	struct samples samples;
	struct logins logins;
	struct swarm_work work = {.type = type,
		.last = last,
		.request = logins_show,
		.ctx = &logins,
		.count = load_number(argv[4]),
		.samples = &samples};
	uint64_t ns;

	logins_init(&logins, load_number(argv[5]));
	samples_init(&samples, work.count);
	open_all(pam, &logins, NULL);
	ns = swarm_run(ctl, &work);
	close_all(pam, &logins);
	print_result(&samples, ns);
	samples_fini(&samples);
	logins_fini(&logins);
	swarm_free(ctl);
	swarm_free(pam);
	return 0;
}

/* shows PAM-SOCKET CTL-SOCKET CLIENTS COUNT SESSIONS: COUNT lookups among so many live sessions. */
static int load_shows(char **argv)
{
	return measure_lookups(argv, WIRE_show, WIRE_done);
}

/* checks: the same by the audit session of who asks, which has no fields. */
static int load_checks(char **argv)
{
	load_audit_session();
	return measure_lookups(argv, WIRE_check, WIRE_session);
}

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

/* churn PAM-SOCKET CLIENTS: opens and closes sessions until SIGTERM; says `ready` first. */
static int load_churn(char **argv)
{
	struct swarm *pam = swarm_new(argv[1], load_number(argv[2]));
	struct sigaction sa = {.sa_handler = stop, .sa_flags = SA_RESTART};
	struct logins logins;

	sigaction(SIGTERM, &sa, NULL);
	logins_init(&logins, CHURN);
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		logins_renew(&logins);
		open_all(pam, &logins, NULL);
		close_all(pam, &logins);
	}
	logins_fini(&logins);
	swarm_free(pam);
	return 0;
}

/* hold PAM-SOCKET COUNT: opens so many sessions, says `ready`, and leads them until a signal. */
static int load_hold(char **argv)
{
	struct swarm *pam = swarm_new(argv[1], 50);
	struct logins logins;

	logins_init(&logins, load_number(argv[2]));
	open_all(pam, &logins, NULL);
	logins_fini(&logins);
	swarm_free(pam);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}

static const struct command {
	const char *name;
	const char *usage;
	int n_args; /* at least, where `more` */
	int more;
	int (*fn)(char **argv);
} commands[] = {
	{"opens", "PAM-SOCKET CLIENTS COUNT", 3, 0, load_opens},
	{"notices", "PAM-SOCKET CLIENTS COUNT", 3, 0, load_notices},
	{"shows", "PAM-SOCKET CTL-SOCKET CLIENTS COUNT SESSIONS", 5, 0, load_shows},
	{"checks", "PAM-SOCKET CTL-SOCKET CLIENTS COUNT SESSIONS", 5, 0, load_checks},
	{"churn", "PAM-SOCKET CLIENTS", 2, 0, load_churn},
	{"hold", "PAM-SOCKET COUNT", 2, 0, load_hold},
	{"start", "CTL-SOCKET|- COMMAND...", 2, 1, load_start},
	{"append", "FILE COUNT", 2, 0, load_append},
	{"revoke", "PAM-SOCKET CTL-SOCKET PROCESSES COUNT", 4, 0, load_revoke},
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (argc > 1 && strcmp(argv[1], c->name) == 0 &&
			(argc - 2 == c->n_args || (c->more && argc - 2 > c->n_args)))
			return c->fn(argv + 1);
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(stderr, "usage: load %s %s\n", commands[i].name, commands[i].usage);
	return 2;
}
