#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sessctl/outfile.h"

static const int deadly[] = {SIGHUP, SIGINT, SIGTERM};

#define N_DEADLY (sizeof(deadly) / sizeof(deadly[0]))

/* What a signal must remove: a signal handler is given nothing else to know it by. */
static const char *volatile half_written;

static void remove_and_die(int sig)
{
	if (half_written != NULL)
		unlink(half_written);
	/* SA_RESETHAND: this time it ends the process, once the handler returns */
	raise(sig);
}

static void guard(const char *temp)
{
	struct sigaction sa = {.sa_handler = remove_and_die, .sa_flags = SA_RESETHAND}, old;
	size_t i;

	half_written = temp;
	for (i = 0; i < N_DEADLY; i++)
		/* nohup's SIG_IGN stays */
		if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(deadly[i], &sa, NULL);
}

static void unguard(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL}, old;
	size_t i;

	half_written = NULL;
	for (i = 0; i < N_DEADLY; i++)
		if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler == remove_and_die)
			sigaction(deadly[i], &sa, NULL);
}

int outfile_open(struct outfile *o, const char *path)
{
	struct stat st;
	int fd, n, e;

	*o = (struct outfile){.path = path};
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return -EEXIST;
	n = snprintf(o->temp, sizeof(o->temp), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(o->temp))
		return -ENAMETOOLONG;
	fd = mkostemp(o->temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	guard(o->temp);
	o->f = fdopen(fd, "w");
	if (o->f != NULL)
		return 0;
	e = errno;
	close(fd);
	unlink(o->temp);
	unguard();
	return -e;
}

/* The name is on disk only when the folder is. */
static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, r = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* some filesystems have no such thing */
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close(fd);
	return r;
}

int outfile_flush(struct outfile *o)
{
	errno = 0;
	if (fflush(o->f) == EOF || ferror(o->f))
		o->error = o->error ? o->error : errno ? -errno : -EIO;
	return o->error;
}

static int finish_file(struct outfile *o)
{
	if (outfile_flush(o) < 0)
		return o->error;
	if (fsync(fileno(o->f)) < 0 || rename(o->temp, o->path) < 0)
		return -errno;
	return 0;
}

int outfile_commit(struct outfile *o)
{
	int r = finish_file(o);

	if (r < 0) {
		outfile_abort(o);
		return r;
	}
	unguard();
	fclose(o->f);
	o->f = NULL;
	return sync_folder(o->path);
}

void outfile_abort(struct outfile *o)
{
	if (o->f == NULL)
		return;
	unlink(o->temp);
	unguard();
	fclose(o->f);
	o->f = NULL;
}

const char *outfile_words(int error)
{
	return error == -EEXIST ? "not a regular file; use standard output" : strerror(-error);
}
