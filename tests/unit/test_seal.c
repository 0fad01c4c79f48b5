/* The seal as the ledger makes it: when, with which secret, and what a crash or a loss leaves. */
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/sealed_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "sessd/ledger_state.h"

#define SEED 32

static unsigned count_of(const struct text *t, const char *what)
{
	const char *at = t->data;
	unsigned n = 0;

	while ((at = strstr(at, what)) != NULL) {
		n++;
		at++;
	}
	return n;
}

#define CHECKPOINTS(t) count_of(t, "\"event\":\"checkpoint\"")
#define BEGINNINGS(t)  count_of(t, "\"event\":\"seal_started\"")

static ssize_t read_seed(struct fixture *f, const char *name, uint8_t *ret)
{
	char path[128];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, ret, SEED);
		close(fd);
	}
	return n;
}

static void write_seed(struct fixture *f, const char *name, const uint8_t *seed, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, seed, len), len);
	close(fd);
}

static void remove_seed(struct fixture *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(unlink(path), 0);
}

static void first_start(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], path[128], want[160];
	struct stat st;
	struct text t;

	open_sealed(f);
	first_key(f, key);
	snprintf(path, sizeof(path), "%s/" SEAL_FILE, f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, SEED);
	t = export_all(f);
	assert_int_equal(t.lines, 2);
	snprintf(want, sizeof(want),
		"\"event\":\"seal_started\",\"text\":\"the ledger begins\","
		"\"next_key\":\"%s\"}\n",
		key);
	assert_non_null(strstr(t.data, want));
	free(t.data);
}

/* A ledger that was taken away does not come back unnoticed. */
static void another_ledger(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], second[SEAL_KEY_HEX + 1];
	struct text t;

	open_sealed(f);
	first_key(f, key);
	close_ledger(f);
	assert_int_equal(unlink(f->path), 0);
	open_sealed(f);
	first_key(f, second);
	assert_string_not_equal(key, second);
	t = export_all(f);
	assert_non_null(strstr(t.data, "there is the secret of another one"));
	assert_string_equal(wrong_with(t.data, t.len, key, NULL, NULL),
		"a seal begins with a key that is none of those that were given");
	free(t.data);
}

/* One that a version without a seal began is sealed as a whole. */
static void older_ledger(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], anchor[SEAL_HEAD_TEXT];
	struct text t;
	char *at;

	open_ledger(f);
	append_some(f, 5);
	close_ledger(f);
	open_sealed(f);
	first_key(f, key);
	append_some(f, 5);
	checkpoint(f, anchor);
	t = export_all(f);
	assert_non_null(strstr(t.data, "it was not sealed before"));
	assert_null(wrong_with(t.data, t.len, key, anchor, NULL));
	at = strstr(t.data, "\"limit\":2");
	assert_non_null(at);
	at[8] = '7';
	assert_non_null(wrong_with(t.data, t.len, key, NULL, NULL));
	free(t.data);
}

/* Every thousand events, and a last one at the end; over many starts it is one seal. */
static void many_starts(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], anchor[SEAL_HEAD_TEXT];
	struct verify v;
	struct text t;
	int i;

	open_sealed(f);
	first_key(f, key);
	append_some(f, 5000);
	t = export_all(f);
	/* a commit has 512 events at the most */
	assert_true(CHECKPOINTS(&t) >= 3 && CHECKPOINTS(&t) <= 5);
	free(t.data);
	for (i = 0; i < 5; i++) {
		close_ledger(f);
		open_sealed(f);
		append_some(f, 3);
	}
	close_ledger(f);
	open_sealed(f);
	checkpoint(f, anchor);
	t = export_all(f);
	assert_null(wrong_with(t.data, t.len, key, anchor, &v));
	assert_int_equal(v.witness.beginnings, 1);
	assert_int_equal(witness_tail(&v.witness, &v.chain), 0);
	assert_true(witness_anchored(&v.witness).seq != 0);
	assert_true(v.witness.checkpoints >= 9);
	assert_int_equal(v.witness.checkpoints, CHECKPOINTS(&t));
	free(t.data);
}

