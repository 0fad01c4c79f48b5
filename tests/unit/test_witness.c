/* A sealed ledger that was tampered with: whatever is done to its export, who keeps the first key
 * and the last checkpoint sees it. */
#include <sodium.h>

#include "tests/unit/sealed_fixture.h"
#include "tests/unit/seeded.h"

#include "common/sid.h"

#define EVENTS	  60
#define LINES_MAX (3 * EVENTS)
#define MUTATIONS 10000

/* A text as its lines, each without its newline. */
struct lines {
	unsigned n;
	struct {
		char *data;
		size_t len;
	} line[LINES_MAX + 1];
};

static struct auditor {
	char key[SEAL_KEY_HEX + 1];
	char anchor[SEAL_HEAD_TEXT];
} auditor;

static struct text genuine, foreign;

static void add_line(struct lines *l, const char *data, size_t len)
{
	assert_true(l->n <= LINES_MAX);
	l->line[l->n].data = malloc(len + 1);
	assert_non_null(l->line[l->n].data);
	memcpy(l->line[l->n].data, data, len);
	l->line[l->n++].len = len;
}

static void split(const struct text *t, struct lines *ret)
{
	const char *at = t->data, *end;

	ret->n = 0;
	for (; (end = strchr(at, '\n')) != NULL; at = end + 1)
		add_line(ret, at, (size_t)(end - at));
}

static void forget(struct lines *l, unsigned from)
{
	while (l->n > from)
		free(l->line[--l->n].data);
}

static struct text join(const struct lines *l)
{
	struct text t = {0};
	unsigned i;

	for (i = 0; i < l->n; i++) {
		text_add(&t, l->line[i].data, l->line[i].len);
		text_add(&t, "\n", 1);
	}
	return t;
}

/* What whoever changed a line does next: every later line follows again, by its number and hash. */
static void chain_anew(struct lines *l)
{
	char prefix[CHAIN_PREFIX], *body, *line;
	struct chain c;
	size_t n, rest;
	unsigned i;

	chain_init(&c);
	for (i = 0; i < l->n; i++) {
		l->line[i].data[l->line[i].len] = '\0';
		body = strstr(l->line[i].data, "\"time\":");
		if (body == NULL)
			return;
		n = chain_prefix(&c, prefix);
		rest = l->line[i].len - (size_t)(body - l->line[i].data);
		line = malloc(n + rest + 1);
		assert_non_null(line);
		memcpy(line, prefix, n);
		memcpy(line + n, body, rest);
		free(l->line[i].data);
		l->line[i].data = line;
		l->line[i].len = n + rest;
		chain_append(&c, line, n + rest);
	}
}

static void remove_line(struct lines *l, unsigned i)
{
	free(l->line[i].data);
	l->n--;
	memmove(&l->line[i], &l->line[i + 1], (l->n - i) * sizeof(l->line[0]));
}

static void insert_line(struct lines *l, unsigned at, const char *data, size_t len)
{
	struct lines last = {0};

	add_line(l, data, len);
	last.line[0] = l->line[l->n - 1];
	memmove(&l->line[at + 1], &l->line[at], (l->n - 1 - at) * sizeof(l->line[0]));
	l->line[at] = last.line[0];
}

static void swap_lines(struct lines *l, unsigned a, unsigned b)
{
	struct lines other = {0};

	other.line[0] = l->line[a];
	l->line[a] = l->line[b];
	l->line[b] = other.line[0];
}

/* A secret of the forger's own, with which he seals from line `from` on. */
static void swap_key(struct lines *l, unsigned from)
{
	uint8_t key[SEAL_KEY], secret[crypto_sign_SECRETKEYBYTES], signature[SEAL_SIGNATURE];
	char hex[SEAL_KEY_HEX + 1], signature_hex[SEAL_SIGNATURE_HEX + 1], *at;
	struct seal_line seal;
	unsigned i;

	crypto_sign_keypair(key, secret);
	hex_encode(key, SEAL_KEY, hex);
	for (i = from; i < l->n; i++) {
		seal_read(l->line[i].data, l->line[i].len, &seal);
		if (seal.kind != SEAL_CHECKPOINT && seal.kind != SEAL_STARTED)
			continue;
		l->line[i].data[l->line[i].len] = '\0';
		at = strstr(l->line[i].data, "\"key\":\"");
		if (at != NULL)
			memcpy(at + 7, hex, SEAL_KEY_HEX);
		at = strstr(l->line[i].data, "\"next_key\":\"");
		memcpy(at + 12, hex, SEAL_KEY_HEX);
		chain_anew(l);
		seal_read(l->line[i].data, l->line[i].len, &seal);
		if (seal.kind != SEAL_CHECKPOINT)
			continue;
		crypto_sign_detached(
			signature, NULL, (unsigned char *)l->line[i].data, seal.signed_len, secret);
		hex_encode(signature, SEAL_SIGNATURE, signature_hex);
		memcpy(l->line[i].data + l->line[i].len - 2 - SEAL_SIGNATURE_HEX, signature_hex,
			SEAL_SIGNATURE_HEX);
	}
	chain_anew(l);
}

