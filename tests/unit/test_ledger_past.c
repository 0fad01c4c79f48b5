/* What a login has before it: the last login of its user, and the refusals since. */
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/ledger_fixture.h"

#include "common/wire.h"

#include <errno.h>
#include <sqlite3.h>

#define ANNA 1000
#define BEN  1001

/* What one question was answered. */
struct told {
	unsigned answers;
	int result;
	bool known;
	char record[64];
	uint64_t refused;
};

static void tell(void *ctx, int result, const struct ledger_past *past)
{
	struct told *told = ctx;

	told->answers++;
	told->result = result;
	told->known = past != NULL;
	if (past == NULL)
		return;
	told->refused = past->refused;
	assert_true(past->len < sizeof(told->record));
	memcpy(told->record, past->record, past->len);
	told->record[past->len] = '\0';
}

static struct ledger_row row_of(uint64_t id, uid_t uid, bool live, bool login, const char *record)
{
	return (struct ledger_row){.id = id,
		.live = live,
		.login = login,
		.uid = uid,
		.record = (const uint8_t *)record,
		.len = strlen(record)};
}

static void put(
	struct fixture *f, uint64_t id, uid_t uid, bool live, bool login, const char *record)
{
	const struct ledger_row row = row_of(id, uid, live, login, record);
	struct entry e;

	entry_init(&e, live ? ENTRY_SESSION_OPENED : ENTRY_SESSION_ENDED, 1);
	assert_int_equal(ledger_append(f->ledger, &e, uid, &row, NULL, NULL), 0);
}

static void refuse(struct fixture *f, uid_t uid, uint64_t pid)
{
	struct entry e;

	entry_init(&e, ENTRY_SESSION_REFUSED, 1);
	e.leader_pid = pid;
	assert_int_equal(ledger_append(f->ledger, &e, uid, NULL, NULL, NULL), 0);
}

static void ask(struct fixture *f, uint64_t id, uid_t uid, uint64_t live, struct told *told)
{
	const struct ledger_row row = row_of(id, uid, true, true, "asks");
	struct entry e;

	*told = (struct told){.answers = 0};
	entry_init(&e, ENTRY_SESSION_OPENED, 1);
	assert_int_equal(ledger_append_login(f->ledger, &e, &row, live, tell, told), 0);
}

/* Logs in as `id`, and finds that record of the login before, and so many refusals. */
static void finds(struct fixture *f, uint64_t id, uid_t uid, uint64_t live, const char *record,
	uint64_t refused)
{
	struct told told;

	ask(f, id, uid, live, &told);
	WAIT_UNTIL(f, told.answers > 0);
	assert_int_equal(told.answers, 1);
	assert_int_equal(told.result, 0);
	assert_true(told.known);
	assert_string_equal(told.record, record);
	assert_int_equal(told.refused, refused);
}

static void nothing_before(void **state)
{
	struct fixture *f = *state;

	open_ledger(f);
	put(f, 1, BEN, true, true, "ben");
	put(f, 1, BEN, false, true, "ben, ended");
	refuse(f, BEN, 7);
	finds(f, 2, ANNA, 0, "", 0);
	finds(f, 3, 0, 0, "", 0);
}

static void the_newest_login(void **state)
{
	struct fixture *f = *state;

	open_ledger(f);
	put(f, 1, ANNA, true, true, "one");
	put(f, 2, ANNA, true, true, "two");
	put(f, 2, ANNA, false, true, "two, ended");
	put(f, 1, ANNA, false, true, "one, ended");
	/* neither sudo, nor a login that was taken back */
	put(f, 3, ANNA, true, false, "sudo");
	put(f, 3, ANNA, false, false, "sudo, ended");
	put(f, 4, ANNA, true, true, "four");
	put(f, 4, ANNA, false, false, "four, taken back");
	put(f, 5, BEN, true, true, "ben");
	put(f, 5, BEN, false, true, "ben, ended");
	finds(f, 6, ANNA, 0, "two, ended", 0);
	/* one that lives, where that is the newer one */
	finds(f, 7, ANNA, 6, "asks", 0);
	finds(f, 8, BEN, 0, "ben, ended", 0);
	put(f, 7, ANNA, false, true, "seven, ended");
	finds(f, 9, ANNA, 6, "seven, ended", 0);
	close_ledger(f);
	open_ledger(f);
	finds(f, 10, ANNA, 9, "asks", 0);
}

static void counts_refusals_since(void **state)
{
	struct fixture *f = *state;
	uint64_t pid;

	open_ledger(f);
	refuse(f, ANNA, 5);
	refuse(f, ANNA, 6);
	finds(f, 1, ANNA, 0, "", 2);
	put(f, 1, ANNA, false, true, "one");
	finds(f, 2, ANNA, 0, "one", 0);
	/* acct and open of one process are one attempt */
	refuse(f, ANNA, 7);
	refuse(f, ANNA, 7);
	refuse(f, ANNA, 8);
	refuse(f, BEN, 9);
	put(f, 3, ANNA, true, false, "sudo");
	finds(f, 4, ANNA, 2, "asks", 2);
	close_ledger(f);
	open_ledger(f);
	for (pid = 1; pid <= LEDGER_REFUSED_MAX + 5; pid++)
		refuse(f, ANNA, pid);
	finds(f, 5, ANNA, 4, "asks", LEDGER_REFUSED_MAX);
}

