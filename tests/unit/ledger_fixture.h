/* A ledger in a folder of its own, with its loop, and words to drive it. */
#ifndef TESTS_LEDGER_FIXTURE_H
#define TESTS_LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/chain.h"
#include "sessd/ledger.h"
#include "sessd/loop.h"

/* Turns of at most 100 ms that a test waits for anything. */
#define PATIENCE 600

struct fixture {
	char dir[64];
	char path[96];
	struct loop *loop;
	struct ledger *ledger;
	unsigned done, failed; /* callbacks so far */
	int result;	       /* of the last one */
	uint64_t expect;       /* callbacks come in the order of their numbers */
};

/* What a callback belongs to. */
struct ticket {
	struct fixture *f;
	uint64_t number;
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/test-ledger-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/" LEDGER_FILE, f->dir);
	assert_int_equal(loop_new(&f->loop), 0);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	struct dirent *entry;
	char path[400];
	DIR *dir;

	ledger_close(f->ledger);
	loop_free(f->loop);
	dir = opendir(f->dir);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, entry->d_name);
		unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(f->dir);
	free(f);
	return 0;
}

static inline void open_ledger(struct fixture *f)
{
	assert_int_equal(ledger_open(f->dir, f->loop, &f->ledger), 0);
}

static inline void close_ledger(struct fixture *f)
{
	ledger_close(f->ledger);
	f->ledger = NULL;
}

/* Makes a database of today's schema one of schema 2. */
#define LEDGER_TO_SCHEMA_2                                    \
	"DROP INDEX session_login; DROP INDEX event_refused;" \
	"ALTER TABLE session DROP COLUMN login;"              \
	"ALTER TABLE event DROP COLUMN refused;"              \
	"UPDATE meta SET value = 2 WHERE key = 'schema';"

#define WAIT_UNTIL(f, condition)                                     \
	do {                                                         \
		int turns_ = 0;                                      \
		while (!(condition)) {                               \
			assert_true(turns_++ < PATIENCE);            \
			assert_true(loop_turn((f)->loop, 100) >= 0); \
		}                                                    \
	} while (0)

static inline void count(void *ctx, int result)
{
	struct ticket *ticket = ctx;

	assert_int_equal(ticket->number, ticket->f->expect);
	ticket->f->expect++;
	ticket->f->result = result;
	if (result == 0)
		ticket->f->done++;
	else
		ticket->f->failed++;
	free(ticket);
}

/* Appends `number` as the limit of a refusal of `uid`, with a row where id is not 0. */
static inline int append(struct fixture *f, uint64_t number, uid_t uid, uint64_t id, bool live)
{
	struct ticket *ticket = malloc(sizeof(*ticket));
	struct ledger_row row = {.id = id, .live = live, .uid = uid};
	char record[40];
	struct entry e;
	int r;

	assert_non_null(ticket);
	*ticket = (struct ticket){.f = f, .number = number};
	entry_init(&e, ENTRY_SESSION_REFUSED, 1000 + number);
	e.limit = number;
	e.uid = (struct opt_uid){.set = uid != LEDGER_ALL_UIDS, .uid = uid};
	row.len = (size_t)snprintf(record, sizeof(record), "%s of %llu", live ? "live" : "ended",
		(unsigned long long)id);
	row.record = (const uint8_t *)record;
	r = ledger_append(f->ledger, &e, uid, id ? &row : NULL, count, ticket);
	if (r < 0)
		free(ticket);
	return r;
}

/* One page of a read, copied. */
struct copy {
	bool here;
	int result;
	struct ledger_page page;
	char body[LEDGER_PAGE + 1];
};

static inline void copy_page(void *ctx, int result, const struct ledger_page *page)
{
	struct copy *copy = ctx;

	copy->here = true;
	copy->result = result;
	copy->page = *page;
	assert_true(page->len <= LEDGER_PAGE);
	memcpy(copy->body, page->body, page->len);
	copy->body[page->len] = '\0';
	copy->page.body = copy->body;
}

static inline void read_page(
	struct fixture *f, bool ended, uint64_t at, uid_t uid, struct copy *ret)
{
	ret->here = false;
	if (ended)
		assert_int_equal(ledger_read_ended(f->ledger, at, uid, copy_page, ret), 0);
	else
		assert_int_equal(ledger_read(f->ledger, at, uid, copy_page, ret), 0);
	WAIT_UNTIL(f, ret->here);
	assert_int_equal(ret->result, 0);
}

/* Reads the events of one user or all, page by page. Of all, it checks the chain. Calls fn with
 * each line (no newline). Returns their number. */
static inline unsigned each_line(
	struct fixture *f, uid_t uid, void (*fn)(void *ctx, const char *line), void *ctx)
{
	struct copy copy;
	struct chain chain;
	char *line, *end;
	unsigned n = 0;
	uint64_t after = 0;

	chain_init(&chain);
	do {
		read_page(f, false, after, uid, &copy);
		assert_true(copy.page.len > 0 || !copy.page.more);
		for (line = copy.body; *line != '\0'; line = end + 1, n++) {
			end = strchr(line, '\n');
			assert_non_null(end);
			*end = '\0';
			if (uid == LEDGER_ALL_UIDS)
				assert_null(chain_check(&chain, line, (size_t)(end - line)));
			if (fn != NULL)
				fn(ctx, line);
		}
		after = copy.page.last;
	} while (copy.page.more);
	if (uid == LEDGER_ALL_UIDS)
		assert_int_equal(chain.seq, after);
	return n;
}

/* The number behind `"name":` in a line; 0: it is not there. */
static inline uint64_t member(const char *line, const char *name)
{
	char key[40];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(line, key);
	return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* Live rows, as a text `1 3 4`. */
static inline int collect_row(void *ctx, uint64_t id, const uint8_t *record, size_t len)
{
	char want[40], *list = ctx;

	snprintf(want, sizeof(want), "live of %llu", (unsigned long long)id);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(record, want, len);
	sprintf(list + strlen(list), "%s%llu", *list ? " " : "", (unsigned long long)id);
	return 0;
}

static inline void assert_live(struct fixture *f, const char *want)
{
	char list[4096] = "";

	assert_int_equal(ledger_load(f->ledger, collect_row, list), 0);
	assert_string_equal(list, want);
}

#endif
