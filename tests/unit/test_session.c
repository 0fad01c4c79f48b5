#include "tests/unit/seeded.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "sessd/session.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static struct session *make(void)
{
	static const struct wire_stored rec = {
		.class = CLASS_LOGIN, .phase = PHASE_OPENING, .sid = {{1}}, .user = "anna"};
	struct session *s = session_new(&rec);

	assert_non_null(s);
	return s;
}

static void drop(struct session_table *t, struct session *s)
{
	session_table_remove(t, s);
	session_free(s);
}

static void drop_all(struct session_table *t)
{
	struct session *s;
	uint32_t slot = 0;

	while ((s = session_next(t, &slot)) != NULL)
		drop(t, s);
	session_table_fini(t);
}

static void set_text(void **state)
{
	char *text = NULL, *before;

	(void)state;
	assert_int_equal(session_set_text(&text, ""), 0);
	assert_null(text);
	assert_int_equal(session_set_text(&text, "why"), 0);
	assert_string_equal(text, "why");
	before = text;
	/* a copy of itself */
	assert_int_equal(session_set_text(&text, before), 0);
	assert_string_equal(text, "why");
	assert_int_equal(session_set_text(&text, ""), 0);
	assert_null(text);
	assert_string_equal(text_or_empty(text), "");
	session_free(NULL);
}

static void subject(void **state)
{
	struct wire_stored rec = {.user = "anna", .service = "sshd", .gids = {2, {5, 7}}};
	struct session *s = session_new(&rec);
	struct subject subject;

	(void)state;
	assert_non_null(s);
	session_subject(s, &subject);
	assert_string_equal(subject.user, "anna");
	assert_string_equal(subject.service, "sshd");
	assert_string_equal(subject.rhost, "");
	assert_int_equal(subject.n_gids, 2);
	assert_int_equal(subject.gids[1], 7);
	session_free(s);
}

/* --- The phases --- */

struct step {
	struct session_table *table;
	struct session *session;
	enum phase to;
};

static void take_step(void *ctx)
{
	struct step *step = ctx;

	session_set_phase(step->table, step->session, step->to);
}

static void phases(void **state)
{
	static const char allowed[PHASE_ENDED + 1][PHASE_ENDED + 2] = {
		/*          none, opening, active, ending, ended */
		[PHASE_NONE] = ".....",
		[PHASE_OPENING] = "..xxx",
		[PHASE_ACTIVE] = "...xx",
		[PHASE_ENDING] = "....x",
		[PHASE_ENDED] = ".....",
	};
	struct session_table t = {0};
	struct wire_stored rec = {.class = CLASS_LOGIN, .sid = {{1}}};
	struct step step = {.table = &t};
	enum phase from;

	(void)state;
	for (from = PHASE_NONE; from <= PHASE_ENDED; from++) {
		for (step.to = PHASE_NONE; step.to <= PHASE_ENDED; step.to++) {
			rec.phase = from;
			step.session = session_new(&rec);
			assert_non_null(step.session);
			assert_int_equal(session_table_add(&t, step.session), 0);
			if (allowed[from][step.to] == '.') {
				if (!aborts(take_step, &step))
					fail_msg("%d to %d is allowed", (int)from, (int)step.to);
			} else {
				take_step(&step);
				assert_int_equal(step.session->phase, step.to);
				assert_int_equal(t.count[CLASS_LOGIN][from], 0);
				assert_int_equal(t.count[CLASS_LOGIN][step.to], 1);
			}
			drop(&t, step.session);
		}
	}
	session_table_fini(&t);
}

static void phase_outside(void **state)
{
	struct session_table t = {0};
	struct session *s = make();

	(void)state;
	/* one that is in no table counts nowhere */
	session_set_phase(&t, s, PHASE_ACTIVE);
	assert_int_equal(s->phase, PHASE_ACTIVE);
	assert_int_equal(t.count[CLASS_LOGIN][PHASE_ACTIVE], 0);
	session_free(s);
}

static void free_in_table(void *ctx)
{
	session_free(ctx);
}

static void freed_in_table(void **state)
{
	struct session_table t = {0};
	struct session *s = make();

	(void)state;
	assert_int_equal(session_table_add(&t, s), 0);
	assert_true(aborts(free_in_table, s));
	drop_all(&t);
}

/* --- Memory --- */

/* What stays in memory of a live session: 1 KiB, of which the watch on its leader and the loop's
 * place for it, which are not counted here, take less than 96 bytes. */
static void memory(void **state)
{
	enum { LIVE = 100000, ROOM = 1024 - 96 };
	struct wire_stored rec = {.class = CLASS_LOGIN,
		.phase = PHASE_ACTIVE,
		.user = "anna.mustermann",
		.service = "sshd",
		.tty = "ssh",
		.rhost = "192.0.2.117",
		.auth = "publickey ssh-ed25519 "
			"AAAAC3NzaC1lZDI1NTE5AAAAIPkwqDvhHlzHO9rzfPkwqDvhHlzHO9rzfPkwqDvhHlzA",
		.policy = "contractors",
		.cgroup = "/sessd/0123456789abcdef0123456789abcdef",
		.gids = {.n = 8}};
	struct session_table t = {0};
	struct session *s;
	size_t before, used;
	uint64_t i, key;

	(void)state;
	if (SANITIZED)
		skip();
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (i = 0; i < LIVE; i++) {
		key = hash_mix(i);
		memcpy(rec.sid.b, &key, sizeof(key));
		memcpy(rec.token_hash.b, &key, sizeof(key));
		rec.audit_session = 1 + i;
		/* each his own: an account is counted too */
		rec.uid = 1000 + i;
		s = session_new(&rec);
		assert_non_null(s);
		assert_int_equal(session_table_add(&t, s), 0);
		assert_int_equal(session_set_deadline(&t, s, i), 0);
	}
	used = (mallinfo2().uordblks + mallinfo2().hblkhd - before) / LIVE;
	print_message("a live session takes %zu bytes\n", used);
	assert_true(used <= ROOM);
	drop_all(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_text),
		cmocka_unit_test(subject),
		cmocka_unit_test(phases),
		cmocka_unit_test(phase_outside),
		cmocka_unit_test(freed_in_table),
		cmocka_unit_test(memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
