/* `audit export` against a daemon that does what the test says: filters, formats, damaged lines,
 * following. What the formats look like is tests/tap/formats.sh's business. */
#include "tests/unit/fake_daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "sessctl/context.h"
#include "sessctl/kind.h"
#include "sessd/entry.h"

/* clang-format off */
#define OPENED_AL "{\"seq\":1,\"time\":\"2026-11-20T08:00:00.000000Z\",\"event\":\"session_opened\",\"user\":\"al\"}\n"
#define LOCK_AL   "{\"seq\":2,\"time\":\"2026-11-21T08:00:00.000000Z\",\"event\":\"lock_set\",\"by\":\"bo\",\"lock\":\"user al\"}\n"
#define LOCK_NET  "{\"seq\":3,\"time\":\"2026-11-22T08:00:00.000000Z\",\"event\":\"lock_set\",\"by\":\"al\",\"lock\":\"source 10.0.0.1\"}\n"
#define ENDED_BO  "{\"seq\":4,\"time\":\"2026-11-23T08:00:00.000000Z\",\"event\":\"session_ended\",\"user\":\"bo\",\"later\":1}\n"
#define UNKNOWN   "{\"seq\":5,\"time\":\"2026-11-24T08:00:00.000000Z\",\"event\":\"later_kind\"}\n"
/* clang-format on */

static void first_three(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 3, true, OPENED_AL LOCK_AL LOCK_NET);
}

static void last_two(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 5, false, ENDED_BO UNKNOWN);
}

/* Runs `audit export OPTIONS` over these five. */
static struct result export(struct daemon **ret_d, const char *options)
{
	char line[256];

	snprintf(line, sizeof(line), "audit export %s", options);
	*ret_d = daemon_start(first_three, last_two, NULL);
	return run(*ret_d, line);
}

static void expect(const char *options, const char *out)
{
	struct daemon *d;
	struct result r = export(&d, options);

	if (strcmp(r.out, out) != 0 || r.code != EXIT_DONE || r.err[0] != '\0')
		fail_msg("audit export %s: %d\n%s%s", options, r.code, r.out, r.err);
	release(&r, d);
}

static void test_filters(void **state)
{
	(void)state;
	expect("", OPENED_AL LOCK_AL LOCK_NET ENDED_BO UNKNOWN);
	expect("--since 2026-11-22T08:00:00Z", LOCK_NET ENDED_BO UNKNOWN);
	expect("--since 2026-11-22T09:00:00.000001+01:00", ENDED_BO UNKNOWN);
	expect("--until 2026-11-22T08:00:00Z", OPENED_AL LOCK_AL);
	expect("--since 2026-11-21T00:00:00Z --until 2026-11-22T00:00:00Z", LOCK_AL);
	expect("--since 2026-12-24T00:00:00Z", "");
	expect("--until 1970-01-01T00:00:00Z", "");
	expect("--user al", OPENED_AL LOCK_AL);
	expect("-u bo", ENDED_BO);
	expect("--user a", "");
	expect("--event lock_set", LOCK_AL LOCK_NET);
	expect("-e session_ended -e session_opened", OPENED_AL ENDED_BO);
	expect("--event=session_ended,session_opened", OPENED_AL ENDED_BO);
	expect("-e session_ended,lock_set -e session_ended", LOCK_AL LOCK_NET ENDED_BO);
	expect("--event lock_set --user al --until 2026-11-22T00:00:00Z", LOCK_AL);
	expect("--format jsonl --format jsonl", OPENED_AL LOCK_AL LOCK_NET ENDED_BO UNKNOWN);
}

#define OF_2020 "{\"seq\":9,\"time\":\"2020-11-23T08:15:30.000000Z\",\"event\":\"lock_set\"}\n"

static void event_of_2020(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 9, false, OF_2020);
}

/* Each is long after it. */
static void test_times_of_now(void **state)
{
	static const char *const times[] = {"now", "today", "yesterday", "-1h", "-0"};
	struct daemon *d;
	struct result r;
	char line[64];
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(times) / sizeof(times[0]); i++) {
		snprintf(line, sizeof(line), "audit export --%s %s", i % 2 ? "since" : "until",
			times[i / 2]);
		d = daemon_start(event_of_2020, NULL);
		r = run(d, line);
		assert_int_equal(r.code, EXIT_DONE);
		assert_string_equal(r.out, i % 2 ? "" : OF_2020);
		release(&r, d);
	}
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		n++;
	return n;
}

