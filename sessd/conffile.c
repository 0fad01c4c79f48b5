#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/text.h"
#include "sessd/conffile.h"

/* A section holds lists; nothing goes deeper. */
#define DEPTH_MAX 2

struct scan {
	char *text;
	size_t len;
	size_t at;
	unsigned line;
	unsigned depth;
	size_t from;			       /* where what is being read begins */
	struct conffile_place open[DEPTH_MAX]; /* where each open brace stands */
	enum { PAREN_NONE, PAREN_EMPTY, PAREN_FULL } paren;
	char *words;
};

__attribute__((format(printf, 3, 4))) static int fail(
	char words[CONFFILE_WORDS], int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, CONFFILE_WORDS, format, ap);
	va_end(ap);
	return error;
}

static int check_file(const struct stat *st, size_t max, char words[CONFFILE_WORDS])
{
	if (!S_ISREG(st->st_mode))
		return fail(words, -EINVAL, "it is no regular file");
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return fail(words, -EPERM, "it belongs to uid %u; give it to root with chown",
			(unsigned)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return fail(words, -EPERM,
			"others than its owner may write it (mode %04o); use chmod go-w",
			(unsigned)st->st_mode & 07777);
	if (st->st_size == 0)
		return fail(words, -ENOENT, "it is empty");
	if ((unsigned long long)st->st_size > max)
		return fail(words, -EFBIG, "it is too large; expected at most %zu bytes", max);
	return 0;
}

int conffile_read(
	const char *path, size_t max, char **ret_text, size_t *ret_len, char words[CONFFILE_WORDS])
{
	struct stat st;
	char *text = NULL;
	ssize_t n = 0;
	int fd, r;

	/* non-blocking: a FIFO in the file's place must not hold the daemon up */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail(words, -errno, "%s", strerror(errno));
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r < 0)
		fail(words, r, "%s", strerror(-r));
	else
		r = check_file(&st, max, words);
	if (r == 0) {
		text = malloc((size_t)st.st_size);
		n = text == NULL ? -ENOMEM : bytes_read(fd, text, (size_t)st.st_size);
		if (n < 0)
			r = fail(words, (int)n, "%s", strerror((int)-n));
		else if (n == 0)
			r = fail(words, -ENOENT, "it is empty");
	}
	close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	*ret_text = text;
	*ret_len = (size_t)n;
	return 0;
}

static char peek(const struct scan *s, size_t ahead)
{
	return s->at + ahead < s->len ? s->text[s->at + ahead] : '\0';
}

/* The same set as libconfuse's, less what it merely puts up with. */
static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_.:/@-", c) != NULL);
}

/* The column of text[at]. */
static unsigned column_of(const char *text, size_t at)
{
	size_t start = at;

	while (start > 0 && text[start - 1] != '\n')
		start--;
	return (unsigned)(at - start) + 1;
}

static void blank(struct scan *s)
{
	if (s->text[s->at] == '\n')
		s->line++;
	else
		s->text[s->at] = ' ';
	s->at++;
}

static void scan_line_comment(struct scan *s)
{
	while (s->at < s->len && s->text[s->at] != '\n')
		blank(s);
}

static int scan_block_comment(struct scan *s)
{
	unsigned line = s->line;

	blank(s);
	blank(s);
	while (s->at < s->len && !(s->text[s->at] == '*' && peek(s, 1) == '/'))
		blank(s);
	if (s->at == s->len) {
		s->line = line;
		return fail(s->words, -EINVAL, "the comment that begins here has no end");
	}
	blank(s);
	blank(s);
	return 0;
}

/* A word or string of `len` bytes at `from` is over. */
static int scan_token(struct scan *s, size_t from, size_t len)
{
	if (len > TEXT_STR_MAX)
		return fail(
			s->words, -EINVAL, "longer than %d bytes: no name is", (int)TEXT_STR_MAX);
	if (!text_valid(s->text + from, len))
		return fail(s->words, -EINVAL,
			"a string holds control characters or is not UTF-8; expected plain text");
	if (s->paren == PAREN_FULL)
		return fail(s->words, -EINVAL, "include() takes one file name");
	if (s->paren == PAREN_EMPTY)
		s->paren = PAREN_FULL;
	return 0;
}

static int scan_string(struct scan *s)
{
	char quote = s->text[s->at], c;
	size_t from = ++s->at;

	for (; (c = peek(s, 0)) != quote; s->at++) {
		if (s->at >= s->len || c == '\n')
			return fail(s->words, -EINVAL,
				"a string has no closing quote; expected it on the same line");
		if (c == '\0')
			return fail(s->words, -EINVAL, "a string holds a NUL");
		/* names of nested options to libconfuse */
		if (c == '|')
			return fail(s->words, -EINVAL, "unexpected `|` in a string");
		if (c == '$' && peek(s, 1) == '{' && quote == '"')
			return fail(s->words, -EINVAL,
				"`${` in a string; the environment is not substituted here");
		if (c == '\\') {
			s->at++;
			if (peek(s, 0) != quote && peek(s, 0) != '\\')
				return fail(s->words, -EINVAL,
					"unexpected `\\` in a string; expected \\%c or \\\\",
					quote);
		}
	}
	return scan_token(s, from, s->at++ - from);
}

