/*
 * A configuration file as text: who may have written it, and whether its words, strings, braces and
 * comments are whole. libconfuse 3.3 takes much in silence that must not pass here: it reads on to
 * the end of the file when a quote, a comment or the last brace is missing, drops characters that
 * it does not know, counts the lines of comments wrongly, and substitutes the environment. So it is
 * given only what conffile_scan() has found sound, with the comments blanked out.
 */
#ifndef SESSD_CONFFILE_H
#define SESSD_CONFFILE_H

#include <stddef.h>

#define CONFFILE_WORDS 512

/*
 * Reads a regular file that root or the caller's effective user owns, that nobody else may write,
 * and that has 1 to `max` bytes. ret_text is the caller's to free. -ENOENT: it does not exist or is
 * empty; -EPERM: somebody else could have written it; -EFBIG; or another -errno. `words` says what
 * is wrong.
 */
int conffile_read(
	const char *path, size_t max, char **ret_text, size_t *ret_len, char words[CONFFILE_WORDS]);

/* In a file; both count from 1, columns in bytes. Column 0: it is not known. */
struct conffile_place {
	unsigned line, column;
};

/*
 * Blanks out the comments and checks the rest. -EINVAL: `words` says what is wrong with what begins
 * at *ret_place. After 0 each string and word of the text is text_valid() and at most TEXT_STR_MAX
 * bytes long.
 */
int conffile_scan(
	char *text, size_t len, struct conffile_place *ret_place, char words[CONFFILE_WORDS]);

/*
 * The column of a word or string in that line of a text that has been scanned. 0 where it is not
 * there exactly once: libconfuse tells the line alone, and a column that is not the mistake's would
 * mislead.
 */
unsigned conffile_column(const char *text, size_t len, unsigned line, const char *token);

#endif