enum mutation { FLIP, DELETE, INSERT, REORDER, SPLICE, TRUNCATE, ROLL_BACK, SWAP_KEY, N_MUTATIONS };

static const char *const names[N_MUTATIONS] = {
	"flip", "delete", "insert", "reorder", "splice", "truncate", "roll back", "swap the key"};

/* Changes one thing; *ret_cut: bytes that are missing at the end of the text. */
static void mutate(struct lines *l, const struct lines *other, enum mutation what, size_t *ret_cut)
{
	unsigned i = (unsigned)any(l->n), j = (unsigned)any(l->n);

	switch (what) {
	case FLIP:
		l->line[i].data[any(l->line[i].len)] ^= (char)(1 << any(8));
		break;
	case DELETE:
		remove_line(l, i);
		break;
	case INSERT:
		insert_line(l, i, other->line[j % other->n].data, other->line[j % other->n].len);
		break;
	case REORDER:
		swap_lines(l, i, (i + 1 + (unsigned)any(l->n - 1)) % l->n);
		break;
	case SPLICE:
		/* the other one has another length */
		forget(l, i);
		for (j = i; j < other->n; j++)
			add_line(l, other->line[j].data, other->line[j].len);
		break;
	case TRUNCATE:
		forget(l, i + 1);
		*ret_cut = 1 + any(l->line[i].len + 1);
		break;
	case ROLL_BACK:
		forget(l, i);
		break;
	case SWAP_KEY:
		swap_key(l, i);
		break;
	case N_MUTATIONS:
		break;
	}
}

static struct text make(unsigned n, struct auditor *ret)
{
	struct fixture *f;
	struct text t;
	unsigned i;
	void *state;

	fixture_setup(&state);
	f = state;
	open_sealed(f);
	first_key(f, ret->key);
	for (i = 0; i < n; i++) {
		append_some(f, 1);
		if (i % 7 == 6 || i == n - 1)
			checkpoint(f, ret->anchor);
	}
	t = export_all(f);
	fixture_teardown(&state);
	return t;
}

static int make_both(void **state)
{
	struct auditor ignored;

	(void)state;
	genuine = make(EVENTS, &auditor);
	foreign = make(EVENTS + 11, &ignored);
	return 0;
}

static int free_both(void **state)
{
	(void)state;
	free(genuine.data);
	free(foreign.data);
	return 0;
}

static void untouched(void **state)
{
	struct verify v;

	(void)state;
	assert_null(wrong_with(genuine.data, genuine.len, auditor.key, auditor.anchor, &v));
	assert_true(witness_anchored(&v.witness).seq != 0);
	assert_int_equal(witness_tail(&v.witness, &v.chain), 0);
	assert_int_equal(v.witness.checkpoints, EVENTS / 7 + 1);
	/* and rejoined, so that what is found below is the mutation */
	assert_null(wrong_with(genuine.data, genuine.len, NULL, NULL, &v));
	assert_true(witness_anchored(&v.witness).seq == 0);
}

/* The same as the genuine one, where a mutation comes to nothing, is not to be found. A text that
 * lacks its beginning is genuine in what it has, and is said to begin later. */
static bool is_found(const char *data, size_t len)
{
	struct verify v;

	if (len == genuine.len && memcmp(data, genuine.data, len) == 0)
		return true;
	return wrong_with(data, len, auditor.key, auditor.anchor, &v) != NULL || v.first != 1;
}