static void note_done(void *ctx, int result)
{
	unsigned *done = ctx;

	assert_int_equal(result, 0);
	(*done)++;
}

/* Many at once, of which some ask: each is answered once. */
static void asked_by_many(void **state)
{
	static struct told told[300];
	struct fixture *f = *state;
	struct ledger_row row;
	unsigned done = 0, answers = 0;
	struct entry e;
	uint64_t i;

	open_ledger(f);
	entry_init(&e, ENTRY_SESSION_OPENED, 1);
	for (i = 0; i < 300; i++) {
		row = row_of(2 * i + 1, ANNA, true, true, "quiet");
		assert_int_equal(ledger_append(f->ledger, &e, ANNA, &row, note_done, &done), 0);
		ask(f, 2 * i + 2, ANNA, 2 * i + 1, &told[i]);
	}
	for (i = 0; i < 300; i++) {
		WAIT_UNTIL(f, told[i].answers > 0);
		answers += told[i].answers;
		assert_string_equal(told[i].record, "quiet");
	}
	assert_int_equal(answers, 300);
	assert_int_equal(done, 300);
}

static int heal(void **state)
{
	faulty.write_error = 0;
	return fixture_teardown(state);
}

/* A login does not wait for a ledger that cannot be written; its past is not known then. */
static void unknown_while_it_fails(void **state)
{
	struct fixture *f = *state;
	struct ledger_stats stats;
	struct told told;

	open_ledger(f);
	faulty.write_error = SQLITE_FULL;
	ask(f, 1, ANNA, 0, &told);
	WAIT_UNTIL(f, told.answers > 0);
	assert_int_equal(told.result, -ENOSPC);
	assert_false(told.known);
	ask(f, 2, ANNA, 1, &told);
	WAIT_UNTIL(f, told.answers > 0);
	assert_false(told.known);
	faulty.write_error = 0;
	do {
		assert_true(loop_turn(f->loop, 100) >= 0);
		ledger_stats(f->ledger, &stats);
	} while (stats.failing);
	finds(f, 3, ANNA, 2, "asks", 0);
}

/* A row as core writes it; an elevation has a parent. */
static size_t stored(uint8_t *buf, size_t size, enum session_class class)
{
	struct wire_stored rec = {.class = class, .uid = ANNA, .opened_at = 1, .user = "anna"};
	size_t len;

	assert_int_equal(sid_random(&rec.sid), 0);
	if (class == CLASS_ELEVATION)
		assert_int_equal(sid_random(&rec.parent), 0);
	assert_int_equal(wire_encode(WIRE_stored, 0, &rec, buf, size, &len), 0);
	return len;
}

static void put_stored(struct fixture *f, uint64_t id, enum session_class class)
{
	uint8_t buf[1024];
	struct ledger_row row = {.id = id, .uid = ANNA, .record = buf};
	struct entry e;

	row.len = stored(buf, sizeof(buf), class);
	entry_init(&e, ENTRY_SESSION_ENDED, 1);
	assert_int_equal(ledger_append(f->ledger, &e, ANNA, &row, NULL, NULL), 0);
}

static void note_class(void *ctx, int result, const struct ledger_past *past)
{
	static struct wire_frame frame;
	enum session_class *class = ctx;

	assert_int_equal(result, 0);
	assert_non_null(past);
	assert_int_equal(past->refused, 0);
	assert_int_equal(wire_decode(past->record, past->len, &frame), 0);
	assert_int_equal(frame.u.stored.uid, ANNA);
	*class = frame.u.stored.class;
}

/* Schema 2 did not say which row is a login, so the records are looked at. */
static void upgrade_from_2(void **state)
{
	const struct ledger_row row = row_of(5, ANNA, true, true, "asks");
	enum session_class class = CLASS_IGNORED;
	struct fixture *f = *state;
	struct entry e;
	sqlite3 *db;

	open_ledger(f);
	refuse(f, ANNA, 7);
	put_stored(f, 1, CLASS_LOGIN);
	put_stored(f, 2, CLASS_ELEVATION);
	put_stored(f, 3, CLASS_BACKGROUND);
	close_ledger(f);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE;" LEDGER_TO_SCHEMA_2,
				 NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	open_ledger(f);
	entry_init(&e, ENTRY_SESSION_OPENED, 1);
	assert_int_equal(ledger_append_login(f->ledger, &e, &row, 0, note_class, &class), 0);
	WAIT_UNTIL(f, class != CLASS_IGNORED);
	assert_int_equal(class, CLASS_LOGIN);
	/* from now on all is as in a new one */
	refuse(f, ANNA, 7);
	finds(f, 6, ANNA, 5, "asks", 1);
	assert_int_equal(each_line(f, LEDGER_ALL_UIDS, NULL, NULL), 8);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, heal)
	const struct CMUnitTest tests[] = {
		TEST(nothing_before),
		TEST(the_newest_login),
		TEST(counts_refusals_since),
		TEST(asked_by_many),
		TEST(unknown_while_it_fails),
		TEST(upgrade_from_2),
	};

	if (faulty_install() != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests_name("ledger_past", tests, NULL, NULL);
}