/* One on demand; nothing new makes no other one. */
static void on_demand(void **state)
{
	struct fixture *f = *state;
	char a[SEAL_HEAD_TEXT], b[SEAL_HEAD_TEXT];
	struct text t;

	open_sealed(f);
	append_some(f, 1);
	checkpoint(f, a);
	checkpoint(f, b);
	assert_string_equal(a, b);
	append_some(f, 1);
	checkpoint(f, b);
	assert_string_not_equal(a, b);
	t = export_all(f);
	assert_int_equal(CHECKPOINTS(&t), 2);
	free(t.data);
	close_ledger(f);
	open_ledger(f);
	/* without its seal */
	assert_int_equal(checkpoint_result(f), -ENOKEY);
}

/* What waits long enough is sealed although nothing comes. */
static void after_a_while(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats stats;

	open_sealed(f);
	append_some(f, 1);
	pthread_mutex_lock(&f->ledger->lock);
	assert_true(f->ledger->sealing.due > ledger_now());
	assert_true(f->ledger->sealing.due <= ledger_now() + SEALING_NS);
	f->ledger->sealing.due = 1;
	pthread_cond_signal(&f->ledger->work);
	pthread_mutex_unlock(&f->ledger->lock);
	WAIT_UNTIL(f, (ledger_stats(f->ledger, &stats), stats.seq == 4));
	assert_int_equal(strncmp(stats.checkpoint, "4:", 2), 0);
}

/* Each state in which a crash may leave the files beside a ledger that names a key; `old` yields
 * `now`. */
static void after_a_crash(void **state)
{
	enum { OLD, NOW, ZEROS, HALF, NONE };
	static const struct {
		const char *name;
		int file, beside;
	} rows[] = {
		{"the checkpoint is on disk, the file as it was", OLD, NONE},
		{"the new one is half written", OLD, HALF},
		{"it is written", OLD, NOW},
		{"the old one is overwritten", ZEROS, NOW},
		{"half of it is", HALF, NOW},
		{"it is renamed", NOW, NONE},
		{"a start has begun to put it right", NOW, HALF},
		{"and was cut off again", NOW, NOW},
	};
	struct fixture *f = *state;
	uint8_t seeds[3][SEED] = {0}, found[SEED];
	char key[SEAL_KEY_HEX + 1], anchor[SEAL_HEAD_TEXT];
	struct text t;
	size_t i;

	open_sealed(f);
	first_key(f, key);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].name);
		assert_int_equal(read_seed(f, SEAL_FILE, seeds[OLD]), SEED);
		append_some(f, 1);
		checkpoint(f, anchor);
		assert_int_equal(read_seed(f, SEAL_FILE, seeds[NOW]), SEED);
		assert_memory_not_equal(seeds[OLD], seeds[NOW], SEED);
		close_ledger(f);
		write_seed(f, SEAL_FILE, seeds[rows[i].file == HALF ? OLD : rows[i].file],
			rows[i].file == HALF ? SEED / 2 : SEED);
		if (rows[i].beside != NONE)
			write_seed(f, SEAL_FILE_NEW, seeds[NOW],
				rows[i].beside == HALF ? SEED / 2 : SEED);
		open_sealed(f);
		assert_int_equal(read_seed(f, SEAL_FILE, found), SEED);
		assert_memory_equal(found, seeds[NOW], SEED);
		assert_int_equal(read_seed(f, SEAL_FILE_NEW, found), -1);
	}
	append_some(f, 1);
	checkpoint(f, anchor);
	t = export_all(f);
	assert_int_equal(BEGINNINGS(&t), 1);
	assert_null(wrong_with(t.data, t.len, key, anchor, NULL));
	free(t.data);
}

/* A new key begins, the ledger says so, and it goes on; the first key does not vouch for that. */
static void lost(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], second[SEAL_KEY_HEX + 1], anchor[SEAL_HEAD_TEXT];
	uint8_t seed[SEED];
	struct verify v;
	struct text t;
	int i;

	open_sealed(f);
	first_key(f, key);
	for (i = 0; i < 2; i++) {
		append_some(f, 3);
		close_ledger(f);
		if (i == 0) {
			remove_seed(f, SEAL_FILE);
		} else {
			randombytes_buf(seed, sizeof(seed));
			write_seed(f, SEAL_FILE, seed, SEED);
		}
		open_sealed(f);
		first_key(f, second);
		assert_string_not_equal(key, second);
		t = export_all(f);
		assert_int_equal(BEGINNINGS(&t), i + 2);
		assert_non_null(strstr(t.data, i == 0 ? "the secret key of its seal is gone"
						      : "is not the one that the ledger names"));
		append_some(f, 1);
		checkpoint(f, anchor);
		free(t.data);
	}
	t = export_all(f);
	assert_null(wrong_with(t.data, t.len, NULL, anchor, &v));
	assert_int_equal(v.witness.beginnings, 3);
	assert_string_equal(wrong_with(t.data, t.len, key, anchor, NULL),
		"a seal begins with a key that is none of those that were given");
	free(t.data);
}

