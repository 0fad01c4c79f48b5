/* The files that keep a session while the daemon is away. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pam_module/spool.h"

#define NOBODY 65534

struct place {
	char top[64];
	char dir[96]; /* not there at first */
	char pending[128];
	struct wire_spooled record;
	struct wire_frame frame;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -1;
	strcpy(p->top, "/tmp/test_pam_spool.XXXXXX");
	if (mkdtemp(p->top) == NULL)
		return -1;
	snprintf(p->dir, sizeof(p->dir), "%s/sessd", p->top);
	snprintf(p->pending, sizeof(p->pending), "%s/pending", p->dir);
	strcpy(p->record.user, "alice");
	strcpy(p->record.service, "sshd");
	strcpy(p->record.boot_id, "c0ffee");
	p->record.uid = 1001;
	p->record.opened_at = 1000;
	p->record.leader_pid = 42;
	p->record.leader_start = 4242;
	memset(p->record.new_token.b, 7, TOKEN_BYTES);
	*state = p;
	return sid_random(&p->record.sid);
}

static int teardown(void **state)
{
	struct place *p = *state;

	nftw(p->top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(p);
	return 0;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void path_of(const struct place *p, char *out, size_t size)
{
	char hex[SID_HEX + 1];

	snprintf(out, size, "%s/%s", p->pending, sid_hex(&p->record.sid, hex));
}

/* Reads the session's file into p->frame. */
static void read_back(struct place *p)
{
	uint8_t buf[WIRE_MAX + 1];
	struct stat st;
	char path[256];
	ssize_t n;
	int fd;

	path_of(p, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_uid, 0);
	n = read(fd, buf, sizeof(buf));
	close(fd);
	assert_true(n > 0);
	assert_int_equal(wire_decode(buf, (size_t)n, &p->frame), 0);
	assert_int_equal(p->frame.type, WIRE_spooled);
	assert_int_equal(p->frame.serial, 0);
	assert_true(sid_equal(&p->frame.u.spooled.sid, &p->record.sid));
}

static unsigned files(const struct place *p)
{
	DIR *dir = opendir(p->pending);
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return n;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode;
}

static void test_keep_makes_its_folders(void **state)
{
	struct place *p = *state;
	mode_t old;

	need_root();
	/* also under the strangest umask, which must not shut the daemon out */
	old = umask(0777);
	assert_int_equal(spool_keep(p->dir, &p->record), 0);
	assert_int_equal(umask(old), 0777);
	assert_int_equal(mode_of(p->dir), S_IFDIR | 0755);
	assert_int_equal(mode_of(p->pending), S_IFDIR | 0700);
	read_back(p);
	assert_string_equal(p->frame.u.spooled.user, "alice");
	assert_int_equal(p->frame.u.spooled.leader_start, 4242);
	assert_int_equal(p->frame.u.spooled.closed_at, 0);
	assert_int_equal(files(p), 1);
}

static void test_folders_keep_their_mode(void **state)
{
	struct place *p = *state;

	need_root();
	assert_int_equal(mkdir(p->dir, 0711), 0);
	assert_int_equal(chmod(p->dir, 0711), 0);
	assert_int_equal(spool_keep(p->dir, &p->record), 0);
	assert_int_equal(mode_of(p->dir), S_IFDIR | 0711);
}

static void test_close_rewrites(void **state)
{
	struct place *p = *state;
	struct wire_spooled later;

	need_root();
	assert_int_equal(spool_keep(p->dir, &p->record), 0);
	later = p->record;
	later.closed_at = 2000;
	memset(later.new_token.b, 9, TOKEN_BYTES);
	assert_int_equal(spool_keep_closed(p->dir, &later), 0);
	read_back(p);
	assert_int_equal(p->frame.u.spooled.opened_at, 1000);
	assert_int_equal(p->frame.u.spooled.closed_at, 2000);
	/* what the file knew stays */
	assert_memory_equal(p->frame.u.spooled.new_token.b, p->record.new_token.b, TOKEN_BYTES);
	assert_int_equal(files(p), 1);
}

static void test_close_without_a_file(void **state)
{
	struct place *p = *state;

	need_root();
	p->record.closed_at = 2000;
	assert_int_equal(spool_mark_closed(p->dir, &p->record), -ENOENT);
	assert_int_equal(files(p), 0);
	assert_int_equal(spool_keep_closed(p->dir, &p->record), 0);
	read_back(p);
	assert_int_equal(p->frame.u.spooled.closed_at, 2000);
	p->record.closed_at = 3000;
	assert_int_equal(spool_mark_closed(p->dir, &p->record), 0);
	read_back(p);
	assert_int_equal(p->frame.u.spooled.closed_at, 3000);
}

static void test_close_over_rubbish(void **state)
{
	struct place *p = *state;
	char path[256];
	int fd;

	need_root();
	assert_int_equal(spool_keep(p->dir, &p->record), 0);
	path_of(p, path, sizeof(path));
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "rubbish", 7), 7);
	close(fd);
	p->record.closed_at = 2000;
	assert_int_equal(spool_mark_closed(p->dir, &p->record), -EBADMSG);
	assert_int_equal(spool_keep_closed(p->dir, &p->record), 0);
	read_back(p);
	assert_int_equal(p->frame.u.spooled.closed_at, 2000);
}

