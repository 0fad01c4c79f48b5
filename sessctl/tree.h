/*
 * The files of a machine: of this one, or of one whose root is a folder here. Paths are absolute
 * and stay in the tree, whatever links in it say.
 */
#ifndef SESSCTL_TREE_H
#define SESSCTL_TREE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a file, at the most. */
#define TREE_FILE_MAX 262144

/* Bytes of a path, at the most, with its NUL. */
#define TREE_PATH_MAX 512

struct tree {
	int fd;
	const char *root; /* what stands before its paths when they are shown; "": this machine */
};

/* The folder, which is not copied; NULL: this machine. -errno. */
int tree_open(struct tree *t, const char *root);
void tree_close(struct tree *t);

/* The whole file and a NUL behind it, to be freed. -EFBIG: more than TREE_FILE_MAX; -EINVAL: no
 * plain file; other -errno. */
int tree_read(const struct tree *t, const char *path, char **ret, size_t *ret_len);

bool tree_has(const struct tree *t, const char *path);

/* The names in a folder, sorted. */
struct tree_names {
	char **name;
	size_t n;
};

/* Those that `pattern` (fnmatch(3); NULL: all) fits; a name that begins with a dot is left out.
 * -errno. */
int tree_list(
	const struct tree *t, const char *folder, const char *pattern, struct tree_names *ret);
void tree_names_free(struct tree_names *names);

#endif
