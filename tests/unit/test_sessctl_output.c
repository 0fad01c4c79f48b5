/* What people are shown: cut to fit, aligned, and never a control character. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/duration.h"
#include "sessctl/event.h"
#include "sessctl/forest.h"
#include "sessctl/output.h"
#include "sessctl/progress.h"
#include "sessctl/table.h"

/* A stream into memory: written() gives what is in it, until the next open. */
static char *memory;
static size_t memory_size;
static FILE *stream;

static FILE *open_stream(void)
{
	stream = open_memstream(&memory, &memory_size);
	assert_non_null(stream);
	return stream;
}

static const char *written(void)
{
	fflush(stream);
	return memory;
}

static void close_stream(void)
{
	fclose(stream);
	free(memory);
}

static void test_fit(void **state)
{
	char out[OUTPUT_CELL];

	(void)state;
	assert_string_equal(output_fit("alice", 8, out), "alice");
	assert_string_equal(output_fit("alicealice", 10, out), "alicealice");
	assert_string_equal(output_fit("alicealicea", 10, out), "aliceal...");
	assert_string_equal(output_fit("", 8, out), "");
	assert_string_equal(output_fit("\033[31m", 20, out), "\\x1b[31m");
	assert_string_equal(output_fit("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6", 5, out),
		"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6");
	assert_string_equal(
		output_fit("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6", 4, out), "\xc3\xa4...");
	assert_int_equal(output_width("\xc3\xa4\xc3\xb6x"), 3);
}

/* However long and wild the text, it fits its columns and its buffer, and is printable. */
static void test_fit_anything(void **state)
{
	char in[1024], out[OUTPUT_CELL + 8];
	unsigned seed = 1;
	size_t i, k, n, columns;

	(void)state;
	for (i = 0; i < 5000; i++) {
		n = (size_t)rand_r(&seed) % (sizeof(in) - 1);
		for (k = 0; k < n; k++)
			in[k] = (char)(1 + rand_r(&seed) % 255);
		in[n] = '\0';
		columns = 4 + (size_t)rand_r(&seed) % 60;
		memset(out + OUTPUT_CELL, 0x55, 8);
		output_fit(in, columns, out);
		assert_true(output_width(out) <= columns);
		assert_int_equal(out[OUTPUT_CELL], 0x55);
		for (k = 0; out[k] != '\0'; k++)
			assert_true((unsigned char)out[k] >= 0x20 && out[k] != 0x7f);
	}
}

