/* A feed hands over each line of the ledger once and in order, whatever becomes of who takes them;
 * and the members of these lines are read back as they were written. */
#include "tests/unit/ledger_fixture.h"

#include <errno.h>
#include <pthread.h>

#include "sessd/feed.h"
#include "sessd/members.h"

#define TAKEN_MAX 20000

/* Takes lines, and does what the test wants. `taken` is the thread's until feed_free(). */
struct taker {
	uint64_t taken[TAKEN_MAX];
	size_t n;
	unsigned opens, closes;
	bool from_start;    /* open: he wants all */
	size_t forgets;	    /* lines that he has lost when he is opened again */
	unsigned failures;  /* writes that are still to fail, after their first line */
	unsigned bad_opens; /* opens that are still to fail */
	int hang;	    /* a pipe that he reads before he returns; -1: none */
	uint64_t last_head;
};

static int taker_open(void *ctx, const char *target, uint64_t head, uint64_t *after)
{
	struct taker *t = ctx;

	assert_string_equal(target, "somewhere");
	t->last_head = head;
	t->opens++;
	if (t->bad_opens > 0) {
		t->bad_opens--;
		return -EACCES;
	}
	t->n -= t->n > t->forgets ? t->forgets : 0;
	if (t->from_start)
		*after = t->n > 0 ? t->taken[t->n - 1] : 0;
	return 0;
}

static int taker_write(void *ctx, const char *lines, size_t len, uint64_t *after)
{
	const char *end = lines + len, *newline;
	struct taker *t = ctx;
	char byte;

	assert_true(len > 0 && lines[len - 1] == '\n');
	if (t->hang >= 0)
		(void)!read(t->hang, &byte, 1);
	for (; lines < end; lines = newline + 1) {
		newline = memchr(lines, '\n', (size_t)(end - lines));
		assert_true(t->n < TAKEN_MAX);
		*after = t->taken[t->n++] = members_seq(lines, (size_t)(newline - lines));
		if (t->failures > 0) {
			t->failures--;
			return -ENOSPC;
		}
	}
	return 0;
}

static void taker_close(void *ctx)
{
	struct taker *t = ctx;

	t->closes++;
}

static const char *taker_explain(int error)
{
	return error == -EACCES ? "the door is shut" : NULL;
}

static struct feed *feed_on(struct fixture *f, struct taker *t)
{
	const struct feed_sink sink = {.name = "taker",
		.open = taker_open,
		.write = taker_write,
		.close = taker_close,
		.explain = taker_explain,
		.ctx = t};
	struct feed *feed;

	assert_int_equal(feed_new(f->loop, f->ledger, &sink, &feed), 0);
	return feed;
}

static uint64_t seq_of(struct feed *feed)
{
	struct feed_stats stats;

	feed_stats(feed, &stats);
	return stats.seq;
}

static uint64_t head_of(struct fixture *f)
{
	struct ledger_stats stats;

	ledger_stats(f->ledger, &stats);
	return stats.seq;
}

static void append_some(struct fixture *f, unsigned n)
{
	unsigned want = f->done + n, i;

	for (i = 0; i < n; i++)
		assert_int_equal(append(f, f->expect + i, 1000, 0, true), 0);
	WAIT_UNTIL(f, f->done == want);
}

static void expect_run(const struct taker *t, uint64_t from, uint64_t to)
{
	size_t i;

	assert_int_equal(t->n, to - from + 1);
	for (i = 0; i < t->n; i++)
		assert_int_equal(t->taken[i], from + i);
}

static void test_from_now_on(void **state)
{
	struct taker t = {.hang = -1};
	struct fixture *f = *state;
	struct feed *feed;
	uint64_t from;

	open_ledger(f);
	append_some(f, 50);
	feed = feed_on(f, &t);
	append_some(f, 10);
	from = head_of(f) + 1;
	feed_direct(feed, "somewhere");
	append_some(f, 300);
	WAIT_UNTIL(f, seq_of(feed) == head_of(f));
	assert_true(feed_free(feed));
	expect_run(&t, from, head_of(f));
	assert_int_equal(t.opens, 1);
	assert_int_equal(t.closes, 1);
	assert_int_equal(t.last_head, from - 1);
}

/* More than one page of what was there before. */
static void test_from_where_he_stands(void **state)
{
	struct taker t = {.hang = -1, .from_start = true};
	struct fixture *f = *state;
	struct feed *feed;

	open_ledger(f);
	append_some(f, 1000);
	feed = feed_on(f, &t);
	feed_direct(feed, "somewhere");
	WAIT_UNTIL(f, seq_of(feed) == head_of(f));
	append_some(f, 5);
	WAIT_UNTIL(f, seq_of(feed) == head_of(f));
	assert_true(feed_free(feed));
	expect_run(&t, 1, head_of(f));
}