/* As they are, or with a chain that is whole again. */
static void mutations(void **state)
{
	struct lines l, other;
	enum mutation what;
	struct text t;
	size_t cut;
	bool again;
	int i;

	(void)state;
	seed();
	split(&foreign, &other);
	for (i = 0; i < MUTATIONS; i++) {
		split(&genuine, &l);
		what = (enum mutation)(i % N_MUTATIONS);
		cut = 0;
		mutate(&l, &other, what, &cut);
		again = any(2) == 1;
		if (again)
			chain_anew(&l);
		t = join(&l);
		if (!is_found(t.data, t.len - (t.len > 0 ? cut : 0)))
			fail_msg("mutation %d, %s%s: not found in\n%s", i, names[what],
				again ? ", chained anew" : "", t.data);
		free(t.data);
		forget(&l, 0);
	}
	forget(&other, 0);
}

/* The signatures alone, without an anchor: a word that was changed, and the chain made whole. */
static void signatures(void **state)
{
	const char *wrong;
	struct lines l;
	struct text t;
	unsigned i;
	char *at;

	(void)state;
	split(&genuine, &l);
	for (i = 2; i < l.n; i++) {
		forget(&l, 0);
		split(&genuine, &l);
		l.line[i].data[l.line[i].len] = '\0';
		at = strstr(l.line[i].data, "Z\",\"event\":");
		assert_non_null(at);
		at[-1] = at[-1] == '0' ? '1' : '0';
		chain_anew(&l);
		t = join(&l);
		wrong = wrong_with(t.data, t.len, auditor.key, NULL, NULL);
		if (wrong == NULL)
			fail_msg("event %u: not found", i + 1);
		assert_string_equal(wrong, "the signature of the checkpoint does not agree");
		free(t.data);
	}
	forget(&l, 0);
}

/* What was cut off at a checkpoint shows against an anchor alone, and then it is said. */
static void cut_off(void **state)
{
	struct seal_line seal;
	struct verify v;
	struct lines l;
	struct text t;

	(void)state;
	split(&genuine, &l);
	do {
		forget(&l, l.n - 1);
		seal_read(l.line[l.n - 1].data, l.line[l.n - 1].len, &seal);
	} while (seal.kind != SEAL_CHECKPOINT);
	t = join(&l);
	assert_null(wrong_with(t.data, t.len, auditor.key, NULL, &v));
	assert_true(witness_anchored(&v.witness).seq == 0);
	assert_string_equal(wrong_with(t.data, t.len, auditor.key, auditor.anchor, NULL),
		"the ledger ends before the event that the anchor tells of");
	free(t.data);
	forget(&l, 0);
}

/* The head behind that line. */
static void head_at(const struct lines *l, unsigned i, char ret[SEAL_HEAD_TEXT])
{
	struct chain c = {.seq = i};

	chain_append(&c, l->line[i].data, l->line[i].len);
	seal_head_text(&c, ret);
}

static const char *wrong_with_anchors(
	const struct text *t, const char *const *anchors, size_t n, struct verify *ret)
{
	const char *wrong;
	size_t i;

	assert_int_equal(verify_init(ret), 0);
	for (i = 0; i < n; i++)
		assert_true(witness_add_anchor(&ret->witness, anchors[i]));
	verify_feed(ret, t->data, t->len);
	verify_end(ret);
	wrong = ret->wrong;
	verify_fini(ret);
	return wrong;
}

/* Whoever kept several heads sees also what was rolled back and has grown past where it was: the
 * last one agrees, and one before does not. */
