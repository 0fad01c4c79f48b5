#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/bytes.h"
#include "sessctl/tree.h"

int tree_open(struct tree *t, const char *root)
{
	t->root = root != NULL ? root : "";
	t->fd = open(root != NULL ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return t->fd < 0 ? -errno : 0;
}

void tree_close(struct tree *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

/* Neither a pipe nor a terminal holds it up. */
static int open_at(const struct tree *t, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT};
	long fd = syscall(SYS_openat2, t->fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* What a regular file holds, at most TREE_FILE_MAX bytes and a NUL. Bytes, or an error. */
static ssize_t read_regular(int fd, char *buf)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	n = bytes_read(fd, buf, TREE_FILE_MAX + 1);
	if (n > TREE_FILE_MAX)
		return -EFBIG;
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

int tree_read(const struct tree *t, const char *path, char **ret, size_t *ret_len)
{
	int fd = open_at(t, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	char *buf;
	ssize_t n;

	if (fd < 0)
		return fd;
	buf = malloc(TREE_FILE_MAX + 1);
	n = buf != NULL ? read_regular(fd, buf) : -ENOMEM;
	close(fd);
	if (n < 0) {
		free(buf);
		return (int)n;
	}
	*ret = buf;
	*ret_len = (size_t)n;
	return 0;
}

bool tree_has(const struct tree *t, const char *path)
{
	int fd = open_at(t, path, O_PATH);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Moves the names that fit to *ret; the others are freed. */
static int keep_names(
	struct dirent **entries, size_t n, const char *pattern, struct tree_names *ret)
{
	char *name;
	size_t i;
	int r = 0;

	ret->name = calloc(n + 1, sizeof(*ret->name));
	if (ret->name == NULL)
		r = -ENOMEM;
	for (i = 0; i < n; i++) {
		name = entries[i]->d_name;
		if (r == 0 && name[0] != '.' &&
			(pattern == NULL || fnmatch(pattern, name, 0) == 0)) {
			ret->name[ret->n] = strdup(name);
			if (ret->name[ret->n] == NULL)
				r = -ENOMEM;
			else
				ret->n++;
		}
		free(entries[i]);
	}
	return r;
}

int tree_list(const struct tree *t, const char *folder, const char *pattern, struct tree_names *ret)
{
	struct tree_names names = {0};
	struct dirent **entries;
	int fd = open_at(t, folder, O_RDONLY | O_DIRECTORY), n, r;

	if (fd < 0)
		return fd;
	n = scandirat(fd, ".", &entries, NULL, alphasort);
	r = n < 0 ? -errno : keep_names(entries, (size_t)n, pattern, &names);
	if (n >= 0)
		free(entries);
	close(fd);
	if (r < 0)
		tree_names_free(&names);
	else
		*ret = names;
	return r;
}

void tree_names_free(struct tree_names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct tree_names){0};
}
