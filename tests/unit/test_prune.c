/* Old events go, what is left can be verified, and the file does not grow for ever. */
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/sealed_fixture.h"
#include "tests/unit/seeded.h"

#include <errno.h>
#include <sodium.h>
#include <sqlite3.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/ledger_state.h"
#include "sessd/session.h"

#define YEAR (UINT64_C(365) * 86400 * NS_PER_SEC)

static int heal(void **state)
{
	faulty.write_error = faulty.sync_error = 0;
	return fixture_teardown(state);
}

/* All lines that a reader is given; they follow each other from wherever they begin. */
static struct text export_pruned(struct fixture *f)
{
	struct text t = {0};
	struct copy copy;
	uint64_t after = 0;
	size_t i;

	do {
		read_page(f, false, after, LEDGER_ALL_UIDS, &copy);
		text_add(&t, copy.body, copy.page.len);
		for (i = 0; i < copy.page.len; i++)
			t.lines += copy.body[i] == '\n';
		after = copy.page.last;
	} while (copy.page.more);
	return t;
}

static uint64_t first_seq(const struct text *t)
{
	return member(t->data, "seq");
}

/* What the whole of the live ledger is worth; as wrong_with(). */
static const char *wrong_whole(
	const struct text *t, const char *key, const char *anchor, struct verify *ret)
{
	const char *wrong;
	struct verify v;

	assert_int_equal(verify_init(&v), 0);
	v.witness.whole = true;
	if (key != NULL)
		assert_true(witness_add_key(&v.witness, key));
	if (anchor != NULL)
		assert_true(witness_add_anchor(&v.witness, anchor));
	if (verify_feed(&v, t->data, t->len))
		verify_end(&v);
	wrong = v.wrong;
	verify_fini(&v);
	if (ret != NULL)
		*ret = v;
	return wrong;
}

static int64_t number(struct fixture *f, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t n = -1;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

static uint64_t rounds(struct fixture *f)
{
	uint64_t n;

	pthread_mutex_lock(&f->ledger->lock);
	n = f->ledger->shared.stats.rounds;
	pthread_mutex_unlock(&f->ledger->lock);
	return n;
}

/* The first round finds nothing half done, the second one looks for what is old. */
static bool is_over(struct fixture *f)
{
	return rounds(f) >= 2;
}

static bool begins_later(struct fixture *f, uint64_t than)
{
	uint64_t begin;

	pthread_mutex_lock(&f->ledger->lock);
	begin = f->ledger->store.begin;
	pthread_mutex_unlock(&f->ledger->lock);
	return begin > than;
}

static void append_at(struct fixture *f, uint64_t wall_ns)
{
	unsigned want = f->done + 1;
	struct ticket *ticket = malloc(sizeof(*ticket));
	struct entry e;

	assert_non_null(ticket);
	*ticket = (struct ticket){.f = f, .number = f->expect};
	entry_init(&e, ENTRY_SESSION_REFUSED, wall_ns);
	assert_int_equal(ledger_append(f->ledger, &e, LEDGER_ALL_UIDS, NULL, count, ticket), 0);
	WAIT_UNTIL(f, f->done == want);
}

/* Everything in front of the last checkpoint is old; the events behind it are not sealed. */
static void pruned_and_verified(void **state)
{
	struct fixture *f = *state;
	char key[SEAL_KEY_HEX + 1], second[SEAL_KEY_HEX + 1], old[SEAL_HEAD_TEXT],
		kept[SEAL_HEAD_TEXT], young[SEAL_HEAD_TEXT];
	struct ledger_stats stats;
	struct verify v;
	struct text t;

	open_sealed(f);
	first_key(f, key);
	append_some(f, 1500);
	checkpoint(f, old);
	append_some(f, 1500);
	checkpoint(f, kept);
	append_some(f, 1);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, is_over(f));
	t = export_pruned(f);
	/* the checkpoint that was kept, what was behind it, what tells of it, and its checkpoint */
	assert_int_equal(t.lines, 4);
	assert_int_equal(first_seq(&t), strtoull(kept, NULL, 10));
	assert_non_null(strstr(t.data, "\"event\":\"ledger_pruned\""));
	first_key(f, second);
	assert_string_not_equal(key, second);
	checkpoint(f, young);

	assert_null(wrong_whole(&t, NULL, NULL, &v));
	assert_int_equal(v.first, first_seq(&t));
	assert_int_equal(v.witness.pruned, first_seq(&t) + 2);
	assert_true(v.witness.pruned_at > 0);
	assert_null(wrong_whole(&t, second, NULL, NULL));
	assert_null(wrong_whole(&t, second, kept, NULL));
	/* who knows a later event knows the key of this one as well */
	assert_null(wrong_whole(&t, key, young, NULL));
	assert_string_equal(wrong_whole(&t, key, NULL, NULL),
		"the first checkpoint here is signed with none of the keys that were given");
	assert_non_null(strstr(wrong_whole(&t, NULL, old, NULL), "an event that was pruned"));
	free(t.data);

	ledger_stats(f->ledger, &stats);
	assert_true(stats.bytes > 0);
	assert_true(stats.oldest_at > 0);
	assert_int_equal(stats.unsealed, 0);
	assert_true(stats.sealed_at >= stats.oldest_at);
	assert_string_equal(stats.seal_error, "");
	close_ledger(f);
	assert_int_equal(number(f, "SELECT min(seq) FROM event"), v.first);
	open_sealed(f);
	first_key(f, key);
	assert_string_equal(key, second);
	append_some(f, 1);
	t = export_pruned(f);
	assert_null(wrong_whole(&t, second, young, NULL));
	free(t.data);
}