static int scan_word(struct scan *s)
{
	size_t from = s->at;

	while (s->at < s->len && is_word(s->text[s->at]))
		s->at++;
	return scan_token(s, from, s->at - from);
}

static int scan_brace(struct scan *s)
{
	if (s->text[s->at] == '}') {
		if (s->depth == 0)
			return fail(s->words, -EINVAL, "unexpected `}`: no `{` is open");
		s->depth--;
	} else {
		if (s->depth == DEPTH_MAX)
			return fail(s->words, -EINVAL,
				"unexpected `{`: those of lines %u and %u are still open",
				s->open[0].line, s->open[1].line);
		s->open[s->depth++] = (struct conffile_place){
			.line = s->line, .column = column_of(s->text, s->at)};
	}
	s->at++;
	return 0;
}

static int scan_paren(struct scan *s)
{
	if (s->text[s->at++] == '(' ? s->paren != PAREN_NONE : s->paren != PAREN_FULL)
		return fail(s->words, -EINVAL, "include() takes one file name");
	s->paren = s->paren == PAREN_NONE ? PAREN_EMPTY : PAREN_NONE;
	return 0;
}

static int scan_other(struct scan *s)
{
	char c = s->text[s->at];

	if (c == '(' || c == ')')
		return scan_paren(s);
	if (s->paren != PAREN_NONE)
		return fail(s->words, -EINVAL, "include() takes one file name");
	if (c == '{' || c == '}')
		return scan_brace(s);
	s->at++;
	if (c == '=' || c == ',' || (c == '+' && peek(s, 0) == '='))
		return 0;
	if (c > ' ' && c <= '~')
		return fail(s->words, -EINVAL,
			"unexpected `%c`; expected a value with such a character in quotes", c);
	return fail(s->words, -EINVAL,
		"unexpected character \\x%02x; expected a value with such a character in quotes",
		(unsigned char)c);
}

static int scan_next(struct scan *s)
{
	char c = s->text[s->at];

	if (c == '\n' || c == ' ' || c == '\t')
		blank(s);
	else if (c == '#' || (c == '/' && peek(s, 1) == '/'))
		scan_line_comment(s);
	else if (c == '/' && peek(s, 1) == '*')
		return scan_block_comment(s);
	else if (c == '"' || c == '\'')
		return scan_string(s);
	else if (is_word(c))
		return scan_word(s);
	else
		return scan_other(s);
	return 0;
}

int conffile_scan(
	char *text, size_t len, struct conffile_place *ret_place, char words[CONFFILE_WORDS])
{
	struct scan s = {.text = text, .len = len, .line = 1, .words = words};
	struct conffile_place place;
	int r = 0;

	while (r == 0 && s.at < s.len) {
		s.from = s.at;
		r = scan_next(&s);
	}
	place = (struct conffile_place){.line = s.line, .column = column_of(text, s.from)};
	if (r == 0 && s.paren != PAREN_NONE) {
		r = fail(words, -EINVAL, "`(` without `)` at the end of the file");
		place.column = 0;
	}
	if (r == 0 && s.depth > 0) {
		place = s.open[s.depth - 1];
		r = fail(words, -EINVAL, "this `{` has no `}`");
	}
	if (r < 0)
		*ret_place = place;
	return r;
}

/* Is text[at], of `len` bytes, a word of its own? */
static bool stands_alone(const char *text, size_t size, size_t at, size_t len)
{
	return (at == 0 || !is_word(text[at - 1])) &&
	       (at + len == size || !is_word(text[at + len]));
}

unsigned conffile_column(const char *text, size_t len, unsigned line, const char *token)
{
	size_t token_len = strlen(token), at = 0, end, found = len;
	const char *newline;

	for (; line > 1 && (newline = memchr(text + at, '\n', len - at)) != NULL; line--)
		at = (size_t)(newline - text) + 1;
	if (line != 1 || token_len == 0)
		return 0;
	newline = memchr(text + at, '\n', len - at);
	end = newline != NULL ? (size_t)(newline - text) : len;
	for (; at + token_len <= end; at++) {
		if (memcmp(text + at, token, token_len) != 0 ||
			!stands_alone(text, len, at, token_len))
			continue;
		if (found != len)
			return 0;
		found = at;
	}
	return found != len ? column_of(text, found) : 0;
}
