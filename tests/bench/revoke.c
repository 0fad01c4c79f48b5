/*
 * load revoke PAM-SOCKET CTL-SOCKET PROCESSES COUNT: how long until the last process of a session
 * is dead, from the request to revoke it; and in turns with that, from a bare kill(SIGKILL) of each
 * process of the same tree. Prints both medians (ns).
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/client.h"
#include "tests/bench/load.h"
#include "tests/bench/logins.h"
#include "tests/bench/samples.h"

#define TREE_MAX    64
#define PATIENCE_MS 30000
#define TREE_UID    "200000"

/* The leader, and its children; all in an audit session of their own. */
struct tree {
	size_t n;
	pid_t pid[TREE_MAX];
	struct pollfd fds[TREE_MAX]; /* pidfds */
};

void load_audit_session(void)
{
	int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, TREE_UID, strlen(TREE_UID)) < 0) {
		warn("a login uid cannot be set here, so a process gets no audit session");
		_exit(LOAD_CANNOT);
	}
	close(fd);
}

static void open_session(struct client *c, const char *path, struct logins *logins)
{
	enum client_status s = client_open(c, path, "bench", UINT64_MAX);

	if (s == CLIENT_OK)
		s = client_send(c, WIRE_open, logins_open(logins, 0));
	if (s == CLIENT_OK)
		s = client_recv(c, c->buf, &c->frame);
	if (s != CLIENT_OK || c->frame.type != WIRE_granted)
		errx(1, "open: %s", client_status_words(s));
}

/* Never returns. Writes the pids to `out` when all is as it shall be. path NULL: no session. */
static void lead(struct tree *tree, int out, struct client *c, const char *path, struct logins *l)
{
	size_t i;

	load_audit_session();
	tree->pid[0] = getpid();
	for (i = 1; i < tree->n; i++) {
		tree->pid[i] = fork();
		if (tree->pid[i] < 0)
			err(1, "fork");
		if (tree->pid[i] == 0)
			for (;;)
				pause();
	}
	if (path != NULL)
		open_session(c, path, l);
	if (write(out, tree->pid, sizeof(tree->pid)) != (ssize_t)sizeof(tree->pid))
		err(1, "write");
	for (;;)
		pause();
}

static void tree_start(struct tree *tree, struct client *c, const char *path, struct logins *logins)
{
	int p[2], status = 0;
	pid_t leader;
	size_t i;

	if (pipe2(p, O_CLOEXEC) < 0)
		err(1, "pipe");
	leader = fork();
	if (leader < 0)
		err(1, "fork");
	if (leader == 0)
		lead(tree, p[1], c, path, logins);
	close(p[1]);
	if (read(p[0], tree->pid, sizeof(tree->pid)) != (ssize_t)sizeof(tree->pid)) {
		waitpid(leader, &status, 0);
		exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
	}
	close(p[0]);
	for (i = 0; i < tree->n; i++) {
		tree->fds[i] = (struct pollfd){.fd = pidfd_open(tree->pid[i], 0), .events = POLLIN};
		if (tree->fds[i].fd < 0)
			err(1, "pidfd_open");
	}
}

/* When all are dead; and takes them away, as whose child they have all ended. */
static uint64_t tree_wait(struct tree *tree)
{
	uint64_t end;
	size_t i;

	for (i = 0; i < tree->n; i++) {
		if (poll(&tree->fds[i], 1, PATIENCE_MS) <= 0)
			errx(1, "process %d lives on", (int)tree->pid[i]);
		close(tree->fds[i].fd);
	}
	end = now_ns();
	for (i = 0; i < tree->n; i++)
		waitpid(tree->pid[i], NULL, 0);
	return end;
}

static uint64_t kill_tree(struct tree *tree)
{
	uint64_t start = now_ns();
	size_t i;

	for (i = 0; i < tree->n; i++)
		kill(tree->pid[i], SIGKILL);
	return tree_wait(tree) - start;
}

static uint64_t revoke_tree(struct tree *tree, struct client *ctl, struct logins *logins)
{
	struct wire_revoke revoke = {0};
	enum client_status s;
	bool gone = false;
	uint64_t start, ns;

	sid_hex(&logins->sids[0], revoke.prefix);
	start = now_ns();
	if (client_send(ctl, WIRE_revoke, &revoke) != CLIENT_OK)
		errx(1, "revoke");
	ns = tree_wait(tree) - start;
	do {
		s = client_recv(ctl, ctl->buf, &ctl->frame);
		if (s != CLIENT_OK || ctl->frame.type == WIRE_error)
			errx(1, "revoke: %s", client_status_words(s));
		if (ctl->frame.type == WIRE_outcome)
			gone = ctl->frame.u.outcome.survivors == 0;
	} while (ctl->frame.type != WIRE_done);
	if (!gone)
		errx(1, "revoke: something survived");
	return ns;
}

int load_revoke(char **argv)
{
	struct client *ctl = malloc(sizeof(*ctl)), *pam = malloc(sizeof(*pam));
	size_t i, n = load_number(argv[3]), count = load_number(argv[4]);
	struct samples revoked, killed;
	struct logins logins;
	struct tree tree;

	if (ctl == NULL || pam == NULL || n > TREE_MAX)
		errx(2, "too much");
	if (client_open(ctl, argv[2], "bench", UINT64_MAX) != CLIENT_OK)
		errx(1, "%s: no answer", argv[2]);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		err(1, "prctl");
	logins_init(&logins, 1);
	samples_init(&revoked, count);
	samples_init(&killed, count);
	for (i = 0; i < count; i++) {
		tree = (struct tree){.n = n};
		logins_renew(&logins);
		tree_start(&tree, pam, argv[1], &logins);
		samples_add(&revoked, revoke_tree(&tree, ctl, &logins));
		tree = (struct tree){.n = n};
		tree_start(&tree, pam, NULL, &logins);
		samples_add(&killed, kill_tree(&tree));
	}
	printf("%" PRIu64 " %" PRIu64 "\n", samples_percentile(&revoked, 50),
		samples_percentile(&killed, 50));
	samples_fini(&revoked);
	samples_fini(&killed);
	logins_fini(&logins);
	client_close(ctl);
	free(ctl);
	free(pam);
	return 0;
}