/* A ledger that lost its beginning in another way is not one that was pruned. */
static void cut_off_is_not_pruned(void **state)
{
	static const char missing[] = "the events before the first one are missing, and no sealed "
				      "event says that they were pruned";
	struct fixture *f = *state;
	char ignored[SEAL_HEAD_TEXT];
	const char *second;
	struct text t, rest;

	open_sealed(f);
	append_some(f, 20);
	checkpoint(f, ignored);
	append_some(f, 20);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, is_over(f));
	t = export_pruned(f);
	assert_null(wrong_whole(&t, NULL, NULL, NULL));
	/* one line less in front */
	second = strchr(t.data, '\n') + 1;
	rest = (struct text){.data = t.data + (second - t.data)};
	rest.len = t.len - (size_t)(second - t.data);
	assert_string_equal(wrong_whole(&rest, NULL, NULL, NULL), missing);
	/* the last line is the checkpoint that vouches for it */
	t.len = (size_t)((char *)memrchr(t.data, '\n', t.len - 1) + 1 - t.data);
	assert_string_equal(wrong_whole(&t, NULL, NULL, NULL), missing);
	free(t.data);
}

/* The words must fit the beginning: number and hash. */
static void told_of_another_beginning(void **state)
{
	static const struct {
		unsigned last;
		char hash;
		bool fits;
	} rows[] = {{10, 'a', true}, {11, 'a', false}, {10, 'b', false}};
	struct chain start = {.seq = 10}, head = {.seq = 20};
	char line[400], hash[CHAIN_HEX + 1];
	struct witness w;
	size_t i;

	(void)state;
	memset(start.hash, 0xaa, sizeof(start.hash));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		w = (struct witness){0};
		memset(hash, rows[i].hash, CHAIN_HEX);
		hash[CHAIN_HEX] = '\0';
		snprintf(line, sizeof(line),
			"{\"seq\":20,\"prev\":\"\",\"time\":\"2026-11-23T08:00:00.000000Z\","
			"\"event\":\"ledger_pruned\",\"first\":1,\"last\":%u,\"hash\":\"%s\"}",
			rows[i].last, hash);
		assert_null(witness_begin(&w, &start));
		assert_null(witness_line(&w, line, strlen(line), &head));
		assert_false(witness_pruned(&w));
		/* as behind a checkpoint */
		w.sealed = 21;
		assert_int_equal(witness_pruned(&w), rows[i].fits);
	}
}

