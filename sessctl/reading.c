#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessctl/conn.h"
#include "sessctl/database.h"
#include "sessctl/reading.h"

struct progress_of {
	uint64_t done, total; /* bytes of files, or events */
};

static void tick(struct reading *r, const struct progress_of *p)
{
	progress_tick(&r->ctx->progress, clock_boot(), p->done, p->total);
}

bool reading_line(const char *text, size_t len, size_t *at, const char **ret_line, size_t *ret_len)
{
	const char *newline;

	if (*at >= len)
		return false;
	newline = memchr(text + *at, '\n', len - *at);
	*ret_line = text + *at;
	*ret_len = newline ? (size_t)(newline - *ret_line) : len - *at;
	*at += *ret_len + 1;
	return true;
}

/* --- Exports --- */

/* Gives what ends in a newline, or all where there is none in so much; returns what is left. */
static int give_lines(struct reading *r, const char *buf, size_t len, size_t *ret_given)
{
	const char *newline = memrchr(buf, '\n', len);

	*ret_given = newline != NULL ? (size_t)(newline - buf) + 1 : len;
	if (newline == NULL && len < READING_LINE_MAX)
		*ret_given = 0;
	return *ret_given > 0 ? r->take(r->arg, buf, *ret_given) : EXIT_DONE;
}

static int read_lines(struct reading *r, FILE *in, char *buf, struct progress_of *p)
{
	size_t len = 0, given, n;
	int code = EXIT_DONE;

	while (code == EXIT_DONE && (n = fread(buf + len, 1, READING_LINE_MAX - len, in)) > 0) {
		len += n;
		p->done += n;
		code = give_lines(r, buf, len, &given);
		len -= given;
		memmove(buf, buf + given, len);
		tick(r, p);
	}
	if (code == EXIT_DONE && !ferror(in) && len > 0)
		code = r->take(r->arg, buf, len);
	return code;
}

static int file_error(struct reading *r, const char *name)
{
	context_error(r->ctx, "%s: %s", name, strerror(errno ? errno : EIO));
	return EXIT_NO;
}

static int read_export(struct reading *r, const char *name, FILE *in, struct progress_of *p)
{
	char *buf = malloc(READING_LINE_MAX);
	int code;

	if (buf == NULL)
		return file_error(r, name);
	errno = 0;
	code = read_lines(r, in, buf, p);
	if (code == EXIT_DONE && ferror(in))
		code = file_error(r, name);
	free(buf);
	return code;
}

/* --- Databases --- */

struct rows {
	struct reading *r;
	struct progress_of p;
};

static int take_rows(void *arg, const char *text, size_t len, uint64_t seq)
{
	struct rows *rows = arg;
	int code = rows->r->take(rows->r->arg, text, len);

	rows->p.done = seq;
	tick(rows->r, &rows->p);
	return code;
}

static int read_database(struct reading *r, const char *path)
{
	struct rows rows = {.r = r};
	struct database db;
	int code = EXIT_DONE;

	if (!database_open(&db, path)) {
		context_error(r->ctx, "%s: %s", path, db.error);
		return EXIT_NO;
	}
	rows.p.total = database_last(&db);
	code = database_read(&db, take_rows, &rows);
	r->wrong = db.wrong;
	if (db.changed) {
		context_error(r->ctx, "%s: it was changed while it was read: try again", path);
		code = EXIT_UNAVAILABLE;
	}
	database_close(&db);
	return code;
}

static int read_file(struct reading *r, const char *path, struct progress_of *p)
{
	FILE *in;
	int code;

	if (strcmp(path, "-") == 0)
		return read_export(r, "standard input", stdin, p);
	if (database_is(path))
		return read_database(r, path);
	in = fopen(path, "re");
	if (in == NULL)
		return file_error(r, path);
	code = read_export(r, path, in, p);
	fclose(in);
	return code;
}

static int read_files(struct reading *r)
{
	struct progress_of p = {0};
	int i, code = EXIT_DONE;
	struct stat st;

	for (i = 0; i < r->n_files; i++)
		if (stat(r->files[i], &st) == 0 && S_ISREG(st.st_mode))
			p.total += (uint64_t)st.st_size;
	for (i = 0; i < r->n_files && code == EXIT_DONE && r->wrong == NULL; i++)
		code = read_file(r, r->files[i], &p);
	return code;
}

/* --- This machine's own --- */

static int take_page(void *arg, const struct wire_page *page)
{
	struct rows *rows = arg;

	return take_rows(rows, page->body.data, page->body.len, page->last);
}

static int read_daemon(struct reading *r, struct conn *c)
{
	struct rows rows = {.r = r};
	struct wire_state state;
	uint64_t after = 0;
	int code = EXIT_DONE;

	/* how far it is nobody sees elsewhere */
	if (r->ctx->progress.terminal && !r->follow) {
		code = conn_status(c, &state);
		rows.p.total = code == EXIT_DONE ? state.ledger_seq : 0;
	}
	if (code == EXIT_DONE)
		code = conn_ledger(c, &after, take_page, &rows);
	if (code == EXIT_DONE && r->follow)
		code = conn_follow(c, after, take_page, &rows);
	return code;
}

/* Nobody listens. Of a daemon in another folder it is not known where its ledger is. */
static int read_stopped(struct reading *r)
{
	struct conn c;

	if (r->follow || geteuid() != 0 || !r->ctx->usual_dir || access(READING_DATABASE, F_OK) < 0)
		return conn_open(&c, r->ctx);
	context_error(r->ctx, "sessd is not running: reading %s", READING_DATABASE);
	return read_database(r, READING_DATABASE);
}

static int read_own(struct reading *r)
{
	bool down = false;
	struct conn c;
	int code = conn_open_if(&c, r->ctx, &down);

	r->own = true;
	if (down)
		return read_stopped(r);
	if (code != EXIT_DONE)
		return code;
	code = read_daemon(r, &c);
	conn_close(&c);
	return code;
}

int reading_run(struct reading *r)
{
	int code;

	if (!r->follow)
		progress_begin(&r->ctx->progress, r->what, clock_boot());
	code = r->n_files > 0 ? read_files(r) : read_own(r);
	progress_end(&r->ctx->progress);
	return code;
}
