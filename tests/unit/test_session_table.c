#include "tests/unit/seeded.h"

#include <errno.h>
#include <string.h>

#include "sessd/session.h"

#define SESSIONS 500
#define STEPS	 15000

/* A session whose ids say its number; token or audit 0: it has none. */
static struct session *make(uint64_t number, uid_t uid, uint64_t token, uint32_t audit)
{
	struct wire_stored rec = {.class = CLASS_LOGIN, .phase = PHASE_OPENING, .uid = uid};
	struct session *s;

	/* from byte 3 on: what the table's hash looks at is the same in many */
	memcpy(rec.sid.b + 6, &number, sizeof(number));
	memcpy(rec.token_hash.b + 7, &token, sizeof(token));
	rec.audit_session = audit;
	strcpy(rec.user, "anna");
	s = session_new(&rec);
	assert_non_null(s);
	return s;
}

static struct session *add(struct session_table *t, struct session *s)
{
	assert_int_equal(session_table_add(t, s), 0);
	assert_int_not_equal(s->slot, 0);
	return s;
}

static void drop(struct session_table *t, struct session *s)
{
	session_table_remove(t, s);
	assert_int_equal(s->slot, 0);
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

static void empty(void **state)
{
	struct session_table t = {0};
	struct token token = {{1}};
	struct sid sid = {{1}};
	uint32_t slot = 0;

	(void)state;
	assert_null(session_by_sid(&t, &sid));
	assert_null(session_by_token_hash(&t, &token));
	assert_null(session_by_audit(&t, 1));
	assert_null(session_account(&t, 0));
	assert_null(session_next(&t, &slot));
	assert_null(session_first_due(&t));
	session_table_fini(&t);
}

static void same_sid(void **state)
{
	struct session_table t = {0};
	struct session *a = add(&t, make(1, 1000, 0, 0)), *b = make(1, 2000, 7, 7);

	(void)state;
	assert_int_equal(session_table_add(&t, b), -EEXIST);
	assert_int_equal(b->slot, 0);
	/* nothing of it is left behind */
	assert_null(session_account(&t, 2000));
	assert_null(session_by_token_hash(&t, &b->token_hash));
	assert_int_equal(t.count[CLASS_LOGIN][PHASE_OPENING], 1);
	drop(&t, a);
	add(&t, b);
	drop_all(&t);
}

/* No token is not a token that all share, and no audit session not one either. */
static void nothing_to_find(void **state)
{
	struct session_table t = {0};
	struct token none = {{0}};
	struct session *s = add(&t, make(1, 1000, 0, 0));

	(void)state;
	session_set_phase(&t, s, PHASE_ACTIVE);
	assert_null(session_by_token_hash(&t, &none));
	assert_null(session_by_audit(&t, 0));
	drop_all(&t);
}

/* Of those in one audit session: the login that is active. */
static void by_audit(void **state)
{
	struct session_table t = {0};
	struct session *sudo = make(1, 1000, 0, 9), *login = make(2, 1000, 0, 9), *cron;

	(void)state;
	sudo->class = CLASS_ELEVATION;
	add(&t, sudo);
	session_set_phase(&t, sudo, PHASE_ACTIVE);
	assert_null(session_by_audit(&t, 9));
	add(&t, login);
	assert_null(session_by_audit(&t, 9));
	session_set_phase(&t, login, PHASE_ACTIVE);
	assert_ptr_equal(session_by_audit(&t, 9), login);
	assert_null(session_by_audit(&t, 10));
	session_set_phase(&t, login, PHASE_ENDING);
	assert_null(session_by_audit(&t, 9));
	cron = make(3, 1000, 0, 9);
	cron->class = CLASS_BACKGROUND;
	add(&t, cron);
	session_set_phase(&t, cron, PHASE_ACTIVE);
	assert_ptr_equal(session_by_audit(&t, 9), cron);
	drop_all(&t);
}

/* --- Against a model --- */

struct model {
	struct session_table t;
	struct session *in[SESSIONS]; /* by number */
	uint32_t slots[SESSIONS];
	uint64_t born[SESSIONS];
	uint64_t now;
};

static void model_step(struct model *m)
{
	uint64_t i = any(SESSIONS);
	struct session *s = m->in[i];

	if (s == NULL) {
		s = make(i + 1, 1000 + (uid_t)(i % 7), i % 3 ? i + 1 : 0, i % 4 ? (uint32_t)i : 0);
		s->class = (enum session_class)(CLASS_BACKGROUND + any(3));
		m->in[i] = add(&m->t, s);
		m->slots[i] = s->slot;
		m->born[i] = m->now++;
	} else if (s->phase < PHASE_ENDED && any(2) > 0) {
		session_set_phase(&m->t, s, s->phase + 1 + (enum phase)any(PHASE_ENDED - s->phase));
	} else {
		drop(&m->t, s);
		m->in[i] = NULL;
	}
}

static void assert_found(const struct model *m, uint64_t i)
{
	const struct session *s = m->in[i];
	struct session *gone;

	if (s == NULL) {
		gone = make(i + 1, 0, i + 1, 0);
		assert_null(session_by_sid(&m->t, &gone->sid));
		assert_null(session_by_token_hash(&m->t, &gone->token_hash));
		session_free(gone);
		return;
	}
	assert_ptr_equal(session_by_sid(&m->t, &s->sid), s);
	if (!token_is_zero(&s->token_hash))
		assert_ptr_equal(session_by_token_hash(&m->t, &s->token_hash), s);
	if (s->audit_session != 0)
		assert_ptr_equal(session_by_audit(&m->t, s->audit_session),
			s->class != CLASS_ELEVATION && s->phase == PHASE_ACTIVE ? s : NULL);
	/* its slot is its own for life */
	assert_int_equal(s->slot, m->slots[i]);
}

static uint64_t number_of(const struct session *s)
{
	uint64_t number;

	memcpy(&number, s->sid.b + 6, sizeof(number));
	return number - 1;
}

static void assert_counts(const struct model *m)
{
	uint32_t count[CLASS_LOGIN + 1][PHASE_ENDED + 1] = {{0}}, of_uid[7] = {0}, n;
	const struct session *s, *last;
	const struct account *a;
	uint64_t i, born;

	for (i = 0; i < SESSIONS; i++) {
		if (m->in[i] == NULL)
			continue;
		count[m->in[i]->class][m->in[i]->phase]++;
		of_uid[i % 7]++;
	}
	assert_memory_equal(count, m->t.count, sizeof(count));
	for (i = 0; i < 7; i++) {
		a = session_account(&m->t, 1000 + (uid_t)i);
		assert_int_equal(a != NULL ? a->n : 0, of_uid[i]);
		/* oldest first, and the same backwards */
		n = 0, born = 0, last = NULL;
		for (s = a ? a->first : NULL; s != NULL; s = s->account_next) {
			assert_ptr_equal(s->account, a);
			assert_ptr_equal(s->account_prev, last);
			assert_true(n++ == 0 || m->born[number_of(s)] > born);
			born = m->born[number_of(s)];
			last = s;
		}
		assert_int_equal(n, of_uid[i]);
		assert_true(a == NULL || a->last == last);
	}
}

static void against_a_model(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	uint64_t step, i;

	(void)state;
	assert_non_null(m);
	seed();
	for (step = 0; step < STEPS; step++) {
		model_step(m);
		assert_found(m, any(SESSIONS));
		if (step % 50 == 0)
			assert_counts(m);
	}
	for (i = 0; i < SESSIONS; i++)
		assert_found(m, i);
	assert_counts(m);
	drop_all(&m->t);
	free(m);
}

/* Between one page and the next the table changes and grows. Who was there from the beginning to
 * the end is met, and nobody twice while he stays. */
static void paging(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned met[SESSIONS], round;
	uint64_t began, i, steps;
	struct session *s;
	uint32_t slot;

	(void)state;
	assert_non_null(m);
	seed();
	for (round = 0; round < 30; round++) {
		memset(met, 0, sizeof(met));
		began = m->now;
		slot = 0;
		while ((s = session_next(&m->t, &slot)) != NULL) {
			met[number_of(s)]++;
			/* one that came only now may be met as well, once for each of its lives */
			for (steps = any(6); steps > 0; steps--)
				model_step(m);
		}
		for (i = 0; i < SESSIONS; i++)
			if (m->in[i] != NULL && m->born[i] < began)
				assert_int_equal(met[i], 1);
		for (steps = 0; steps < 40; steps++)
			model_step(m);
	}
	drop_all(&m->t);
	free(m);
}

static void deadlines(void **state)
{
	enum { DUE = 200 };
	struct session_table t = {0};
	struct session *s[DUE];
	uint64_t last = 0;
	unsigned i, n = 0;

	(void)state;
	seed();
	for (i = 0; i < DUE; i++) {
		s[i] = add(&t, make(i + 1, 1000, 0, 0));
		assert_int_equal(session_set_deadline(&t, s[i], 1 + any(1000)), 0);
	}
	/* moved, cleared, and gone with the session */
	for (i = 0; i < DUE; i += 4) {
		assert_int_equal(session_set_deadline(&t, s[i], 1 + any(1000)), 0);
		session_clear_deadline(&t, s[i + 1]);
		session_clear_deadline(&t, s[i + 1]);
		drop(&t, s[i + 2]);
	}
	for (; session_first_due(&t) != NULL; n++) {
		assert_true(session_first_due(&t)->deadline.key >= last);
		last = session_first_due(&t)->deadline.key;
		session_clear_deadline(&t, session_first_due(&t));
	}
	assert_int_equal(n, DUE / 2);
	drop_all(&t);
}

static void finish(void *ctx)
{
	session_table_fini(ctx);
}

static void not_empty(void **state)
{
	struct session_table t = {0};

	(void)state;
	add(&t, make(1, 1000, 1, 1));
	assert_true(aborts(finish, &t));
	drop_all(&t);
}

static struct session *make_child(uint64_t number, const struct session *parent, uint32_t audit)
{
	struct wire_stored rec = {.class = CLASS_ELEVATION, .phase = PHASE_OPENING};
	struct session *s;

	memcpy(rec.sid.b + 6, &number, sizeof(number));
	rec.parent = parent->sid;
	rec.audit_session = audit;
	s = session_new(&rec);
	assert_non_null(s);
	return s;
}

/* The sids of the parents begin alike, so that they share a place in the table's hash. */
static void children(void **state)
{
	struct session_table t = {0};
	struct session *parent = add(&t, make(1, 10, 0, 7)), *other = add(&t, make(2, 11, 0, 8));
	struct session *none = add(&t, make(3, 12, 0, 9)), *s, *child[4];
	unsigned seen = 0, i;

	(void)state;
	for (i = 0; i < 4; i++)
		child[i] = add(&t, make_child(100 + i, i < 3 ? parent : other, i == 1 ? 0 : 7));
	for (s = NULL; (s = session_child(&t, &parent->sid, s)) != NULL;)
		for (i = 0; i < 4; i++)
			seen += s == child[i] ? 1U << 4 * i : 0;
	assert_int_equal(seen, 0x0111);
	assert_ptr_equal(session_child(&t, &other->sid, NULL), child[3]);
	assert_null(session_child(&t, &other->sid, child[3]));
	assert_null(session_child(&t, &none->sid, NULL));
	for (s = NULL, seen = 0; (s = session_elevation(&t, 7, s)) != NULL;)
		for (i = 0; i < 4; i++)
			seen += s == child[i] ? 1U << 4 * i : 0;
	assert_int_equal(seen, 0x1101);
	assert_null(session_elevation(&t, 8, NULL));
	drop(&t, child[3]);
	assert_null(session_child(&t, &other->sid, NULL));
	drop_all(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(same_sid),
		cmocka_unit_test(nothing_to_find),
		cmocka_unit_test(by_audit),
		cmocka_unit_test(children),
		cmocka_unit_test(against_a_model),
		cmocka_unit_test(paging),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