static void test_formats(void **state)
{
	static const struct {
		const char *name, *part;
		size_t n;
	} formats[] = {
		{"csv", "\r\n", 6},
		{"csv", "seq,prev,time,event,", 1},
		{"csv", ",\"{\"\"later\"\":1}\"\r\n", 1},
		{"ocsf", "\"version\":\"1.6.0\"", 5},
		{"ocsf", "\"unmapped\":{\"later\":1}", 1},
		{"ecs", "\"ecs\":{\"version\":\"8.11.0\"}", 5},
		{"cef", "CEF:0|sessd|sessd|", 5},
		{"cef", " sessdLater=1", 1},
		{"syslog", " sessd - ", 5},
	};
	char options[64];
	struct daemon *d;
	struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		snprintf(options, sizeof(options), "--format %s", formats[i].name);
		r = export(&d, options);
		assert_int_equal(r.code, EXIT_DONE);
		assert_string_equal(r.err, "");
		if (count(r.out, formats[i].part) != formats[i].n)
			fail_msg("%s: `%s` is there %zu times:\n%s", formats[i].name,
				formats[i].part, count(r.out, formats[i].part), r.out);
		release(&r, d);
	}
	r = export(&d, "-f csv --user nobody");
	assert_int_equal(
		count(r.out, "\r\n"), 1); /* the header stands also where nothing follows */
	release(&r, d);
}

static void test_usage(void **state)
{
	static const struct {
		const char *options, *says;
	} wrong[] = {
		{"--format xml", "--format: xml is none of jsonl|csv|ocsf|ecs|cef|syslog"},
		{"--format json", "--format: json is none of"},
		{"--since tomorrow",
			"--since: tomorrow is no time (say 2026-11-22, \"2026-11-22 14:30\""},
		{"--until 2026-02-30", "--until: 2026-02-30 is no time"},
		{"--since now --until -1h", "--since is later than --until"},
		{"--event session_open", "--event: session_open is none of daemon_started|"},
		{"--event lock_set,nonsense,lock_set", "--event: nonsense is none of"},
		{"--event lock_set,", "--event:  is none of"},
		{"--follow --output /tmp/x", "--follow never makes a whole file"},
		{"--follow --until now", "--follow and --until exclude each other"},
		{"--follow=yes", "no value is wanted by --follow=yes"},
		{"--follow ledger.db", "--follow is of the live ledger: give no FILE"},
	};
	struct daemon *d;
	struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		r = export(&d, wrong[i].options);
		assert_int_equal(r.code, EXIT_USAGE);
		assert_string_equal(r.out, "");
		assert_has(r.err, wrong[i].says);
		assert_int_equal(d->n_requests, 0);
		release(&r, d);
	}
}

/* The message has room for all of them. */
static void test_unknown_kind_lists_all(void **state)
{
	struct daemon *d;
	struct result r = export(&d, "--event nonsense");
	size_t i;

	(void)state;
	for (i = 0; i < n_kinds; i++)
		assert_has(r.err, kinds[i].name);
	release(&r, d);
}

static void test_event_given_too_often(void **state)
{
	char *argv[80], word[] = "--event=lock_set", audit[] = "audit", export_[] = "export",
			name[] = "sessctl", *err;
	size_t size;
	FILE *f = open_memstream(&err, &size);
	int n = 0;

	(void)state;
	assert_non_null(f);
	argv[n++] = name;
	argv[n++] = audit;
	argv[n++] = export_;
	while (n < 79)
		argv[n++] = word;
	argv[n] = NULL;
	assert_int_equal(sessctl_run(n, argv, f, f), EXIT_USAGE);
	fclose(f);
	assert_has(err, "given too often: event");
	free(err);
}

