/* Locks: what can be locked, whom a lock hits, when it has run out, and its file, hostile ones too.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/lock.h"

#define NOBODY 65534

/* The same key as `ssh-keygen -l` names it. */
#define KEY	    "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
#define FINGERPRINT "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"

static const uint32_t gids[] = {100, 2201};

static struct wire_locked locked(const char *kind, const char *name)
{
	struct wire_locked lock = {.set_at = 1000};

	snprintf(lock.kind, sizeof(lock.kind), "%s", kind);
	snprintf(lock.name, sizeof(lock.name), "%s", name);
	return lock;
}

static void names(void **state)
{
	static const struct {
		const char *kind, *name, *written; /* NULL: it is none */
	} rows[] = {
		{"user", "bob", "bob"},
		{"user", "", NULL},
		{"user", "a\nb", NULL},
		{"host", "bob", NULL},
		{"", "bob", NULL},
		{"group", "staff", "staff"},
		{"source", "192.0.2.7", "192.0.2.7"},
		{"source", "192.0.2.7/32", "192.0.2.7"},
		{"source", "::ffff:192.0.2.7", "192.0.2.7"},
		{"source", "10.0.0.0/8", "10.0.0.0/8"},
		{"source", "0.0.0.0/0", "0.0.0.0/0"},
		{"source", "2001:DB8:0::/32", "2001:db8::/32"},
		{"source", "::/0", "::/0"},
		{"source", "10.0.0.1/8", NULL},
		{"source", "web1", NULL},
		{"key", FINGERPRINT, FINGERPRINT},
		{"key", FINGERPRINT "=", NULL},
		{"key", "SHA256:short", NULL},
		{"key", "MD5:" FINGERPRINT, NULL},
	};
	const struct opt_uid id = {.set = true, .uid = 1}, none = {.set = false};
	char name[TEXT_STR_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(name, sizeof(name), "%s", rows[i].name);
		if (rows[i].written == NULL) {
			if (lock_check(rows[i].kind, name, &id) == NULL)
				fail_msg("%s %s was taken", rows[i].kind, rows[i].name);
			continue;
		}
		assert_null(lock_check(rows[i].kind, name, &id));
		assert_string_equal(name, rows[i].written);
	}
	/* a group is known by its id */
	snprintf(name, sizeof(name), "staff");
	assert_non_null(lock_check("group", name, &none));
}

static bool hits(struct wire_locked lock, struct lock_subject subject)
{
	subject.gids = gids;
	subject.n_gids = 2;
	if (subject.user == NULL)
		subject.user = "bob";
	if (subject.rhost == NULL)
		subject.rhost = "";
	if (subject.auth == NULL)
		subject.auth = "";
	return lock_hits(&lock, &subject);
}

static void users_and_groups(void **state)
{
	struct wire_locked lock = locked("user", "bob");

	(void)state;
	assert_true(hits(lock, (struct lock_subject){.user = "bob", .uid = 7}));
	assert_false(hits(lock, (struct lock_subject){.user = "bobby", .uid = 7}));
	/* another name of the same account */
	lock.id = (struct opt_uid){.set = true, .uid = 7};
	assert_true(hits(lock, (struct lock_subject){.user = "robert", .uid = 7}));
	assert_false(hits(lock, (struct lock_subject){.user = "robert", .uid = 8}));
	lock = locked("group", "contractors");
	assert_false(hits(lock, (struct lock_subject){.uid = 7}));
	lock.id = (struct opt_uid){.set = true, .uid = 2201};
	assert_true(hits(lock, (struct lock_subject){.uid = 7}));
	lock.id.uid = 2202;
	assert_false(hits(lock, (struct lock_subject){.uid = 7}));
	assert_false(hits(locked("host", "bob"), (struct lock_subject){.user = "bob"}));
}