/* The secret of now, and all that follow from it, are none of those that have signed. */
static void stolen(void **state)
{
	struct fixture *f = *state;
	static const char what[] = "sessd: the secret of the next checkpoint";
	uint8_t seed[SEED], key[SEAL_KEY], secret[crypto_sign_SECRETKEYBYTES];
	char first[SEAL_KEY_HEX + 1], hex[SEAL_KEY_HEX + 1], want[128], anchor[SEAL_HEAD_TEXT];
	struct text t, later;
	int i;

	open_sealed(f);
	first_key(f, first);
	for (i = 0; i < 20; i++) {
		append_some(f, 1);
		checkpoint(f, anchor);
	}
	t = export_all(f);
	assert_int_equal(read_seed(f, SEAL_FILE, seed), SEED);
	append_some(f, 1);
	checkpoint(f, anchor);
	later = export_all(f);
	for (i = 0; i < 100; i++) {
		crypto_sign_seed_keypair(key, secret, seed);
		sodium_bin2hex(hex, sizeof(hex), key, SEAL_KEY);
		assert_string_not_equal(hex, first);
		snprintf(want, sizeof(want), ",\"key\":\"%s\"", hex);
		assert_int_equal(count_of(&t, want), 0);
		/* it is the present one indeed */
		if (i == 0)
			assert_int_equal(count_of(&later, want), 1);
		crypto_generichash(
			seed, SEED, (const unsigned char *)what, sizeof(what) - 1, seed, SEED);
	}
	free(t.data);
	free(later.data);
}

/* A checkpoint that does not get onto the disk uses no secret up. */
static void disk_full(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], anchor[SEAL_HEAD_TEXT];
	uint8_t before[SEED], after[SEED];
	struct text t;
	int i;

	open_sealed(f);
	first_key(f, key);
	append_some(f, 1);
	assert_int_equal(read_seed(f, SEAL_FILE, before), SEED);
	faulty.write_error = SQLITE_FULL;
	for (i = 0; i < 3; i++)
		assert_int_equal(checkpoint_result(f), -ENOSPC);
	faulty.write_error = 0;
	assert_int_equal(read_seed(f, SEAL_FILE, after), SEED);
	assert_memory_equal(before, after, SEED);
	/* it is not tried for a second */
	WAIT_UNTIL(f, checkpoint_result(f) == 0);
	checkpoint(f, anchor);
	t = export_all(f);
	assert_int_equal(CHECKPOINTS(&t), 1);
	assert_null(wrong_with(t.data, t.len, key, anchor, NULL));
	free(t.data);
}

/* Where the old secret cannot be replaced, nothing is sealed until it can, and events go on. */
static void secret_stays(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], anchor[SEAL_HEAD_TEXT], path[128];
	struct text t;

	open_sealed(f);
	first_key(f, key);
	snprintf(path, sizeof(path), "%s/" SEAL_FILE_NEW, f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	append_some(f, 1);
	checkpoint(f, anchor);
	append_some(f, 2000);
	assert_int_equal(checkpoint_result(f), -EIO);
	t = export_all(f);
	assert_int_equal(CHECKPOINTS(&t), 1);
	free(t.data);
	assert_int_equal(rmdir(path), 0);
	checkpoint(f, anchor);
	close_ledger(f);
	open_sealed(f);
	t = export_all(f);
	assert_int_equal(BEGINNINGS(&t), 1);
	assert_int_equal(CHECKPOINTS(&t), 2);
	assert_null(wrong_with(t.data, t.len, key, anchor, NULL));
	free(t.data);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_start),
		TEST(another_ledger),
		TEST(older_ledger),
		TEST(many_starts),
		TEST(on_demand),
		TEST(after_a_while),
		TEST(after_a_crash),
		TEST(lost),
		TEST(stolen),
		TEST(disk_full),
		TEST(secret_stays),
	};

	if (faulty_install() != SQLITE_OK || sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
