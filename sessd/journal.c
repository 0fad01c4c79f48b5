#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "sessd/journal.h"
#include "sessd/members.h"

/* How long journald may let a full socket stand. */
#define SEND_S 5

struct text {
	char *buf;
	size_t len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->buf + t->len, JOURNAL_ENTRY - t->len, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= JOURNAL_ENTRY - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

/* What people read in the list: what, who, how, from where, why. */
static void put_message(struct text *t, const char *line, size_t len)
{
	static const struct {
		const char *member, *words;
	} parts[] = {{"event", "MESSAGE="}, {"user", " "}, {"lock", " "}, {"service", " by "},
		{"rhost", " from "}, {"reason", ": "}};
	char value[MEMBERS_TEXT];
	struct member m;
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!members_find(line, len, parts[i].member, &m))
			continue;
		members_text(&m, value, sizeof(value));
		put(t, "%s%s", parts[i].words, value);
	}
	put(t, "\n");
}

/* No value has a newline, so that each is a line. */
static void put_member(struct text *t, const struct member *m)
{
	char value[MEMBERS_TEXT];
	size_t i;

	put(t, "SESSD_");
	for (i = 0; i < m->name_len; i++)
		put(t, "%c", toupper((unsigned char)m->name[i]));
	members_text(m, value, sizeof(value));
	put(t, "=%s\n", value);
}

size_t journal_entry(const char *line, size_t len, char ret[JOURNAL_ENTRY])
{
	struct text t = {.buf = ret};
	const char *at = line;
	struct member m;

	/* authpriv, as what else tells of logins */
	put(&t, "SYSLOG_IDENTIFIER=sessd\nSYSLOG_FACILITY=10\nPRIORITY=6\n");
	put_message(&t, line, len);
	while (members_next(&at, line + len, &m))
		put_member(&t, &m);
	return t.full ? 0 : t.len;
}

static int journal_open(void *ctx, const char *target, uint64_t head, uint64_t *after)
{
	const struct timeval patience = {.tv_sec = SEND_S};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct journal *j = ctx;
	int r;

	(void)head;
	(void)after;
	if (strlen(target) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, target, strlen(target) + 1);
	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (j->fd < 0)
		return -errno;
	if (setsockopt(j->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
		connect(j->fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return 0;
	r = -errno;
	close(j->fd);
	j->fd = -1;
	return r;
}

static int journal_write(void *ctx, const char *lines, size_t len, uint64_t *after)
{
	const char *end = lines + len, *newline;
	struct journal *j = ctx;
	size_t n;

	for (; lines < end; lines = newline + 1) {
		newline = memchr(lines, '\n', (size_t)(end - lines));
		if (newline == NULL)
			return -EBADMSG;
		n = journal_entry(lines, (size_t)(newline - lines), j->entry);
		if (n > 0 && send(j->fd, j->entry, n, MSG_NOSIGNAL) < 0)
			return -errno;
		*after = members_seq(lines, (size_t)(newline - lines));
	}
	return 0;
}

static void journal_close(void *ctx)
{
	struct journal *j = ctx;

	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

static const char *journal_explain(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED ? "journald does not listen there" : NULL;
}

struct feed_sink journal_sink(struct journal *j)
{
	return (struct feed_sink){.name = "journal",
		.open = journal_open,
		.write = journal_write,
		.close = journal_close,
		.explain = journal_explain,
		.ctx = j};
}