static void sources(void **state)
{
	const struct wire_locked v4 = locked("source", "10.0.0.0/8"),
				 v6 = locked("source", "2001:db8::/32");

	(void)state;
	assert_true(hits(v4, (struct lock_subject){.rhost = "10.1.2.3"}));
	assert_true(hits(v4, (struct lock_subject){.rhost = "::ffff:10.1.2.3"}));
	assert_false(hits(v4, (struct lock_subject){.rhost = "11.1.2.3"}));
	assert_false(hits(v4, (struct lock_subject){.rhost = ""}));
	assert_false(hits(v4, (struct lock_subject){.rhost = "10.example.org"}));
	assert_true(hits(v6, (struct lock_subject){.rhost = "2001:db8::1"}));
	assert_false(hits(v6, (struct lock_subject){.rhost = "10.1.2.3"}));
}

static void keys(void **state)
{
	const struct wire_locked lock = locked("key", FINGERPRINT);

	(void)state;
	assert_true(hits(lock, (struct lock_subject){.auth = "publickey " FINGERPRINT}));
	assert_true(
		hits(lock, (struct lock_subject){.auth = "publickey " FINGERPRINT ", password"}));
	assert_true(hits(lock, (struct lock_subject){.auth = "password, publickey " FINGERPRINT}));
	assert_false(hits(lock, (struct lock_subject){.auth = "password"}));
	assert_false(hits(lock, (struct lock_subject){.auth = "hostbased " FINGERPRINT}));
	assert_false(hits(lock, (struct lock_subject){.auth = "publickey " FINGERPRINT "x"}));
	assert_false(hits(lock, (struct lock_subject){.auth = FINGERPRINT}));
}

static void auth(void **state)
{
	char out[TEXT_STR_MAX + 1], fingerprint[LOCK_FINGERPRINT], longest[8192];

	(void)state;
	assert_true(lock_fingerprint(KEY, strlen(KEY), fingerprint));
	assert_string_equal(fingerprint, FINGERPRINT);
	assert_false(lock_fingerprint("", 0, fingerprint));
	assert_false(lock_fingerprint("A", 1, fingerprint));
	assert_false(lock_fingerprint("AA*A", 4, fingerprint));
	assert_false(lock_fingerprint("AA\0A", 4, fingerprint));
	memset(longest, 'A', sizeof(longest));
	assert_false(lock_fingerprint(longest, sizeof(longest), fingerprint));
	lock_auth("publickey ssh-ed25519 " KEY "\n", out);
	assert_string_equal(out, "publickey " FINGERPRINT);
	lock_auth("password\npublickey ssh-ed25519 " KEY "\nkeyboard-interactive/pam\n", out);
	assert_string_equal(out, "password, publickey " FINGERPRINT ", keyboard-interactive/pam");
	/* what is none of these stands as it is, escaped */
	lock_auth("publickey ssh-ed25519 ***\n\nx\ty", out);
	assert_string_equal(out, "publickey ssh-ed25519 ***, x\\x09y");
	lock_auth("", out);
	assert_string_equal(out, "");
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	lock_auth(longest, out);
	assert_true(strlen(out) <= TEXT_STR_MAX);
}

static void time_runs_out(void **state)
{
	struct wire_locked lock = locked("user", "bob");

	(void)state;
	assert_false(lock_over(&lock, "now", UINT64_MAX, UINT64_MAX));
	lock.expires_at = 5000;
	lock.deadline = 100;
	strcpy(lock.boot_id, "now");
	/* in its boot, whatever the wall clock was set to */
	assert_false(lock_over(&lock, "now", 9000, 99));
	assert_true(lock_over(&lock, "now", 1, 100));
	/* in another one, the wall clock is all there is */
	assert_false(lock_over(&lock, "then", 4999, 9000));
	assert_true(lock_over(&lock, "then", 5000, 1));
}

/* --- Files --- */

