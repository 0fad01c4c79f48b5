#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "fleet/signer.h"

#define FILE_MAX (8 << 20)
#define BLANKS	 " \t\r"
/* Of the base64 of a key, with a NUL. */
#define KEY_BASE64 sodium_base64_ENCODED_LEN(SIGNER_KEY, sodium_base64_VARIANT_ORIGINAL)

static const struct {
	const char *name;
	enum right right;
} rights[] = {{"evict", RIGHT_EVICT}, {"revoke", RIGHT_REVOKE}, {"lock", RIGHT_LOCK}};

#define N_RIGHTS (sizeof(rights) / sizeof(rights[0]))

const char *right_name(enum right right)
{
	size_t i;

	for (i = 0; i < N_RIGHTS; i++)
		if (rights[i].right == right)
			return rights[i].name;
	return "?";
}

void signer_line(const struct signer *signer, char out[SIGNER_LINE])
{
	char key[KEY_BASE64], may[64] = "";
	size_t i;

	for (i = 0; i < N_RIGHTS; i++)
		if (signer->may & rights[i].right)
			snprintf(may + strlen(may), sizeof(may) - strlen(may), "%s%s",
				may[0] != '\0' ? "," : "", rights[i].name);
	sodium_bin2base64(
		key, sizeof(key), signer->key, SIGNER_KEY, sodium_base64_VARIANT_ORIGINAL);
	snprintf(out, SIGNER_LINE, "%s may=%s ed25519 %s", signer->name, may, key);
}

/* --- A line --- */

/* NULL, or what is wrong with it. */
static const char *parse_rights(char *word, unsigned *ret)
{
	char *name, *rest = word + strlen("may=");
	size_t i;

	if (strncmp(word, "may=", 4) != 0)
		return "behind the name, expected may=evict, may=revoke, may=lock, or several with "
		       "commas between";
	*ret = 0;
	while ((name = strsep(&rest, ",")) != NULL) {
		for (i = 0; i < N_RIGHTS && strcmp(rights[i].name, name) != 0; i++)
			;
		if (i == N_RIGHTS)
			return "may= takes evict, revoke and lock";
		*ret |= rights[i].right;
	}
	return NULL;
}

static const char *parse_key(const char *word, uint8_t ret[SIGNER_KEY])
{
	size_t n = 0;

	if (sodium_base642bin(ret, SIGNER_KEY, word, strlen(word), NULL, &n, NULL,
		    sodium_base64_VARIANT_ORIGINAL) != 0 ||
		n != SIGNER_KEY)
		return "expected a key as sessd-fleet --make-key prints it: 44 characters of "
		       "base64";
	return NULL;
}

static const char *parse_line(char *line, struct signer *ret)
{
	char *word[4] = {NULL}, *at = line, *next;
	const char *wrong;
	size_t n = 0;

	while ((next = strsep(&at, BLANKS)) != NULL) {
		if (*next == '\0')
			continue;
		if (n == 4)
			return "expected NAME may=RIGHTS ed25519 KEY, and nothing more";
		word[n++] = next;
	}
	if (n != 4)
		return "expected NAME may=RIGHTS ed25519 KEY";
	if (strlen(word[0]) > SIGNER_NAME || !text_valid(word[0], strlen(word[0])))
		return "a name has at most 128 bytes, and none to control a terminal with";
	*ret = (struct signer){.may = 0};
	memcpy(ret->name, word[0], strlen(word[0]) + 1);
	wrong = parse_rights(word[1], &ret->may);
	if (wrong == NULL && strcmp(word[2], "ed25519") != 0)
		wrong = "expected ed25519, the one kind of key that there is";
	return wrong != NULL ? wrong : parse_key(word[3], ret->key);
}

/* --- The file --- */

__attribute__((format(printf, 3, 4))) static int fail(
	char error[SIGNER_ERROR], int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, SIGNER_ERROR, format, ap);
	va_end(ap);
	return r;
}

static int order_of(const void *a, const void *b)
{
	return strcmp(((const struct signer *)a)->name, ((const struct signer *)b)->name);
}

static int add(struct signers *s, const struct signer *signer)
{
	struct signer *more;

	if ((s->n & (s->n - 1)) == 0) {
		more = realloc(s->list, (s->n == 0 ? 1 : 2 * s->n) * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		s->list = more;
	}
	s->list[s->n++] = *signer;
	return 0;
}

static int parse(const char *path, char *text, struct signers *s, char error[SIGNER_ERROR])
{
	struct signer signer;
	const char *wrong;
	unsigned number = 0;
	size_t i;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		number++;
		line += strspn(line, BLANKS);
		if (*line == '\0' || *line == '#')
			continue;
		wrong = parse_line(line, &signer);
		if (wrong != NULL)
			return fail(error, -EINVAL, "%s:%u: %s", path, number, wrong);
		if (add(s, &signer) < 0)
			return fail(error, -ENOMEM, "%s: out of memory", path);
	}
	if (s->n > 0)
		qsort(s->list, s->n, sizeof(*s->list), order_of);
	for (i = 1; i < s->n; i++)
		if (strcmp(s->list[i - 1].name, s->list[i].name) == 0)
			return fail(error, -EINVAL, "%s: %s is there twice; a name has one key",
				path, s->list[i].name);
	return 0;
}

static int read_all(const char *path, char **ret, char error[SIGNER_ERROR])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;
	char *text;

	if (fd < 0)
		return fail(error, -errno,
			"%s: %s; it has a line for each host and administrator whose orders count, "
			"as sessd-fleet --make-key prints it",
			path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & S_IWOTH) != 0 ||
		st.st_size > FILE_MAX) {
		close(fd);
		return fail(error, -EPERM,
			"%s: expected a file that others cannot write, of at most 8 MiB", path);
	}
	text = malloc((size_t)st.st_size + 1);
	n = text != NULL ? bytes_read(fd, text, (size_t)st.st_size) : -ENOMEM;
	close(fd);
	if (n >= 0 && memchr(text, '\0', (size_t)n) != NULL)
		n = -EINVAL;
	if (n < 0) {
		free(text);
		return fail(error, (int)n, "%s: %s", path, strerror((int)-n));
	}
	text[n] = '\0';
	*ret = text;
	return 0;
}

int signers_load(const char *path, struct signers *ret, char error[SIGNER_ERROR])
{
	struct signers s = {.n = 0};
	char *text = NULL;
	int r = read_all(path, &text, error);

	if (r < 0)
		return r;
	r = parse(path, text, &s, error);
	free(text);
	if (r < 0)
		signers_fini(&s);
	else
		*ret = s;
	return r;
}

void signers_fini(struct signers *signers)
{
	free(signers->list);
	*signers = (struct signers){.n = 0};
}

const struct signer *signers_find(const struct signers *signers, const char *name)
{
	struct signer what;

	if (signers->n == 0 || strlen(name) >= sizeof(what.name))
		return NULL;
	memcpy(what.name, name, strlen(name) + 1);
	return bsearch(&what, signers->list, signers->n, sizeof(what), order_of);
}

const struct signer *signers_of_key(
	const struct signers *signers, const uint8_t key[SIGNER_KEY], const char *name)
{
	const struct signer *s = signers_find(signers, name);
	size_t i;

	if (s != NULL && memcmp(s->key, key, SIGNER_KEY) == 0)
		return s;
	for (i = 0; i < signers->n; i++)
		if (memcmp(signers->list[i].key, key, SIGNER_KEY) == 0)
			return &signers->list[i];
	return NULL;
}
