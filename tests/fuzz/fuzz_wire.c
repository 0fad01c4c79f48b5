/*
 * Decodes any bytes; what decodes must encode, and decode again to the same.
 *
 * fuzz_wire --seeds DIR writes a message of each type, once with all fields and once with those
 * that are required, and ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "fuzz_wire: %s\n", what);
	abort();
}

/* The blobs of two frames point into two packets; compares what they point to, and takes them out
 * so that the rest can be compared as bytes. */
static void compare_blobs(const struct wire_info *info, void *a, void *b)
{
	struct blob *x, *y;
	size_t i;

	for (i = 0; i < info->n_fields; i++) {
		if (info->fields[i].kind != FIELD_BLOB)
			continue;
		x = (struct blob *)((char *)a + info->fields[i].offset);
		y = (struct blob *)((char *)b + info->fields[i].offset);
		must(x->len == y->len, "a blob has another length");
		must(x->len == 0 || memcmp(x->data, y->data, x->len) == 0, "a blob differs");
		*x = *y = (struct blob){.data = NULL};
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_frame one, two;
	static uint8_t first[WIRE_MAX], second[WIRE_MAX];
	const struct wire_info *info;
	size_t first_len, second_len;

	if (wire_decode(data, size, &one) < 0)
		return 0;
	info = wire_info(one.type);
	must(info != NULL, "a message without a type");
	must(wire_encode(one.type, one.serial, &one.u, first, sizeof(first), &first_len) == 0,
		"what was decoded does not encode");
	/* fields that it does not know are left out, and nothing is ever added */
	must(first_len <= size, "it grew");
	must(wire_decode(first, first_len, &two) == 0, "what was encoded does not decode");
	must(wire_encode(two.type, two.serial, &two.u, second, sizeof(second), &second_len) == 0,
		"what was decoded twice does not encode");
	must(first_len == second_len && memcmp(first, second, first_len) == 0,
		"the second packet differs from the first");
	must(one.version == two.version && one.type == two.type && one.serial == two.serial,
		"the header differs");
	compare_blobs(info, &one.u, &two.u);
	must(memcmp(&one.u, &two.u, info->size) == 0, "the message differs");
	return 0;
}

/* Something good of each kind. Secrets and ids must not be zero. */
static void field_fill(const struct field *f, void *msg)
{
	void *p = (char *)msg + f->offset;

	switch (f->kind) {
	case FIELD_U64:
	case FIELD_TIME:
	case FIELD_DUR:
		*(uint64_t *)p = 0x0102030405060708;
		break;
	case FIELD_BOOL:
		*(bool *)p = true;
		break;
	case FIELD_UID:
		*(struct opt_uid *)p = (struct opt_uid){.set = true, .uid = 1000};
		break;
	case FIELD_REASON:
		*(enum reason *)p = REASON_LOGOUT;
		break;
	case FIELD_CLASS:
		*(enum session_class *)p = CLASS_LOGIN;
		break;
	case FIELD_PHASE:
		*(enum phase *)p = PHASE_ACTIVE;
		break;
	case FIELD_SID:
		memset(p, 0x11, SID_BYTES);
		break;
	case FIELD_TOKEN:
		memset(p, 0x22, TOKEN_BYTES);
		break;
	case FIELD_STR:
	case FIELD_TEXT:
	case FIELD_HEX:
		strcpy(p, "gr\303\274n");
		break;
	case FIELD_GIDS:
		*(struct gids *)p = (struct gids){.n = 2, .gid = {100, 1000}};
		break;
	case FIELD_BLOB:
		*(struct blob *)p = (struct blob){.data = "line\n", .len = 5};
		break;
	}
}

static void seed_write(const char *dir, const struct wire_info *info, bool all)
{
	static struct wire_frame frame;
	static uint8_t buf[WIRE_MAX];
	char path[4096];
	size_t i, len;
	FILE *fp;

	memset(&frame, 0, sizeof(frame));
	for (i = 0; i < info->n_fields; i++)
		if (all || info->fields[i].presence == FIELD_REQUIRED)
			field_fill(&info->fields[i], &frame.u);
	must(wire_encode(info->type, 7, &frame.u, buf, sizeof(buf), &len) == 0, "a bad seed");
	snprintf(path, sizeof(path), "%s/%s-%s", dir, info->name, all ? "all" : "required");
	fp = fopen(path, "we");
	must(fp != NULL && fwrite(buf, 1, len, fp) == len && fclose(fp) == 0,
		"cannot write a seed");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	size_t i;

	if (*argc != 3 || strcmp((*argv)[1], "--seeds") != 0)
		return 0;
	for (i = 0; i < wire_n_messages; i++) {
		seed_write((*argv)[2], &wire_messages[i], true);
		seed_write((*argv)[2], &wire_messages[i], false);
	}
	exit(0);
}
