/*
 * sessd-stopper: carries out the orders that sessd leaves when it locks a user: asks PID 1 to stop
 * that user's service manager. An order is taken away before it is carried out, so that none is
 * carried out for ever.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/manager.h"
#include "common/version.h"

#define DEFAULT_DIR "/run/sessd"
#define SYSTEMCTL   "/bin/systemctl"
/* An order that nobody took for so long, s, because the unit was off, may be of a lock that was
 * lifted meanwhile. By the wall clock: at the worst one is passed over, and sessd has ended the
 * processes all the same. */
#define ORDER_LASTS 60
/* What systemctl is waited for, s. The processes are sessd's to end, and may be slow to die. */
#define PATIENCE 10
/* So many units are stopped by one call. */
#define UNITS_MAX 64

struct batch {
	char unit[UNITS_MAX][MANAGER_UNIT];
	size_t n;
};

static const struct option options[] = {
	{"runtime-dir", required_argument, NULL, 'r'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char help[] =
	"usage: sessd-stopper [--runtime-dir DIR]\n"
	"Stops the service managers of users whom sessd has locked; see sessd-stopper(8).\n"
	"\n"
	"  -r, --runtime-dir DIR  where the orders are, in stop/ (default /run/sessd)\n"
	"  -V, --version          print the version and exit\n"
	"  -h, --help             print this and exit\n";

/* The status of the program, or -1 where it goes on. */
static int read_arguments(int argc, char **argv, const char **ret_dir)
{
	int c;

	while ((c = getopt_long(argc, argv, "r:Vh", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			*ret_dir = optarg;
			break;
		case 'V':
			printf("sessd-stopper %s\n", SESSD_VERSION);
			return 0;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs(help, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(help, stderr);
		return 2;
	}
	return -1;
}

static int open_orders(const char *dir)
{
	int top = folder_open(AT_FDCWD, dir, 0), folder;

	if (top < 0)
		return top;
	folder = folder_open(top, MANAGER_FOLDER, 0);
	close(top);
	return folder;
}

/* What is no order is taken away as well: systemd starts this program for as long as anything is
 * there. */
static int take(int folder, const char *name, struct batch *batch)
{
	struct stat st;
	uint32_t uid;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		unlinkat(folder, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode) || !manager_order_parse(name, &uid))
		fprintf(stderr, "sessd-stopper: " MANAGER_FOLDER "/ held what is no order\n");
	else if (st.st_mtime + ORDER_LASTS < time(NULL))
		fprintf(stderr, "sessd-stopper: the order to stop user@%s.service is too old\n",
			name);
	else
		manager_unit(uid, batch->unit[batch->n++]);
	return 0;
}

/* Those that are there now, or as many of them as there is room for. -errno */
static int take_batch(int folder, struct batch *ret)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;

	ret->n = 0;
	if (dir == NULL) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && ret->n < UNITS_MAX && (d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = take(folder, d->d_name, ret);
	closedir(dir);
	return r;
}

static void ignore(int sig)
{
	(void)sig;
}

static int spawn(char *const argv[], bool quiet, pid_t *ret)
{
	/* the private socket of PID 1 is found without any environment */
	static char *const environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return r;
	if (quiet)
		r = posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn(ret, argv[0], &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* The exit status; -1: it did not come to one in time, or could not be started. */
static int run(char *const argv[], bool quiet)
{
	int status, r;
	pid_t pid;

	r = spawn(argv, quiet, &pid);
	if (r != 0) {
		fprintf(stderr, "sessd-stopper: %s: %s\n", argv[0], strerror(r));
		return -1;
	}
	alarm(PATIENCE);
	r = waitpid(pid, &status, 0) == pid ? 0 : -1;
	alarm(0);
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return r == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* `systemctl VERB UNIT...` */
static int systemctl(char *verb, bool quiet, struct batch *batch)
{
	char program[] = SYSTEMCTL;
	char *argv[UNITS_MAX + 3] = {program, verb};
	size_t i;

	for (i = 0; i < batch->n; i++)
		argv[2 + i] = batch->unit[i];
	return run(argv, quiet);
}

/* One that was killed before PID 1 was asked has failed in its eyes: nobody shall have to look into
 * that. One that has not is complained of there. */
static bool stop(struct batch *batch)
{
	char stop[] = "stop", reset[] = "reset-failed";
	int status = systemctl(stop, false, batch);

	if (status != 0)
		fprintf(stderr, "sessd-stopper: not all of %zu service managers are stopped yet\n",
			batch->n);
	(void)systemctl(reset, true, batch);
	return status == 0;
}

int main(int argc, char **argv)
{
	const struct sigaction sa = {.sa_handler = ignore}; /* it ends waitpid() */
	const char *dir = DEFAULT_DIR;
	bool stopped = true;
	struct batch batch;
	int folder, r;

	r = read_arguments(argc, argv, &dir);
	if (r >= 0)
		return r;
	if (sigaction(SIGALRM, &sa, NULL) < 0)
		return 1;
	folder = open_orders(dir);
	if (folder == -ENOENT)
		return 0;
	if (folder >= 0) {
		while ((r = take_batch(folder, &batch)) == 0 && batch.n > 0)
			stopped = stop(&batch) && stopped;
		close(folder);
	} else {
		r = folder;
	}
	if (r < 0)
		fprintf(stderr, "sessd-stopper: %s/" MANAGER_FOLDER ": %s\n", dir, strerror(-r));
	return r == 0 && stopped ? 0 : 1;
}