static void several_anchors(void **state)
{
	char early[SEAL_HEAD_TEXT], middle[SEAL_HEAD_TEXT], late[SEAL_HEAD_TEXT],
		forked[SEAL_HEAD_TEXT];
	struct text tail = {0};
	struct lines l;
	struct verify v;
	unsigned i;

	(void)state;
	split(&genuine, &l);
	head_at(&l, 3, early);
	head_at(&l, 20, middle);
	head_at(&l, l.n - 1, late);
	snprintf(forked, sizeof(forked), "%s", middle);
	forked[strlen(forked) - 1] = forked[strlen(forked) - 1] == '0' ? '1' : '0';
	/* whatever their order; the same one twice is one */
	assert_null(wrong_with_anchors(
		&genuine, (const char *const[]){late, early, middle, early}, 4, &v));
	assert_int_equal(witness_anchored(&v.witness).seq, l.n);
	assert_string_equal(
		wrong_with_anchors(&genuine, (const char *const[]){late, forked, early}, 3, &v),
		"the event is not the one that the anchor tells of");
	assert_int_equal(v.chain.seq, 20);
	assert_non_null(wrong_with_anchors(&genuine, (const char *const[]){middle, forked}, 2, &v));
	/* of a text that begins later, those before it say nothing, and the one in front of it does
	 */
	for (i = 21; i < l.n; i++) {
		text_add(&tail, l.line[i].data, l.line[i].len);
		text_add(&tail, "\n", 1);
	}
	assert_null(wrong_with_anchors(&tail, (const char *const[]){early, middle, late}, 3, &v));
	assert_int_equal(v.witness.older_anchors, 1);
	assert_non_null(
		wrong_with_anchors(&tail, (const char *const[]){early, forked, late}, 3, &v));
	assert_string_equal(wrong_with_anchors(&tail, (const char *const[]){early}, 1, &v),
		"the event that the anchor tells of is not here");
	assert_int_equal(witness_anchored(&v.witness).seq, 0);
	free(tail.data);
	forget(&l, 0);
}

/* With a key that nothing is signed with. */
static void nothing_sealed(void **state)
{
	struct lines l;
	struct text t;

	(void)state;
	split(&genuine, &l);
	forget(&l, 3);
	t = join(&l);
	assert_string_equal(wrong_with(t.data, t.len, auditor.key, NULL, NULL),
		"no checkpoint is signed with the key that was given");
	free(t.data);
	forget(&l, 0);
}

/* A text that begins later: its first checkpoint's key is the one to know. */
static void begins_later(void **state)
{
	char key[SEAL_KEY_HEX + 1];
	const char *at = genuine.data, *next;
	struct seal_line seal;
	struct verify v;
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++)
		at = strchr(at, '\n') + 1;
	assert_null(wrong_with(
		at, genuine.len - (size_t)(at - genuine.data), NULL, auditor.anchor, &v));
	assert_true(witness_anchored(&v.witness).seq != 0);
	/* the first checkpoint is still signed with the first key */
	assert_null(
		wrong_with(at, genuine.len - (size_t)(at - genuine.data), auditor.key, NULL, NULL));
	for (; (next = strchr(at, '\n')) != NULL; at = next + 1) {
		seal_read(at, (size_t)(next - at), &seal);
		if (seal.kind == SEAL_CHECKPOINT)
			break;
	}
	at = next + 1;
	hex_encode(seal.next_key, SEAL_KEY, key);
	assert_null(wrong_with(at, genuine.len - (size_t)(at - genuine.data), key, NULL, NULL));
	assert_string_equal(
		wrong_with(at, genuine.len - (size_t)(at - genuine.data), auditor.key, NULL, NULL),
		"the first checkpoint here is signed with none of the keys that were given");
}

static void not_a_word(void **state)
{
	static const char zeros[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	struct witness w = {0};
	char text[200];

	(void)state;
	assert_false(witness_add_key(&w, ""));
	assert_false(witness_add_key(&w, "00"));
	snprintf(text, sizeof(text), "%s0", zeros);
	assert_false(witness_add_key(&w, text));
	snprintf(text, sizeof(text), "G%s", zeros + 1);
	assert_false(witness_add_key(&w, text));
	assert_true(witness_add_key(&w, zeros));
	assert_false(witness_add_anchor(&w, ""));
	assert_false(witness_add_anchor(&w, zeros));
	snprintf(text, sizeof(text), "0:%s", zeros);
	assert_false(witness_add_anchor(&w, text));
	snprintf(text, sizeof(text), "99999999999999999999999:%s", zeros);
	assert_false(witness_add_anchor(&w, text));
	snprintf(text, sizeof(text), "7:%s ", zeros);
	assert_false(witness_add_anchor(&w, text));
	snprintf(text, sizeof(text), "7:%s", zeros);
	assert_true(witness_add_anchor(&w, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untouched),
		cmocka_unit_test(mutations),
		cmocka_unit_test(signatures),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(several_anchors),
		cmocka_unit_test(nothing_sealed),
		cmocka_unit_test(begins_later),
		cmocka_unit_test(not_a_word),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("witness", tests, make_both, free_both);
}
