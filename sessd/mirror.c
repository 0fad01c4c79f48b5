#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sessd/entry.h"
#include "sessd/log.h"
#include "sessd/members.h"
#include "sessd/mirror.h"

/* Whoever reads logs on Debian. Where there is no such group, root alone reads it. */
#define GROUP "adm"

/* Bytes at the end of a file among which its last whole line is: one line, and one that is not. */
#define TAIL (2 * (ENTRY_MAX + 256))

/* Files beside it that are looked into. */
#define SIBLINGS_MAX 1000

/* How a mirror begins, also one of which a crash has left no more. */
static const char begin[] = "{\"seq\":";

/*
 * The last whole line among the bytes at the end of a file, which begin at `at`. 1: it is an event,
 * and ends at *ret_end, newline included; 0: there is none, nor anything else than the beginning of
 * one, and *ret_end is 0; -EBADMSG: there is something else.
 */
static int find_line(const char *buf, size_t len, off_t at, struct chain *ret, off_t *ret_end)
{
	const char *newline = memrchr(buf, '\n', len), *line = NULL;
	uint64_t seq;

	*ret_end = 0;
	if (newline == NULL)
		return at == 0 && memcmp(buf, begin,
					  len < sizeof(begin) - 1 ? len : sizeof(begin) - 1) == 0
			       ? 0
			       : -EBADMSG;
	line = memrchr(buf, '\n', (size_t)(newline - buf));
	if (line == NULL && at > 0)
		return -EBADMSG;
	line = line != NULL ? line + 1 : buf;
	seq = members_seq(line, (size_t)(newline - line));
	if (seq == 0)
		return -EBADMSG;
	*ret_end = at + (newline - buf) + 1;
	ret->seq = seq - 1;
	chain_append(ret, line, (size_t)(newline - line));
	return 1;
}

/* The same of a file. */
static int last_line(int fd, struct chain *ret, off_t *ret_end)
{
	char *buf = malloc(TAIL);
	struct stat st;
	ssize_t n = -1;
	off_t at = 0;
	int r;

	if (buf != NULL && fstat(fd, &st) == 0) {
		at = st.st_size > TAIL ? st.st_size - TAIL : 0;
		n = pread(fd, buf, TAIL, at);
	}
	r = n < 0 ? (errno != 0 ? -errno : -EIO) : find_line(buf, (size_t)n, at, ret, ret_end);
	free(buf);
	return r;
}

/* A file that was the mirror before. */
static void ask_sibling(int dir, const char *name, struct chain *newest)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct chain head;
	struct stat st;
	off_t end;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		last_line(fd, &head, &end) == 1 && head.seq > newest->seq)
		*newest = head;
	close(fd);
}

/* The newest line in the files beside it. */
static void ask_siblings(const char *path, struct chain *ret)
{
	char copy[FEED_TARGET], other[FEED_TARGET];
	const char *name;
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(other, sizeof(other), "%s", path);
	name = basename(other);
	dir = opendir(dirname(copy));
	while (dir != NULL && n++ < SIBLINGS_MAX && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, name, strlen(name)) == 0)
			ask_sibling(dirfd(dir), entry->d_name, ret);
	if (dir != NULL)
		closedir(dir);
}

/* root's, and nobody else's to write. */
static int check_file(struct mirror *m)
{
	struct stat st;

	if (fstat(m->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) || st.st_nlink > 1)
		return -EPERM;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	return 0;
}

/* A new one is given to those who read logs. */
static void give_to_readers(const struct mirror *m)
{
	struct group entry, *group = NULL;
	char buf[16384];

	if (getgrnam_r(GROUP, &entry, buf, sizeof(buf), &group) != 0)
		group = NULL;
	if (group == NULL || fchown(m->fd, (uid_t)-1, group->gr_gid) < 0)
		log_info("mirror: %s: root alone may read it: %s", m->path,
			group == NULL ? "there is no group " GROUP : strerror(errno));
	if (fchmod(m->fd, 0640) < 0)
		log_warning("mirror: %s: its mode: %s", m->path, strerror(errno));
}