static void test_left_over_tmp(void **state)
{
	struct place *p = *state;
	char hex[SID_HEX + 1], path[256];
	int fd;

	need_root();
	assert_int_equal(mkdir(p->dir, 0755), 0);
	assert_int_equal(mkdir(p->pending, 0700), 0);
	snprintf(path, sizeof(path), "%s/.%s.tmp", p->pending, sid_hex(&p->record.sid, hex));
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(spool_keep(p->dir, &p->record), 0);
	read_back(p);
	assert_int_equal(files(p), 1);
}

/* A folder that somebody else could have filled is not written to. */
static void test_folders_of_others(void **state)
{
	struct place *p = *state;

	need_root();
	assert_int_equal(mkdir(p->dir, 0755), 0);
	assert_int_equal(mkdir(p->pending, 0700), 0);
	assert_int_equal(chmod(p->pending, 0702), 0);
	assert_int_equal(spool_keep(p->dir, &p->record), -EPERM);
	assert_int_equal(chmod(p->pending, 0720), 0);
	assert_int_equal(spool_keep(p->dir, &p->record), -EPERM);
	assert_int_equal(chmod(p->pending, 0700), 0);
	assert_int_equal(chown(p->pending, NOBODY, 0), 0);
	assert_int_equal(spool_keep(p->dir, &p->record), -EPERM);
	assert_int_equal(chown(p->pending, 0, 0), 0);
	assert_int_equal(chmod(p->dir, 0777), 0);
	assert_int_equal(spool_keep(p->dir, &p->record), -EPERM);
	assert_int_equal(chmod(p->dir, 0755), 0);
	assert_int_equal(files(p), 0);
	assert_int_equal(spool_keep(p->dir, &p->record), 0);
}

static void test_links_are_not_followed(void **state)
{
	struct place *p = *state;
	char path[256], target[128];

	need_root();
	assert_int_equal(mkdir(p->dir, 0755), 0);
	assert_int_equal(symlink("/tmp", p->pending), 0);
	assert_int_equal(spool_keep(p->dir, &p->record), -EPERM);
	assert_int_equal(unlink(p->pending), 0);
	assert_int_equal(mkdir(p->pending, 0700), 0);
	/* a link in place of the file is replaced, its target left alone */
	path_of(p, path, sizeof(path));
	snprintf(target, sizeof(target), "%s/target", p->top);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(spool_mark_closed(p->dir, &p->record), -EPERM);
	assert_int_equal(spool_keep(p->dir, &p->record), 0);
	read_back(p);
	assert_int_equal(access(target, F_OK), -1);
}

static void test_a_parent_that_is_missing(void **state)
{
	struct place *p = *state;

	need_root();
	assert_int_equal(spool_keep("/nonexistent/run/sessd", &p->record), -ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keep_makes_its_folders),
		TEST(test_folders_keep_their_mode),
		TEST(test_close_rewrites),
		TEST(test_close_without_a_file),
		TEST(test_close_over_rubbish),
		TEST(test_left_over_tmp),
		TEST(test_folders_of_others),
		TEST(test_links_are_not_followed),
		TEST(test_a_parent_that_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
