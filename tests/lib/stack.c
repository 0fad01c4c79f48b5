/*
 * stack COUNT USER CONFDIR...: what a session costs in a PAM stack. COUNT times, for each CONFDIR
 * in turn, a process of its own opens and closes a session of USER with its service `sshd`, as
 * sshd's monitor does, and prints the last part of CONFDIR and the ns that the two calls took
 * together.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

static int converse(
	int n, const struct pam_message **messages, struct pam_response **ret, void *data)
{
	(void)messages;
	(void)data;
	*ret = calloc((size_t)n, sizeof(**ret));
	return *ret == NULL ? PAM_BUF_ERR : PAM_SUCCESS;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Never returns. */
static void log_in_and_out(const char *user, const char *confdir)
{
	const struct pam_conv conv = {.conv = converse};
	const char *name = strrchr(confdir, '/');
	pam_handle_t *pamh = NULL;
	uint64_t began, took;
	int r;

	r = pam_start_confdir("sshd", user, &conv, confdir, &pamh);
	if (r == PAM_SUCCESS)
		r = pam_set_item(pamh, PAM_TTY, "ssh");
	if (r != PAM_SUCCESS)
		errx(1, "%s: %s", confdir, pam_strerror(pamh, r));
	began = now();
	r = pam_open_session(pamh, 0);
	took = now() - began;
	if (r != PAM_SUCCESS)
		errx(1, "%s: %s", confdir, pam_strerror(pamh, r));
	began = now();
	r = pam_close_session(pamh, 0);
	took += now() - began;
	if (r != PAM_SUCCESS)
		errx(1, "%s: %s", confdir, pam_strerror(pamh, r));
	pam_end(pamh, r);
	printf("%s %llu\n", name != NULL ? name + 1 : confdir, (unsigned long long)took);
	exit(fflush(stdout) == 0 ? 0 : 1);
}

static void wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "fork");
	if (status != 0)
		exit(1);
}

int main(int argc, char **argv)
{
	long i, count;
	pid_t pid;
	int k;

	if (argc < 4)
		errx(2, "usage: stack COUNT USER CONFDIR...");
	count = strtol(argv[1], NULL, 10);
	for (i = 0; i < count; i++)
		for (k = 3; k < argc; k++) {
			pid = fork();
			if (pid == 0)
				log_in_and_out(argv[2], argv[k]);
			wait_for(pid);
		}
	return 0;
}
