/* A session and its record hold the same, field by field: the rows of the wire drive the test. */
#include "tests/unit/seeded.h"

#include <string.h>

#include "sessd/session.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct field stored_fields[] = {WIRE_FIELDS_stored(FIELD_ROW, wire_stored)};
static const struct field session_fields[] = {WIRE_FIELDS_session(FIELD_ROW, wire_session)};

/* Some value of the field, never an empty one. */
static void fill_field(const struct field *f, struct wire_stored *rec)
{
	char *p = (char *)rec + f->offset;
	size_t i, max = f->kind == FIELD_TEXT ? TEXT_LONG_MAX : TEXT_STR_MAX;
	struct gids *gids = (void *)p;

	/* only whoever asks, and when, makes it something */
	if (strcmp(f->name, "authenticated_age") == 0)
		return;
	switch (f->kind) {
	case FIELD_U64: /* these are 31 bits in the kernel's eyes: uids, pids, audit sessions, keys
			 */
	case FIELD_TIME:
	case FIELD_DUR:
		*(uint64_t *)(void *)p = 1 + any(INT32_MAX);
		break;
	case FIELD_BOOL:
		*(bool *)p = true;
		break;
	case FIELD_REASON:
		rec->reason = (enum reason)(1 + any(REASON_UNAVAILABLE));
		break;
	case FIELD_CLASS:
		rec->class = (enum session_class)(1 + any(CLASS_LOGIN));
		break;
	case FIELD_PHASE:
		rec->phase = (enum phase)(1 + any(PHASE_ENDED));
		break;
	case FIELD_SID:
	case FIELD_TOKEN:
		for (i = 0; i < (f->kind == FIELD_SID ? SID_BYTES : TOKEN_BYTES); i++)
			p[i] = (char)(1 + any(255));
		break;
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		max = 1 + any(max);
		for (i = 0; i < max; i++)
			p[i] = (char)('a' + any(26));
		break;
	case FIELD_GIDS:
		gids->n = 1 + (uint32_t)any(FIELD_GIDS_MAX);
		for (i = 0; i < gids->n; i++)
			gids->gid[i] = (uint32_t)any(UINT32_MAX);
		break;
	case FIELD_UID:
	case FIELD_BLOB:
		fail_msg("a session has no such field: %s", f->name);
	}
}

static void assert_same(
	const struct field *a, const void *ra, const struct field *b, const void *rb)
{
	const void *pa = field_at(a, ra), *pb = field_at(b, rb);
	bool same = false;

	assert_int_equal(a->kind, b->kind);
	switch (a->kind) {
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		same = strcmp(pa, pb) == 0;
		break;
	case FIELD_SID:
		same = memcmp(pa, pb, SID_BYTES) == 0;
		break;
	case FIELD_TOKEN:
		same = memcmp(pa, pb, TOKEN_BYTES) == 0;
		break;
	case FIELD_GIDS:
		same = ((const struct gids *)pa)->n == ((const struct gids *)pb)->n &&
		       memcmp(((const struct gids *)pa)->gid, ((const struct gids *)pb)->gid,
			       ((const struct gids *)pa)->n * sizeof(uint32_t)) == 0;
		break;
	case FIELD_U64:
	case FIELD_BOOL:
	case FIELD_UID:
	case FIELD_TIME:
	case FIELD_DUR:
	case FIELD_REASON:
	case FIELD_CLASS:
	case FIELD_PHASE:
	case FIELD_BLOB:
		same = field_number(a, ra) == field_number(b, rb);
		break;
	}
	if (!same)
		fail_msg("%s is not what it was", a->name);
}

static void round_trip(const struct wire_stored *in)
{
	struct session *s = session_new(in);
	static struct wire_stored out;
	static struct wire_session seen;
	size_t i;

	assert_non_null(s);
	memset(&out, 0x5a, sizeof(out));
	memset(&seen, 0x5a, sizeof(seen));
	session_stored(s, in->boot_id, &out);
	session_record(s, &seen);
	for (i = 0; i < N(stored_fields); i++)
		assert_same(&stored_fields[i], in, &stored_fields[i], &out);
	/* what others may see are the first of the same rows */
	for (i = 0; i < N(session_fields); i++) {
		assert_string_equal(session_fields[i].name, stored_fields[i].name);
		assert_same(&stored_fields[i], in, &session_fields[i], &seen);
	}
	session_free(s);
}

static void record_round_trip(void **state)
{
	static struct wire_stored rec;
	uint8_t buf[WIRE_MAX];
	size_t i, len, round;

	(void)state;
	seed();
	for (round = 0; round < 20; round++) {
		memset(&rec, 0, sizeof(rec));
		for (i = 0; i < N(stored_fields); i++)
			fill_field(&stored_fields[i], &rec);
		round_trip(&rec);
		/* and it fits the row of the database */
		assert_int_equal(wire_encode(WIRE_stored, 0, &rec, buf, sizeof(buf), &len), 0);
	}
	/* each alone, and none */
	for (i = 0; i < N(stored_fields); i++) {
		memset(&rec, 0, sizeof(rec));
		round_trip(&rec);
		fill_field(&stored_fields[i], &rec);
		round_trip(&rec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