struct place {
	char dir[64];
	int folder;
	struct wire_locked lock, got;
	char name[LOCK_NAME_HEX + 1];
	struct wire_frame frame;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -1;
	strcpy(p->dir, "/tmp/test_lock.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	p->folder = lock_folder_open(p->dir, true);
	p->lock = locked("user", "bob");
	lock_file_name(&p->lock, p->name);
	*state = p;
	return p->folder < 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[128];

	close(p->folder);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	if (system(command) != 0)
		return -1;
	free(p);
	return 0;
}

static int read_it(struct place *p)
{
	return lock_file_read(p->folder, p->name, &p->frame, &p->got);
}

static void write_it(struct place *p)
{
	assert_int_equal(lock_file_write(p->folder, &p->lock), 0);
	assert_int_equal(read_it(p), 0);
}

static void round_trip(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(read_it(p), -ENOENT);
	memset(p->lock.message, '"', TEXT_STR_MAX);
	memset(p->lock.text, '"', TEXT_STR_MAX);
	memset(p->lock.by, '"', TEXT_STR_MAX);
	p->lock.id = (struct opt_uid){.set = true, .uid = 0};
	p->lock.expires_at = p->lock.deadline = 7;
	p->lock.even_breakglass = true;
	write_it(p);
	assert_memory_equal(&p->got, &p->lock, sizeof(p->lock));
	assert_int_equal(fstatat(p->folder, p->name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* in place of the one before */
	strcpy(p->lock.message, "again");
	write_it(p);
	assert_string_equal(p->got.message, "again");
}

/* One of the fleet does not stand in the place of one of this host. */
static void two_of_a_name(void **state)
{
	struct place *p = *state;
	char other[LOCK_NAME_HEX + 1];

	strcpy(p->lock.text, "the host's");
	write_it(p);
	memcpy(other, p->name, sizeof(other));
	p->lock.fleet = true;
	p->lock.version = 7;
	strcpy(p->lock.text, "the fleet's");
	lock_file_name(&p->lock, p->name);
	write_it(p);
	assert_memory_equal(&p->got, &p->lock, sizeof(p->lock));
	assert_int_equal(lock_file_read(p->folder, other, &p->frame, &p->got), 0);
	assert_string_equal(p->got.text, "the host's");
	/* nor under its name */
	assert_int_equal(renameat(p->folder, p->name, p->folder, other), 0);
	assert_int_equal(lock_file_read(p->folder, other, &p->frame, &p->got), -EBADMSG);
}

/* The longest of all kinds fits. */
static void longest_file(void **state)
{
	struct place *p = *state;

	memset(p->lock.name, 'x', TEXT_STR_MAX);
	memset(p->lock.boot_id, 'x', TEXT_STR_MAX);
	p->lock.fleet = true;
	p->lock.version = UINT64_MAX;
	lock_file_name(&p->lock, p->name);
	round_trip(state);
}

static void overwrite(struct place *p, const void *data, size_t len)
{
	int fd = openat(p->folder, p->name, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void broken_files(void **state)
{
	struct place *p = *state;
	static uint8_t buf[WIRE_MAX];
	struct wire_close other = {.sid.b = {1}};
	size_t len, n;

	overwrite(p, "", 0);
	assert_int_equal(read_it(p), -EBADMSG);
	assert_int_equal(wire_encode(WIRE_locked, 0, &p->lock, buf, sizeof(buf), &len), 0);
	for (n = 0; n < len; n++) {
		overwrite(p, buf, n);
		assert_int_equal(read_it(p), -EBADMSG);
	}
	/* too long, though the rest were nothing */
	overwrite(p, buf, LOCK_FILE_MAX + 1);
	assert_int_equal(read_it(p), -EBADMSG);
	assert_int_equal(wire_encode(WIRE_close, 0, &other, buf, sizeof(buf), &len), 0);
	overwrite(p, buf, len);
	assert_int_equal(read_it(p), -EBADMSG);
	/* that of somebody else under this name */
	strcpy(p->lock.name, "carol");
	assert_int_equal(wire_encode(WIRE_locked, 0, &p->lock, buf, sizeof(buf), &len), 0);
	overwrite(p, buf, len);
	assert_int_equal(read_it(p), -EBADMSG);
	strcpy(p->lock.kind, "host");
	lock_file_name(&p->lock, p->name);
	assert_int_equal(wire_encode(WIRE_locked, 0, &p->lock, buf, sizeof(buf), &len), 0);
	overwrite(p, buf, len);
	assert_int_equal(read_it(p), -EBADMSG);
}

static void others_files(void **state)
{
	struct place *p = *state;

	write_it(p);
	assert_int_equal(fchmodat(p->folder, p->name, 0620, 0), 0);
	assert_int_equal(read_it(p), -EPERM);
	assert_int_equal(fchmodat(p->folder, p->name, 0602, 0), 0);
	assert_int_equal(read_it(p), -EPERM);
	assert_int_equal(fchmodat(p->folder, p->name, 0600, 0), 0);
	assert_int_equal(read_it(p), 0);
	assert_int_equal(fchownat(p->folder, p->name, NOBODY, 0, 0), 0);
	assert_int_equal(read_it(p), -EPERM);
	/* a link to a good one, a pipe that nobody writes to, a folder */
	assert_int_equal(fchownat(p->folder, p->name, 0, 0, 0), 0);
	assert_int_equal(renameat(p->folder, p->name, p->folder, "good"), 0);
	assert_int_equal(symlinkat("good", p->folder, p->name), 0);
	assert_int_equal(read_it(p), -EPERM);
	assert_int_equal(unlinkat(p->folder, p->name, 0), 0);
	assert_int_equal(mkfifoat(p->folder, p->name, 0600), 0);
	assert_int_equal(read_it(p), -EPERM);
	assert_int_equal(unlinkat(p->folder, p->name, 0), 0);
	assert_int_equal(mkdirat(p->folder, p->name, 0700), 0);
	assert_int_equal(read_it(p), -EPERM);
}

static void others_folders(void **state)
{
	struct place *p = *state;
	char path[96], to[96];

	snprintf(path, sizeof(path), "%s/" LOCK_FOLDER, p->dir);
	snprintf(to, sizeof(to), "%s/elsewhere", p->dir);
	assert_int_equal(chmod(path, 0775), 0);
	assert_int_equal(lock_folder_open(p->dir, false), -EPERM);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(chown(path, NOBODY, 0), 0);
	assert_int_equal(lock_folder_open(p->dir, false), -EPERM);
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(rename(path, to), 0);
	assert_int_equal(lock_folder_open(p->dir, false), -ENOENT);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(lock_folder_open(p->dir, false), -EPERM);
	assert_int_equal(unlink(path), 0);
	/* the one above is looked at, too */
	assert_int_equal(rename(to, path), 0);
	assert_int_equal(chmod(p->dir, 0777), 0);
	assert_int_equal(lock_folder_open(p->dir, false), -EPERM);
}

static void file_names(void **state)
{
	struct wire_locked bob = locked("user", "bob"), source = locked("source", "10.0.0.0/8");
	char name[LOCK_NAME_HEX + 1];

	(void)state;
	/* printf %s 'user bob' | sha256sum */
	assert_string_equal(lock_file_name(&bob, name), "3e60669472940a52b4fbf2aca14fb84b");
	/* printf %s 'fleet user bob' | sha256sum */
	bob.fleet = true;
	assert_string_equal(lock_file_name(&bob, name), "0a6ccbbbdf87e9c5880ebdfdad4b7736");
	assert_true(lock_file_name_valid(name));
	assert_false(lock_file_name_valid(".."));
	assert_false(lock_file_name_valid("0123456789abcdef0123456789abcdeF"));
	assert_false(lock_file_name_valid("0123456789abcdef0123456789abcdef0"));
	/* a slash in what is locked is none in the name */
	assert_true(lock_file_name_valid(lock_file_name(&source, name)));
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(users_and_groups),
		cmocka_unit_test(sources),
		cmocka_unit_test(keys),
		cmocka_unit_test(auth),
		cmocka_unit_test(time_runs_out),
		cmocka_unit_test(file_names),
		FILE_TEST(round_trip),
		FILE_TEST(two_of_a_name),
		FILE_TEST(longest_file),
		FILE_TEST(broken_files),
		FILE_TEST(others_files),
		FILE_TEST(others_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