/* What pruning leaves behind is no reason to prune again, or it would never come to rest. */
static void comes_to_rest(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats before, after;
	char ignored[SEAL_HEAD_TEXT];

	open_sealed(f);
	append_some(f, 10);
	checkpoint(f, ignored);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, rounds(f) >= 4);
	checkpoint(f, ignored);
	ledger_stats(f->ledger, &before);
	WAIT_UNTIL(f, rounds(f) >= 6);
	checkpoint(f, ignored);
	ledger_stats(f->ledger, &after);
	assert_int_equal(before.seq, after.seq);
}

/* A line that is gone: the first one, so that the ledger begins elsewhere, or any other. */
static void drop_line(struct text *t, unsigned line)
{
	char *at = t->data, *next;
	unsigned i;

	for (i = 0; i < line; i++)
		at = strchr(at, '\n') + 1;
	next = strchr(at, '\n') + 1;
	memmove(at, next, t->len - (size_t)(next - t->data) + 1);
	t->len -= (size_t)(next - at);
}

/* Whatever is changed in what is left is found by who kept a checkpoint of it. */
static void tampered(void **state)
{
	struct fixture *f = *state;
	char ignored[SEAL_HEAD_TEXT], young[SEAL_HEAD_TEXT];
	struct text t, copy;
	const char *what;
	int i;

	seed();
	open_sealed(f);
	append_some(f, 50);
	checkpoint(f, ignored);
	append_some(f, 10);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, is_over(f));
	ledger_retain(f->ledger, 0);
	append_some(f, 10);
	checkpoint(f, young);
	t = export_pruned(f);
	assert_null(wrong_whole(&t, NULL, young, NULL));
	for (i = 0; i < 5000; i++) {
		copy = (struct text){0};
		text_add(&copy, t.data, t.len);
		copy.lines = t.lines;
		what = "a bit";
		if (any(10) == 0) {
			what = "a line";
			drop_line(&copy, (unsigned)any(t.lines));
		} else {
			copy.data[any(copy.len)] ^= (char)(1U << any(8));
		}
		if (wrong_whole(&copy, NULL, young, NULL) == NULL)
			fail_msg("%s was changed, and nothing is wrong:\n%s", what, copy.data);
		free(copy.data);
	}
	free(t.data);
}

/* What is young stays, with all behind it, and so does what no checkpoint has sealed. */
static void young_stays(void **state)
{
	struct fixture *f = *state;
	char first[SEAL_HEAD_TEXT], ignored[SEAL_HEAD_TEXT];
	struct text t;

	open_sealed(f);
	append_some(f, 10);
	checkpoint(f, first);
	append_some(f, 10);
	append_at(f, clock_wall() + YEAR);
	checkpoint(f, ignored);
	append_some(f, 10);
	checkpoint(f, ignored);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, is_over(f));
	t = export_pruned(f);
	assert_int_equal(first_seq(&t), strtoull(first, NULL, 10));
	free(t.data);
}

/* Nothing that a ledger tells of is removed where nothing can vouch for the rest. */
static void unsealed_stays(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats stats;
	struct text t;

	open_ledger(f);
	append_some(f, 3000);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, is_over(f));
	t = export_all(f);
	assert_int_equal(t.lines, 3001);
	ledger_stats(f->ledger, &stats);
	assert_int_equal(stats.unsealed, 3001);
	free(t.data);
}