/* Each failure costs a second. */
static void test_failures(void **state)
{
	struct taker t = {.hang = -1, .from_start = true, .failures = 1, .bad_opens = 1};
	struct fixture *f = *state;
	struct feed_stats stats;
	struct feed *feed;

	open_ledger(f);
	append_some(f, 200);
	feed = feed_on(f, &t);
	feed_direct(feed, "somewhere");
	WAIT_UNTIL(f, (feed_stats(feed, &stats), stats.error[0] != '\0'));
	assert_string_equal(stats.error, "somewhere: the door is shut");
	WAIT_UNTIL(f, (feed_stats(feed, &stats), strstr(stats.error, "No space") != NULL));
	append_some(f, 100);
	WAIT_UNTIL(f, seq_of(feed) == head_of(f));
	feed_stats(feed, &stats);
	assert_string_equal(stats.error, "");
	assert_true(feed_free(feed));
	expect_run(&t, 1, head_of(f));
	assert_int_equal(t.opens, 3);
	assert_int_equal(t.closes, 2);
}

/* Also a page that was on its way to him does not cover what he has lost. */
static void test_opened_anew_while_it_goes_on(void **state)
{
	struct taker t = {.hang = -1, .from_start = true, .forgets = 7};
	struct fixture *f = *state;
	struct feed *feed;
	int i;

	open_ledger(f);
	feed = feed_on(f, &t);
	feed_direct(feed, "somewhere");
	for (i = 0; i < 100; i++) {
		append_some(f, 20);
		feed_reopen(feed);
	}
	WAIT_UNTIL(f, seq_of(feed) == head_of(f));
	assert_true(feed_free(feed));
	/* the last times may have been after all was taken */
	assert_true(t.n > head_of(f) / 2);
	expect_run(&t, 1, t.n);
	assert_true(t.opens > 1);
	assert_int_equal(t.opens, t.closes);
}

static void test_off_and_on(void **state)
{
	struct taker t = {.hang = -1};
	struct fixture *f = *state;
	struct feed_stats stats;
	struct feed *feed;
	uint64_t head;

	open_ledger(f);
	feed = feed_on(f, &t);
	feed_direct(feed, "somewhere");
	append_some(f, 3);
	WAIT_UNTIL(f, seq_of(feed) == head_of(f));
	feed_direct(feed, "");
	feed_stats(feed, &stats);
	assert_false(stats.on);
	append_some(f, 30);
	head = head_of(f);
	feed_direct(feed, "somewhere");
	append_some(f, 3);
	WAIT_UNTIL(f, seq_of(feed) == head_of(f));
	assert_true(feed_free(feed));
	assert_int_equal(t.n, 6);
	assert_int_equal(t.taken[3], head + 1);
}

/* Who hangs holds up neither a commit nor, for long, the end. */
static void test_hang(void **state)
{
	/* the thread goes on with it */
	static struct taker t;
	struct fixture *f = *state;
	struct feed *feed;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	t.hang = fds[0];
	open_ledger(f);
	feed = feed_on(f, &t);
	feed_direct(feed, "somewhere");
	append_some(f, 2000);
	assert_true(seq_of(feed) < head_of(f));
	assert_false(feed_free(feed));
	/* it is let go, so that it ends before the test does */
	close(fds[1]);
	while (__atomic_load_n(&t.closes, __ATOMIC_ACQUIRE) == 0)
		usleep(1000);
	close(fds[0]);
}

static void test_members(void **state)
{
	static const char line[] =
		"{\"seq\":17,\"prev\":\"00ff\",\"user\":\"a\\\"b\\\\c\\u001bd, {\\\"x\\\":1}\","
		"\"uid\":0,\"elapsed\":0.063125,\"yes\":true}";
	static const struct {
		const char *name, *value;
		bool string;
	} want[] = {{"seq", "17", false}, {"prev", "00ff", true},
		{"user", "a\"b\\c\\u001bd, {\"x\":1}", true}, {"uid", "0", false},
		{"elapsed", "0.063125", false}, {"yes", "true", false}};
	const char *at = line;
	char text[MEMBERS_TEXT];
	struct member m;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(members_next(&at, line + sizeof(line) - 1, &m));
		assert_int_equal(m.name_len, strlen(want[i].name));
		assert_memory_equal(m.name, want[i].name, m.name_len);
		assert_int_equal(m.string, want[i].string);
		n = members_text(&m, text, sizeof(text));
		assert_int_equal(n, strlen(want[i].value));
		assert_string_equal(text, want[i].value);
		assert_true(members_find(line, sizeof(line) - 1, want[i].name, &m));
	}
	assert_false(members_next(&at, line + sizeof(line) - 1, &m));
	assert_false(members_find(line, sizeof(line) - 1, "x", &m));
	assert_int_equal(members_text(&m, text, 3), 2);
	/* cut off anywhere, it is no line, and nothing beyond it is read */
	for (i = 0; i < sizeof(line) - 1; i++) {
		char *copy = malloc(i + 1);

		assert_non_null(copy);
		memcpy(copy, line, i);
		for (at = copy; members_next(&at, copy + i, &m);)
			assert_true(m.value + m.value_len <= copy + i);
		free(copy);
	}
	assert_int_equal(members_seq(line, sizeof(line) - 1), 17);
	assert_int_equal(members_seq("{\"seq\":x,", 9), 0);
	assert_int_equal(members_seq("{\"prev\":1,", 10), 0);
	assert_int_equal(members_seq("{\"seq\":99999999999999999999,", 28), 0);
	assert_int_equal(members_seq("", 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(from_now_on),
		TEST(from_where_he_stands),
		TEST(failures),
		TEST(opened_anew_while_it_goes_on),
		TEST(off_and_on),
		TEST(hang),
		cmocka_unit_test(test_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
