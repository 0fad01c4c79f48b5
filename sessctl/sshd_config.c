#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sessctl/sshd_config.h"

#define FOLDER "/etc/ssh"
#define BLANKS " \t\r\f\v"

/* Files that include each other; that of sshd. */
#define DEPTH_MAX 16
#define FILES_MAX 256

struct reading {
	const struct tree *tree;
	struct findings *findings;
	unsigned files;
	bool known; /* the first value holds */
	bool yes;
	bool doubt; /* something could not be read before that */
	char at[2 * TREE_PATH_MAX];
	unsigned line;
};

static int read_file(struct reading *r, const char *path, unsigned depth);

/* The next word of *rest, which moves behind it: blanks or one `=` part them, quotes join. NULL:
 * there is none, or a comment begins. */
static char *next_word(char **rest)
{
	char *s = *rest + strspn(*rest, BLANKS), *word;

	if (*s == '=')
		s += 1 + strspn(s + 1, BLANKS);
	if (*s == '\0' || *s == '#')
		return NULL;
	if (*s == '"') {
		word = s + 1;
		s = word + strcspn(word, "\"");
	} else {
		word = s;
		s += strcspn(s, BLANKS "=\"");
	}
	*rest = *s != '\0' ? s + 1 : s;
	*s = '\0';
	return word;
}

static void doubt(struct reading *r, const char *path, int error)
{
	char place[2 * TREE_PATH_MAX];

	r->doubt = true;
	snprintf(place, sizeof(place), "%s%s", r->tree->root, path);
	findings_add(r->findings, FINDING_USEPAM_UNKNOWN, (struct where){place, 0},
		error != 0 ? strerror(error) : "what it includes is not followed so far");
}

/* The files of a folder that a pattern fits. */
static int read_matching(struct reading *r, const char *pattern, unsigned depth)
{
	char folder[TREE_PATH_MAX], path[TREE_PATH_MAX];
	const char *slash = strrchr(pattern, '/');
	struct tree_names names;
	size_t i;
	int e;

	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - pattern), pattern);
	if (strpbrk(folder, "*?[") != NULL) {
		doubt(r, pattern, 0);
		return 0;
	}
	e = tree_list(r->tree, folder[0] != '\0' ? folder : "/", slash + 1, &names);
	if (e == -ENOENT || e == -ENOTDIR)
		return 0;
	if (e == -ENOMEM)
		return e;
	if (e < 0) {
		doubt(r, folder, -e);
		return 0;
	}
	for (i = 0; i < names.n && e == 0; i++)
		if (snprintf(path, sizeof(path), "%s/%s", folder, names.name[i]) <
			(int)sizeof(path))
			e = read_file(r, path, depth);
	tree_names_free(&names);
	return e;
}

static int read_included(struct reading *r, char *rest, unsigned depth)
{
	char path[TREE_PATH_MAX], *word;
	int e = 0;

	while (e == 0 && (word = next_word(&rest)) != NULL) {
		if (snprintf(path, sizeof(path), "%s%s", word[0] == '/' ? "" : FOLDER "/", word) >=
			(int)sizeof(path))
			continue;
		e = read_matching(r, path, depth + 1);
	}
	return e;
}

static void take_value(struct reading *r, const char *path, unsigned line, const char *value)
{
	if (r->known)
		return;
	r->known = true;
	r->yes = value != NULL && strcasecmp(value, "yes") == 0;
	snprintf(r->at, sizeof(r->at), "%s%s", r->tree->root, path);
	r->line = line;
}

/* Up to the first Match: what is behind it does not hold for all, and UsePAM is not allowed there.
 */
static int take_lines(struct reading *r, const char *path, char *text, unsigned depth)
{
	char *rest = text, *line, *word;
	unsigned number = 0;
	int e = 0;

	while (e == 0 && (line = strsep(&rest, "\n")) != NULL) {
		number++;
		word = next_word(&line);
		if (word == NULL)
			continue;
		if (strcasecmp(word, "Match") == 0)
			break;
		if (strcasecmp(word, "UsePAM") == 0)
			take_value(r, path, number, next_word(&line));
		else if (strcasecmp(word, "Include") == 0)
			e = read_included(r, line, depth);
	}
	return e;
}

static int read_file(struct reading *r, const char *path, unsigned depth)
{
	char *text;
	size_t len;
	int e;

	if (r->known)
		return 0;
	if (depth > DEPTH_MAX || ++r->files > FILES_MAX) {
		doubt(r, path, ELOOP);
		return 0;
	}
	e = tree_read(r->tree, path, &text, &len);
	if (e == -ENOMEM)
		return e;
	if (e < 0) {
		doubt(r, path, -e);
		return 0;
	}
	e = take_lines(r, path, text, depth);
	free(text);
	return e;
}

int sshd_config_check(const struct tree *tree, struct findings *findings)
{
	struct reading r = {.tree = tree, .findings = findings};
	int e;

	if (!tree_has(tree, FOLDER "/sshd_config"))
		return 0;
	e = read_file(&r, FOLDER "/sshd_config", 0);
	if (e < 0)
		return e;
	if (r.known && !r.yes)
		findings_add(findings, FINDING_USEPAM, (struct where){r.at, r.line}, "");
	if (!r.known && !r.doubt) {
		snprintf(r.at, sizeof(r.at), "%s" FOLDER "/sshd_config", tree->root);
		findings_add(findings, FINDING_USEPAM, (struct where){r.at, 0},
			"no line says UsePAM, and sshd's default is no");
	}
	return 0;
}
