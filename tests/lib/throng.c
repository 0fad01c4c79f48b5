/*
 * throng CONFDIR: many logins at once through real PAM stacks, for scripts. Each is a process of
 *its own that opens a session of the service `sshd` in CONFDIR, as sshd's monitor does, and stays.
 *A line of standard input is a command, and is answered by one line:
 *
 *	open N USER	N more; says how many were let in
 *	alive		says how many of all that were let in still live
 *
 * They end with the standard input.
 */
#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <security/pam_appl.h>

/* So many are on their way in at the same time. */
#define AT_ONCE 32

static const char *confdir;
static unsigned n_alive;

static int converse(
	int n, const struct pam_message **messages, struct pam_response **ret, void *data)
{
	(void)messages;
	(void)data;
	*ret = calloc((size_t)n, sizeof(**ret));
	return *ret == NULL ? PAM_BUF_ERR : PAM_SUCCESS;
}

/* Never returns. Says by one byte whether it was let in. */
static void lead(const char *user, int report)
{
	const struct pam_conv conv = {.conv = converse};
	pam_handle_t *pamh = NULL;
	char in;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(0);
	r = pam_start_confdir("sshd", user, &conv, confdir, &pamh);
	if (r == PAM_SUCCESS)
		r = pam_open_session(pamh, 0);
	if (r != PAM_SUCCESS)
		fprintf(stderr, "throng: %s\n", pam_strerror(pamh, r));
	in = r == PAM_SUCCESS;
	if (write(report, &in, 1) != 1 || !in)
		_exit(1);
	close(report);
	for (;;)
		pause();
}

/* One report: was it let in? */
static bool hear(int report)
{
	char in;

	if (read(report, &in, 1) != 1)
		errx(1, "a login went away");
	return in;
}

static void do_open(unsigned long n, const char *user)
{
	unsigned long begun, heard = 0, in = 0;
	int p[2];
	pid_t pid;

	if (pipe(p) < 0)
		err(1, "pipe");
	for (begun = 0; begun < n; begun++) {
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (pid == 0)
			lead(user, p[1]);
		if (begun - heard == AT_ONCE) {
			in += hear(p[0]);
			heard++;
		}
	}
	for (; heard < n; heard++)
		in += hear(p[0]);
	close(p[0]);
	close(p[1]);
	n_alive += (unsigned)n;
	printf("%lu\n", in);
}

static void do_alive(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		n_alive--;
	printf("%u\n", n_alive);
}

int main(int argc, char **argv)
{
	char line[256], user[64];
	unsigned long n;

	if (argc != 2) {
		fputs("usage: throng CONFDIR\n", stderr);
		return 2;
	}
	confdir = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (sscanf(line, "open %lu %63s", &n, user) == 2)
			do_open(n, user);
		else if (strcmp(line, "alive\n") == 0)
			do_alive();
		else
			puts("?");
	}
	return 0;
}