static int open_file(struct mirror *m)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int r;

	m->fd = open(m->path, flags | O_CREAT | O_EXCL, 0600);
	if (m->fd >= 0) {
		r = check_file(m);
		if (r == 0)
			give_to_readers(m);
		return r;
	}
	if (errno == EEXIST)
		m->fd = open(m->path, flags);
	return m->fd < 0 ? -errno : check_file(m);
}

/*
 * Where the file stands, and what a crash has cut off is taken away. What is known already holds: a
 * file that was put in its place may be empty, or old.
 */
static int find_head(struct mirror *m)
{
	struct chain found = {0};
	off_t end = 0;
	int r;

	r = last_line(m->fd, &found, &end);
	if (r == 0 && !m->known)
		ask_siblings(m->path, &found);
	if (r >= 0 && ftruncate(m->fd, end) < 0)
		r = -errno;
	if (r >= 0 && !m->known)
		m->head = found;
	m->known = m->known || r >= 0;
	return r < 0 ? r : 0;
}

static void mirror_close(void *ctx)
{
	struct mirror *m = ctx;

	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

/* Opens the file that is there now. */
static int open_anew(struct mirror *m)
{
	int r;

	mirror_close(m);
	r = open_file(m);
	if (r == 0)
		r = find_head(m);
	if (r < 0)
		mirror_close(m);
	return r;
}

static void begin_anew(struct mirror *m)
{
	log_warning("mirror: %s has events of another ledger; this one follows from its beginning",
		m->path);
	m->head = (struct chain){0};
}

static int mirror_open(void *ctx, const char *target, uint64_t head, uint64_t *after)
{
	struct mirror *m = ctx;
	int r;

	if (strcmp(m->path, target) != 0)
		m->known = false;
	snprintf(m->path, sizeof(m->path), "%s", target);
	r = open_anew(m);
	if (r < 0)
		return r;
	if (m->head.seq > head)
		begin_anew(m);
	*after = m->head.seq;
	return 0;
}

/* Was it renamed or removed, as logrotate does? */
static bool is_gone(const struct mirror *m)
{
	struct stat st;

	return lstat(m->path, &st) < 0 || st.st_dev != m->dev || st.st_ino != m->ino;
}

/* Does the page follow what is there? One that begins later does: events were pruned. */
static bool follows(const struct mirror *m, const char *lines, size_t len)
{
	char want[CHAIN_PREFIX];
	size_t n = chain_prefix(&m->head, want);

	if (m->head.seq == 0 || members_seq(lines, len) != m->head.seq + 1)
		return true;
	return len >= n && memcmp(lines, want, n) == 0;
}

static int append(struct mirror *m, const char *lines, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(m->fd, lines, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		lines += n;
		len -= (size_t)n;
	}
	return 0;
}

static int mirror_write(void *ctx, const char *lines, size_t len, uint64_t *after)
{
	const char *last = memrchr(lines, '\n', len - 1);
	struct mirror *m = ctx;
	int r;

	r = is_gone(m) ? open_anew(m) : 0;
	if (r < 0)
		return r;
	if (!follows(m, lines, len)) {
		begin_anew(m);
		*after = 0;
		return 0;
	}
	r = append(m, lines, len);
	if (r < 0) {
		/* some of it may be there: the file is asked */
		m->known = false;
		return r;
	}
	last = last != NULL ? last + 1 : lines;
	len -= (size_t)(last - lines) + 1;
	m->head.seq = members_seq(last, len) - 1;
	chain_append(&m->head, last, len);
	*after = m->head.seq;
	return 0;
}

static const char *mirror_explain(int error)
{
	if (error == -EPERM)
		return "it must be a regular file of root's with one name, which nobody else may "
		       "write";
	if (error == -EBADMSG)
		return "there is something else in it than events";
	if (error == -EACCES)
		return "permission denied; in a folder that was not the mirror's when sessd "
		       "started, restart sessd";
	return error == -ELOOP ? "it is a symbolic link" : NULL;
}

struct feed_sink mirror_sink(struct mirror *m)
{
	return (struct feed_sink){.name = "mirror",
		.open = mirror_open,
		.write = mirror_write,
		.close = mirror_close,
		.explain = mirror_explain,
		.ctx = m};
}
