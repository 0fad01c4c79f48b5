/* What a host remembers of another one's ledger: it outlasts the agent, stays small, and keeps what
 * shows a rollback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet/memory.h"

/* A busy host's checkpoints of a fortnight. */
#define MANY UINT64_C(20000)
#define WALL UINT64_C(1795000000000000000)

static char folder[64];
static struct memory m;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-memory-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static struct memory_row row(uint64_t seq, bool broken)
{
	struct memory_row r = {
		.head = {.seq = seq}, .seen_at = WALL + seq * 1000, .broken = broken};

	memset(r.head.hash, (int)seq, sizeof(r.head.hash));
	return r;
}

static void add(uint64_t seq, bool broken)
{
	struct memory_row r = row(seq, broken);

	assert_int_equal(memory_add(&m, &r), 0);
}

static void assert_row(size_t i, uint64_t seq, bool broken)
{
	struct memory_row r = row(seq, broken);

	assert_int_equal(m.row[i].head.seq, seq);
	assert_memory_equal(m.row[i].head.hash, r.head.hash, CHAIN_HASH);
	assert_int_equal(m.row[i].seen_at, r.seen_at);
	assert_int_equal(m.row[i].broken, broken);
}

static void read_again(const char *host, size_t n)
{
	assert_int_equal(memory_read(&m, folder, host), 0);
	assert_int_equal(m.n, n);
}

static void it_is_read_back(void **state)
{
	struct chain head = row(7, true).head, other = row(8, true).head;

	(void)state;
	read_again("web1", 0);
	assert_null(memory_newest(&m));
	add(5, false);
	add(7, true);
	read_again("web1", 2);
	assert_row(0, 5, false);
	assert_row(1, 7, true);
	assert_int_equal(memory_newest(&m)->head.seq, 5);
	assert_true(memory_knows_broken(&m, &head));
	assert_false(memory_knows_broken(&m, &other));
	/* what was broken before it was put right may break again */
	add(9, false);
	assert_false(memory_knows_broken(&m, &head));
	read_again("web2", 0);
}

static void it_stays_small(void **state)
{
	uint64_t seq, age;
	size_t i;

	(void)state;
	read_again("web1", 0);
	for (seq = 1; seq <= MANY; seq++)
		add(seq, false);
	assert_true(m.n <= MEMORY_MAX && m.n >= MEMORY_THIN);
	read_again("web1", m.n);
	assert_row(0, 1, false);
	assert_row(m.n - 1, MANY, false);
	for (i = 1; i < m.n; i++) {
		assert_true(m.row[i - 1].head.seq < m.row[i].head.seq);
		/* a rollback by a twentieth of the time that has gone by since is always seen */
		age = MANY - m.row[i - 1].head.seq;
		assert_true(m.row[i].head.seq - m.row[i - 1].head.seq <= 1 + age / 20);
	}
}

static void put_file(const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/web1.heads", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define HASH "0505050505050505050505050505050505050505050505050505050505050505"

static void what_is_no_line_is_passed_over(void **state)
{
	(void)state;
	put_file("5:" HASH " 2026-11-19T03:06:40.000005Z\n"
		 "\n"
		 "6:" HASH "\n"
		 "7:" HASH " 2026-11-19T03:06:40.000005Z mended\n"
		 "8:" HASH " yesterday\n"
		 "9:" HASH "0 2026-11-19T03:06:40.000005Z\n"
		 "-1:" HASH " 2026-11-19T03:06:40.000005Z\n"
		 "10:" HASH " 2026-11-19T03:06:40.000005Z broken of late\n"
		 "11:" HASH " 2026-11-19T03:06:40.0000");
	read_again("web1", 1);
	assert_true(m.torn);
	add(12, false);
	read_again("web1", 2);
	assert_false(m.torn);
	assert_row(1, 12, false);
}

static void names_stay_in_the_folder(void **state)
{
	static const char *const names[] = {"..", ".", "../web1", "/etc/passwd", "a b", "ö"};
	char name[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		read_again(names[i], 0);
		add(i + 1, false);
		assert_int_equal(strncmp(m.path, folder, strlen(folder)), 0);
		assert_null(strchr(m.path + strlen(folder) + 1, '/'));
		read_again(names[i], 1);
	}
	assert_int_equal(memory_read(&m, folder, ""), -EINVAL);
	memset(name, '/', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(memory_read(&m, folder, name), -EINVAL);
}

static void a_disk_that_fails_is_told(void **state)
{
	struct memory_row r = row(1, false);

	(void)state;
	assert_int_equal(memory_read(&m, "/nonexistent", "web1"), 0);
	assert_int_equal(memory_add(&m, &r), -ENOENT);
	assert_int_equal(memory_read(&m, "/dev/null", "web1"), -ENOTDIR);
	read_again("web1", 0);
	assert_int_equal(symlink("/dev/full", m.path), 0);
	assert_int_equal(memory_add(&m, &r), -ENOSPC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_read_back),
		TEST(it_stays_small),
		TEST(what_is_no_line_is_passed_over),
		TEST(names_stay_in_the_folder),
		TEST(a_disk_that_fails_is_told),
	};

	return cmocka_run_group_tests_name("fleet_memory", tests, NULL, NULL);
}