/* No JSON, no object, members missing or of another kind, one twice, a time that is none. */
static const char *const damaged[] = {"\x01garbage", "[]", "{}", "{\"seq\":1",
	"{\"seq\":7,\"event\":\"e\"}", "{\"seq\":7,\"time\":\"2026-11-22T08:00:00Z\"}",
	"{\"seq\":\"7\",\"time\":\"2026-11-22T08:00:00Z\",\"event\":\"e\"}",
	"{\"seq\":0,\"time\":\"2026-11-22T08:00:00Z\",\"event\":\"e\"}",
	"{\"seq\":7,\"time\":\"yesterday\",\"event\":\"e\"}",
	"{\"seq\":7,\"seq\":7,\"time\":\"2026-11-22T08:00:00Z\",\"event\":\"e\"}",
	"{\"seq\":7,\"time\":\"2026-11-22T08:00:00Z\",\"event\":\"e\",\"text\":\"\xff\"}",
	"{\"seq\":7,\"time\":\"2026-11-22T08:00:00Z\",\"event\":\"e\",\"text\":\"\\u0000\"}"};

static const char *damage;

static void with_damage(struct daemon *d, const struct wire_frame *r)
{
	char body[1024];

	snprintf(body, sizeof(body), "%s%s\n%s", OPENED_AL, damage, ENDED_BO);
	page(d, r, 3, false, body);
}

/* It is said which line it was, and the others are there. */
static void test_damaged_line(void **state)
{
	struct daemon *d;
	struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		damage = damaged[i];
		d = daemon_start(with_damage, NULL);
		r = run(d, "audit export --format csv");
		assert_int_equal(r.code, EXIT_NO);
		assert_string_equal(r.err,
			"sessctl: line 2 of the ledger is damaged: it is no event, and left out\n"
			"sessctl: the export lacks 1 of 3 lines, which are damaged (see sessctl "
			"audit verify)\n");
		assert_int_equal(count(r.out, "\r\n"), 3);
		release(&r, d);
	}
}

/* Nothing looks into the lines that are only copied. */
static void test_damaged_line_as_it_is(void **state)
{
	struct daemon *d;
	struct result r;

	(void)state;
	damage = damaged[0];
	d = daemon_start(with_damage, NULL);
	r = run(d, "audit export");
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, OPENED_AL "\x01garbage\n" ENDED_BO);
	release(&r, d);
}

static void test_damaged_line_to_file(void **state)
{
	struct daemon *d;
	char line[128];
	struct result r;

	(void)state;
	damage = damaged[0];
	d = daemon_start(with_damage, NULL);
	snprintf(line, sizeof(line), "audit export --format ecs -o %s/out", d->dir);
	r = run(d, line);
	assert_int_equal(r.code, EXIT_NO);
	assert_has(r.err, "line 2 of the ledger is damaged");
	release(&r, d); /* rmdir() finds that nothing was left */
}

static void test_format_to_file(void **state)
{
	struct daemon *d = daemon_start(first_three, last_two, NULL);
	char line[128], path[64], text[4096];
	struct result r;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/out", d->dir);
	snprintf(line, sizeof(line), "audit export --format cef -o %s", path);
	r = run(d, line);
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, "");
	f = fopen(path, "re");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_int_equal(count(text, "CEF:0|"), 5);
	unlink(path);
	release(&r, d);
}

static void nothing_at_all(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 0, false, "");
}

/* The header alone is a whole file, too. */
static void test_nothing_to_file(void **state)
{
	struct daemon *d = daemon_start(nothing_at_all, NULL);
	char line[128], path[64];
	struct result r;
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/out", d->dir);
	snprintf(line, sizeof(line), "audit export --format csv -o %s", path);
	r = run(d, line);
	assert_int_equal(r.code, EXIT_DONE);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 100);
	unlink(path);
	release(&r, d);
}

/* What is held back until the end cannot be written either. */
static void test_nothing_to_full_disk(void **state)
{
	struct daemon *d = daemon_start(nothing_at_all, NULL);
	FILE *out = fopen("/dev/full", "we"), *err;
	size_t size;
	char *text;

	(void)state;
	err = open_memstream(&text, &size);
	assert_non_null(out);
	assert_non_null(err);
	assert_int_equal(run_into(d, "audit export --format csv", out, err), EXIT_NO);
	fclose(out);
	fclose(err);
	assert_has(text, "sessctl: standard output: No space left on device\n");
	free(text);
	daemon_free(d);
}

static void three_at_last(struct daemon *d, const struct wire_frame *r)
{
	page(d, r, 3, false, OPENED_AL LOCK_AL LOCK_NET);
}

