/* A ledger that is sealed, its export in memory, and the word of an auditor on it. */
#ifndef TESTS_SEALED_FIXTURE_H
#define TESTS_SEALED_FIXTURE_H

#include "tests/unit/ledger_fixture.h"

#include "sessctl/verify.h"
#include "sessd/seal.h"

struct text {
	char *data; /* the caller frees it */
	size_t len, room;
	unsigned lines;
};

static inline void text_add(struct text *t, const char *data, size_t len)
{
	if (t->len + len + 1 > t->room) {
		t->room = 2 * (t->len + len + 1);
		t->data = realloc(t->data, t->room);
		assert_non_null(t->data);
	}
	memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = '\0';
}

static inline void text_line(void *ctx, const char *line)
{
	struct text *t = ctx;

	text_add(t, line, strlen(line));
	text_add(t, "\n", 1);
	t->lines++;
}

static inline struct text export_all(struct fixture *f)
{
	struct text t = {0};

	each_line(f, LEDGER_ALL_UIDS, text_line, &t);
	return t;
}

static inline void open_sealed(struct fixture *f)
{
	open_ledger(f);
	assert_int_equal(ledger_seal(f->ledger), 0);
}

static inline void append_some(struct fixture *f, unsigned n)
{
	unsigned want = f->done + n, i;

	for (i = 0; i < n; i++)
		assert_int_equal(append(f, f->expect + i, 1000, 0, true), 0);
	WAIT_UNTIL(f, f->done == want);
}

struct told {
	bool here;
	int result;
};

static inline void tell_result(void *ctx, int result)
{
	*(struct told *)ctx = (struct told){.here = true, .result = result};
}

static inline int checkpoint_result(struct fixture *f)
{
	struct told told = {0};

	assert_int_equal(ledger_checkpoint(f->ledger, tell_result, &told), 0);
	WAIT_UNTIL(f, told.here);
	return told.result;
}

/* Makes one, which goes to ret. */
static inline void checkpoint(struct fixture *f, char ret[SEAL_HEAD_TEXT])
{
	struct ledger_stats stats;

	assert_int_equal(checkpoint_result(f), 0);
	ledger_stats(f->ledger, &stats);
	memcpy(ret, stats.checkpoint, SEAL_HEAD_TEXT);
}

static inline void first_key(struct fixture *f, char ret[SEAL_KEY_HEX + 1])
{
	struct ledger_stats stats;

	ledger_stats(f->ledger, &stats);
	memcpy(ret, stats.seal_key, SEAL_KEY_HEX + 1);
	assert_int_equal(strlen(ret), SEAL_KEY_HEX);
}

/* What is wrong with the text, for who keeps the key and the checkpoint (or NULL); ret may be NULL.
 */
static inline const char *wrong_with(
	const char *data, size_t len, const char *key, const char *anchor, struct verify *ret)
{
	const char *wrong;
	struct verify v;

	assert_int_equal(verify_init(&v), 0);
	if (key != NULL)
		assert_true(witness_add_key(&v.witness, key));
	if (anchor != NULL)
		assert_true(witness_add_anchor(&v.witness, anchor));
	if (verify_feed(&v, data, len))
		verify_end(&v);
	wrong = v.wrong;
	verify_fini(&v);
	if (ret != NULL)
		*ret = v;
	return wrong;
}

#endif