/* An `ended` row of a session, as core writes it. */
static size_t record_of(uint64_t id, uint64_t ended_at, uint8_t *buf, size_t size)
{
	struct wire_stored *s = calloc(1, sizeof(*s));
	size_t len;

	assert_non_null(s);
	memset(s->sid.b, (int)id, sizeof(s->sid.b));
	s->class = CLASS_LOGIN;
	s->phase = ended_at != 0 ? PHASE_ENDED : PHASE_ACTIVE;
	s->uid = 1000;
	snprintf(s->user, sizeof(s->user), "alice");
	snprintf(s->service, sizeof(s->service), "sshd");
	snprintf(s->boot_id, sizeof(s->boot_id), "boot");
	s->opened_at = 1;
	s->ended_at = ended_at;
	assert_int_equal(wire_encode(WIRE_stored, 0, s, buf, size, &len), 0);
	free(s);
	return len;
}

static void put_session(struct fixture *f, uint64_t id, uint64_t ended_at)
{
	uint8_t record[4096];
	struct ledger_row row = {.id = id, .live = ended_at == 0, .uid = 1000, .record = record};
	unsigned want = f->done + 1;
	struct ticket *ticket = malloc(sizeof(*ticket));
	struct entry e;

	assert_non_null(ticket);
	*ticket = (struct ticket){.f = f, .number = f->expect};
	row.len = record_of(id, ended_at, record, sizeof(record));
	entry_init(&e, ENTRY_SESSION_ENDED, clock_wall());
	assert_int_equal(ledger_append(f->ledger, &e, 1000, &row, count, ticket), 0);
	WAIT_UNTIL(f, f->done == want);
}

/* Of the sessions, those go that ended long ago. */
static void ended_sessions(void **state)
{
	struct fixture *f = *state;
	uint64_t now = clock_wall(), i;
	char ignored[SEAL_HEAD_TEXT];

	open_sealed(f);
	put_session(f, 1, 0);
	put_session(f, 2, now - 3 * YEAR);
	put_session(f, 3, now - YEAR);
	for (i = 4; i <= 2 * STORE_STEP; i++)
		put_session(f, i, now - 4 * YEAR);
	put_session(f, i, now);
	checkpoint(f, ignored);
	ledger_retain(f->ledger, 2 * YEAR);
	WAIT_UNTIL(f, is_over(f));
	close_ledger(f);
	assert_int_equal(number(f, "SELECT count(*) FROM session"), 3);
	assert_int_equal(number(f, "SELECT sum(id) FROM session"), 1 + 3 + (int64_t)i);
	open_sealed(f);
	assert_int_equal(ledger_last_id(f->ledger), i);
}

/* The pages of what is gone are used again. */
static void size_is_bounded(void **state)
{
	struct fixture *f = *state;
	uint64_t begin = 0, bytes = 0, over;
	struct ledger_stats stats;
	char kept[SEAL_HEAD_TEXT];
	int i;

	open_sealed(f);
	for (i = 0; i < 5; i++) {
		append_some(f, 1500);
		checkpoint(f, kept);
		ledger_retain(f->ledger, 1 + (uint64_t)i);
		WAIT_UNTIL(f, begins_later(f, begin));
		over = rounds(f);
		WAIT_UNTIL(f, rounds(f) > over);
		begin = strtoull(kept, NULL, 10);
		append_some(f, 1);
		checkpoint(f, kept);
		ledger_stats(f->ledger, &stats);
		if (i == 0)
			bytes = stats.bytes;
		assert_true(stats.bytes < bytes + bytes / 4);
	}
	assert_true(bytes > 1500 * 200);
}

/* A clock that was set ahead by years makes nothing old at once. */
static void clock_runs_ahead(void **state)
{
	struct fixture *f = *state;
	char ignored[SEAL_HEAD_TEXT];
	struct text t;

	open_sealed(f);
	append_at(f, clock_wall() - 3 * YEAR);
	checkpoint(f, ignored);
	append_at(f, clock_wall() - 3 * YEAR);
	close_ledger(f);
	open_ledger(f);
	/* as if all of it, the checkpoints too, were of three years ago */
	f->ledger->store.newest_at = clock_wall() - 3 * YEAR;
	assert_int_equal(ledger_seal(f->ledger), 0);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, is_over(f));
	t = export_all(f);
	assert_int_equal(first_seq(&t), 1);
	free(t.data);
}