/* What is there, and then what comes; also behind a page that had nothing. */
static void test_follow(void **state)
{
	struct daemon *d = daemon_start(three_at_last, nothing_at_all, last_two, NULL);
	struct result r = run(d, "audit export --follow --user bo");

	(void)state;
	assert_string_equal(r.out, ENDED_BO);
	assert_int_equal(r.code, EXIT_UNAVAILABLE); /* the daemon went away */
	assert_int_equal(d->n_requests, 3);
	assert_false(d->requests[0].u.read.wait);
	assert_true(d->requests[1].u.read.wait);
	assert_int_equal(d->requests[1].u.read.after, 3);
	assert_true(d->requests[2].u.read.wait);
	assert_int_equal(d->requests[2].u.read.after, 3);
	release(&r, d);
}

/* `audit export --follow | head` is no mistake. */
static void test_follow_ends_quietly(void **state)
{
	struct daemon *d = daemon_start(three_at_last, last_two, NULL);
	FILE *out, *err;
	size_t size;
	char *text;
	int fds[2];

	(void)state;
	err = open_memstream(&text, &size);
	assert_non_null(err);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	out = fdopen(fds[1], "w");
	assert_non_null(out);
	assert_int_equal(run_into(d, "audit export --follow -f syslog", out, err), EXIT_DONE);
	fclose(out);
	fclose(err);
	assert_string_equal(text, "");
	free(text);
	daemon_free(d);
}

/* Asked for where a progress line may be shown. */
static void state_of_five(struct daemon *d, const struct wire_frame *r)
{
	struct wire_state msg = {.program = "sessd test", .ledger_seq = 5};

	answer(d, r, WIRE_state, &msg);
}

/* What somebody at a terminal is told. */
static void expect_told(const char *options, const char *told)
{
	struct daemon *d = daemon_start(state_of_five, first_three, last_two, NULL);
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char line[128], text[256], *out_text;
	size_t size, len = 0;
	FILE *out = open_memstream(&out_text, &size), *err;
	ssize_t n;

	assert_non_null(out);
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	err = fopen(ptsname(master), "r+e");
	assert_non_null(err);
	snprintf(line, sizeof(line), "audit export %s", options);
	assert_int_equal(run_into(d, line, out, err), EXIT_DONE);
	/* a mark, so that there is something to read in any case */
	fputs("end", err);
	fflush(err);
	/* a terminal gives a line at a time */
	for (text[0] = '\0'; strstr(text, "end") == NULL; text[len] = '\0') {
		n = read(master, text + len, sizeof(text) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_string_equal(text, told);
	fclose(err);
	close(master);
	fclose(out);
	free(out_text);
	daemon_free(d);
}

static void test_told_that_the_chain_is_broken(void **state)
{
	(void)state;
	expect_told("", "end");
	expect_told("--since 2026-11-22T00:00:00Z", "end");
	expect_told("--format ecs --user al", "end");
	expect_told("--user al",
		"sessctl: the chain cannot be verified from this: lines are left out\r\nend");
	expect_told("--event lock_set",
		"sessctl: the chain cannot be verified from this: lines are left out\r\nend");
}

/* Formats name the kinds by a table of their own, because sessctl sees nothing of sessd's. */
static void test_every_kind_has_a_row(void **state)
{
	size_t i;
	static const char *const names[] = {
#define NAME(id, name, help) (name),
		ENTRY_KINDS(NAME)
#undef NAME
	};

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kind_find(names[i], strlen(names[i])) == NULL)
			fail_msg("%s has no row in sessctl/kind.h", names[i]);
	/* filter_add_kinds() has a bit for each */
	assert_true(n_kinds <= 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_times_of_now),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_unknown_kind_lists_all),
		cmocka_unit_test(test_event_given_too_often),
		cmocka_unit_test(test_damaged_line),
		cmocka_unit_test(test_damaged_line_as_it_is),
		cmocka_unit_test(test_damaged_line_to_file),
		cmocka_unit_test(test_format_to_file),
		cmocka_unit_test(test_nothing_to_file),
		cmocka_unit_test(test_nothing_to_full_disk),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_follow_ends_quietly),
		cmocka_unit_test(test_told_that_the_chain_is_broken),
		cmocka_unit_test(test_every_kind_has_a_row),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