/* Characters at the seam of two pieces stay whole. */
static void test_text_of_any_length(void **state)
{
	static char text[3 * 4000 + 1];
	size_t i, shift;

	(void)state;
	for (shift = 0; shift < 4; shift++) {
		memset(text, 'a', sizeof(text));
		for (i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[i] = '\0';
		open_stream();
		output_text(stream, text, strlen(text));
		assert_string_equal(written(), text);
		close_stream();
	}
	open_stream();
	output_text(stream, "a\tb\n\xff", 5);
	assert_string_equal(written(), "a\\x09b\\x0a\\xff");
	close_stream();
}

static void test_table(void **state)
{
	static const struct column columns[] = {{"ID", 4}, {"NAME", 6}, {"LAST", 10}};
	static const char *const rows[][3] = {
		{"2", "b\xc3\xb6", "x"}, {"1", "much too long", "y"}, {"33", "c", "zzzzzzzzzzzz"}};
	struct table t;
	size_t i;

	(void)state;
	table_init(&t, columns, 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(table_add(&t, 10 - i % 2, rows[i]), 0);
	table_sort(&t);
	open_stream();
	table_print(&t, stream, false);
	assert_string_equal(written(), "ID  NAME    LAST\n"
				       "1   muc...  y\n"
				       "2   b\xc3\xb6      x\n"
				       "33  c       zzzzzzz...\n");
	close_stream();
	open_stream();
	table_print(&t, stream, true);
	assert_non_null(strstr(written(), "\033[1mNAME\033[0m    \033[1mLAST\033[0m\n1   muc"));
	close_stream();
	table_fini(&t);
}

/* The numbers and leads of a forest, a line each. */
static int write_node(void *ctx, size_t number, const char *lead)
{
	int *left = ctx;

	fprintf(stream, "%s%zu\n", lead, number);
	return left != NULL && --*left == 0 ? 7 : 0;
}

static void add(struct forest *f, uint8_t sid, uint8_t parent, uint64_t opened_at, bool wanted)
{
	const struct sid a = {{sid}}, b = {{parent}};

	assert_int_equal(forest_add(f, &a, &b, opened_at, wanted), 0);
}

static void test_forest(void **state)
{
	struct forest f = {0};
	int left = 2;

	(void)state;
	open_stream();
	assert_int_equal(forest_each(&f, true, write_node, NULL), 0);
	assert_string_equal(written(), "");
	add(&f, 1, 0, 50, true);
	add(&f, 2, 1, 70, false);
	add(&f, 3, 0, 40, false); /* not wanted, nor is what stands there */
	add(&f, 4, 3, 41, false);
	add(&f, 5, 1, 60, false);
	add(&f, 6, 5, 60, true);
	add(&f, 7, 6, 61, true);
	add(&f, 8, 99, 10, true); /* its parent is not there */
	assert_int_equal(forest_each(&f, true, write_node, NULL), 0);
	assert_string_equal(written(), "7\n0\n├─4\n│ └─5\n│   └─6\n└─1\n");
	close_stream();
	open_stream();
	assert_int_equal(forest_each(&f, false, write_node, &left), 7);
	assert_string_equal(written(), "7\n0\n");
	close_stream();
	forest_fini(&f);
}

/* Nobody is lost, although they stand under each other, and however deep they stand. */
static void test_forest_that_is_none(void **state)
{
	struct forest f = {0};
	unsigned i;

	(void)state;
	add(&f, 1, 1, 1, true);
	add(&f, 2, 3, 3, true);
	add(&f, 3, 4, 2, true);
	add(&f, 4, 2, 1, true);
	add(&f, 4, 2, 1, true); /* the same sid twice */
	open_stream();
	assert_int_equal(forest_each(&f, false, write_node, NULL), 0);
	for (i = 0; i < 5; i++) {
		char line[8];

		snprintf(line, sizeof(line), "%u\n", i);
		assert_non_null(strstr(written(), line));
	}
	close_stream();
	forest_fini(&f);
	for (i = 1; i <= 100; i++)
		add(&f, (uint8_t)i, (uint8_t)(i - 1), i, i == 100);
	open_stream();
	assert_int_equal(forest_each(&f, true, write_node, NULL), 0);
	assert_non_null(strstr(written(), "\n                              └─99\n"));
	close_stream();
	forest_fini(&f);
}

static void test_table_by_place(void **state)
{
	static const struct column columns[] = {{"ID", 4}, {"NAME", 6}};
	static const char *const rows[][2] = {{"1", "a"}, {"2", "hidden"}, {"3", "c"}};
	struct table t;
	size_t i;

	(void)state;
	table_init(&t, columns, 2);
	t.by_place = true;
	for (i = 0; i < 3; i++)
		assert_int_equal(table_add(&t, 0, rows[i]), 0);
	assert_int_equal(table_place(&t, 2, 1, ""), 0);
	assert_int_equal(table_place(&t, 0, 2, "└─"), 0);
	table_sort(&t);
	open_stream();
	table_print(&t, stream, false);
	assert_string_equal(written(), "ID   NAME\n3    c\n└─1  a\n");
	close_stream();
	table_fini(&t);
}

static void test_progress(void **state)
{
	struct progress p = {.terminal = true};

	(void)state;
	p.err = open_stream();
	progress_tick(&p, 5 * NS_PER_SEC, 1, 2); /* nothing was begun */
	progress_begin(&p, "reading", 10 * NS_PER_SEC);
	progress_tick(&p, 10 * NS_PER_SEC + 999 * NS_PER_MS, 1, 4);
	assert_string_equal(written(), "");
	progress_tick(&p, 12 * NS_PER_SEC, 1, 4);
	assert_string_equal(written(), "\rreading [#######.......................]  25% 2s\033[K");
	progress_tick(&p, 12 * NS_PER_SEC + 100 * NS_PER_MS, 2, 4); /* too soon to draw again */
	progress_end(&p);
	progress_clear(&p);
	progress_tick(&p, 20 * NS_PER_SEC, 3, 4);
	assert_string_equal(
		written(), "\rreading [#######.......................]  25% 2s\033[K\r\033[K");
	close_stream();
}

static void test_progress_needs_a_terminal(void **state)
{
	struct progress p = {.terminal = false};

	(void)state;
	p.err = open_stream();
	progress_begin(&p, "reading", 0);
	progress_tick(&p, 60 * NS_PER_SEC, 1, 0);
	progress_end(&p);
	assert_string_equal(written(), "");
	close_stream();
}

static void check_event(const char *line, const char *want)
{
	open_stream();
	event_print(stream, line, strlen(line));
	assert_string_equal(written(), want);
	close_stream();
}

static void test_event(void **state)
{
	(void)state;
	check_event("{\"seq\":7,\"prev\":\"00\",\"time\":\"2026-11-23T08:15:30.123456Z\","
		    "\"event\":\"session_ended\",\"sid\":\"0123456789abcdef0123456789abcdef\","
		    "\"user\":\"alice\",\"uid\":1000,\"service\":\"sshd\",\"reason\":\"revoked\","
		    "\"by\":\"root\",\"text\":\"account closed\",\"signalled\":5,"
		    "\"elapsed\":0.003000}",
		"Nov 23 08:15:30 session_ended alice 01234567 service=sshd reason=revoked by=root "
		"text=\"account closed\" signalled=5 elapsed=0.003\n");
	check_event("{\"time\":\"2026-11-23T08:15:30Z\",\"event\":\"daemon_started\"}",
		"Nov 23 08:15:30 daemon_started - -\n");
}

/* What a user chose cannot look like something else. */
static void test_event_from_an_enemy(void **state)
{
	(void)state;
	check_event("{\"time\":\"x\\u001b[2J\",\"event\":\"e\",\"user\":\"a\\nb\",\"rhost\":\"h "
		    "reason=revoked\",\"ruser\":\"\\\" by=\\\"root\",\"q\":[1,{\"k\":null}],"
		    "\"tty\":\"\\u202ex\",\"auth\":\"\"}",
		"x\\x1b[2J e a\\x0ab - rhost=\"h reason=revoked\" ruser=\"\\\" by=\\\"root\" "
		"q=[1,{\"k\":null}] tty=\\xe2\\x80\\xaex auth=\"\"\n");
	check_event("not json \033[2J", "not json \\x1b[2J\n");
	check_event("[1,2]", "[1,2]\n");
	check_event("", "\n");
	check_event("{\"event\":7,\"user\":{},\"sid\":\"ab\"}", "- 7 {} ab\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_fit_anything),
		cmocka_unit_test(test_text_of_any_length),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_by_place),
		cmocka_unit_test(test_forest),
		cmocka_unit_test(test_forest_that_is_none),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_progress_needs_a_terminal),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_event_from_an_enemy),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