/* Who was given the events up to one that is gone is told so. */
static void reader_is_left_behind(void **state)
{
	struct fixture *f = *state;
	struct copy copy = {0};
	char kept[SEAL_HEAD_TEXT];

	open_sealed(f);
	append_some(f, 100);
	checkpoint(f, kept);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, is_over(f));
	assert_int_equal(ledger_read(f->ledger, 50, LEDGER_ALL_UIDS, copy_page, &copy), 0);
	WAIT_UNTIL(f, copy.here);
	assert_int_equal(copy.result, -ESTALE);
	/* this one has missed nothing */
	read_page(f, false, strtoull(kept, NULL, 10) - 1, LEDGER_ALL_UIDS, &copy);
	assert_int_equal(member(copy.body, "seq"), strtoull(kept, NULL, 10));
}

/* A disk that is full or fails at this delays it, and nothing else goes wrong. */
static void disk_fails(void **state)
{
	struct fixture *f = *state;
	char kept[SEAL_HEAD_TEXT];
	struct ledger_stats stats;
	struct text t;

	open_sealed(f);
	append_some(f, 3000);
	checkpoint(f, kept);
	faulty.write_error = SQLITE_FULL;
	ledger_retain(f->ledger, 1);
	faulty_await(&faulty.tries);
	WAIT_UNTIL(f, (ledger_stats(f->ledger, &stats), stats.failing));
	t = export_all(f);
	assert_int_equal(t.lines, stats.seq);
	assert_null(wrong_whole(&t, NULL, kept, NULL));
	free(t.data);
	faulty.write_error = 0;
	WAIT_UNTIL(f, is_over(f));
	t = export_pruned(f);
	assert_int_equal(first_seq(&t), strtoull(kept, NULL, 10));
	assert_null(wrong_whole(&t, NULL, kept, NULL));
	free(t.data);
}

/* It is cut off in the middle of the removal: who reads sees nothing of it, and the next start goes
 * on. */
static void goes_on(void **state)
{
	struct fixture *f = *state;
	char kept[SEAL_HEAD_TEXT];
	struct text t;
	int64_t left;

	open_sealed(f);
	append_some(f, 20 * STORE_STEP);
	checkpoint(f, kept);
	ledger_retain(f->ledger, 1);
	WAIT_UNTIL(f, begins_later(f, 0));
	close_ledger(f);
	left = number(f, "SELECT count(*) FROM event");
	assert_true(left > 10 * STORE_STEP);
	open_sealed(f);
	t = export_pruned(f);
	assert_int_equal(first_seq(&t), strtoull(kept, NULL, 10));
	assert_null(wrong_whole(&t, NULL, kept, NULL));
	free(t.data);
	/* what is written down goes, also where all is to be kept from now on */
	ledger_retain(f->ledger, 0);
	WAIT_UNTIL(f, rounds(f) == 1);
	close_ledger(f);
	assert_int_equal(number(f, "SELECT min(seq) FROM event"), strtoll(kept, NULL, 10));
	open_sealed(f);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, heal)
	const struct CMUnitTest tests[] = {
		TEST(pruned_and_verified),
		TEST(cut_off_is_not_pruned),
		TEST(told_of_another_beginning),
		TEST(comes_to_rest),
		TEST(tampered),
		TEST(young_stays),
		TEST(unsealed_stays),
		TEST(ended_sessions),
		TEST(size_is_bounded),
		TEST(clock_runs_ahead),
		TEST(reader_is_left_behind),
		TEST(disk_fails),
		TEST(goes_on),
	};

	if (faulty_install() != SQLITE_OK || sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
