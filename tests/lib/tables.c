/*
 * Prints the tables that PROTOCOL.md repeats, one row a line, for tests/tap/protocol.sh:
 *
 *	tables			messages, fields, reasons, errors, classes, phases, events, members,
 *limits tables ledger FILE	makes a ledger in FILE and prints its lines, as an export does
 */
#include <stdio.h>
#include <string.h>

#include "common/lock.h"
#include "common/wire.h"
#include "sessd/charge.h"
#include "sessd/entry.h"
#include "sessd/store.h"
#include "sessd/tries.h"

#define LINES 5

static void print_uses(unsigned use)
{
	static const struct {
		unsigned use;
		const char *name;
	} names[] = {
		{WIRE_ON_PAM, "pam"},
		{WIRE_ON_CTL, "ctl"},
		{WIRE_ON_REAUTH, "reauth"},
		{WIRE_ANSWER, "answer"},
		{WIRE_FILE, "file"},
		{WIRE_FROZEN, "frozen"},
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (use & names[i].use)
			printf(" %s", names[i].name);
	putchar('\n');
}

/* clang-format off */
#define PRINT_FIELD(message, kind, name, tag, presence) \
	printf("field " #message " %d " #name " " #kind " " #presence "\n", tag);
#define PRINT_FIELDS(name, code, use, help) WIRE_FIELDS_##name(PRINT_FIELD, name)
#define PRINT_MESSAGE(name, code, use, help) \
	printf("message " #name " %d", code); \
	print_uses(use);
#define PRINT_ERROR(id, code, exit, words) printf("error " #id " %d %d %s\n", code, exit, words);
#define PRINT_REASON(id, code, name, use, words, pam) \
	printf("reason %s %d%s%s %s\n", name, code, (use) & REASON_ENDS ? " ends" : "", \
		(use) & REASON_REFUSES ? " refuses" : "", words);
#define PRINT_CLASS(id, code, name) printf("class %s %d\n", name, code);
#define PRINT_PHASE(id, code, name) printf("phase %s %d\n", name, code);
#define PRINT_EVENT(id, name, help) printf("event %s\n", name);
#define PRINT_MEMBER(record, kind, name, tag, presence) \
	printf("member " #name " " #kind " " #presence "\n");
#define PRINT_LIMIT(name) printf("limit " #name " %d\n", (int)(name));
/* clang-format on */

static void print_limits(void)
{
	PRINT_LIMIT(WIRE_MAX)
	PRINT_LIMIT(WIRE_BLOB_MAX)
	PRINT_LIMIT(WIRE_REPLY_MAX)
	PRINT_LIMIT(TEXT_STR_MAX)
	PRINT_LIMIT(TEXT_LONG_MAX)
	PRINT_LIMIT(FIELD_GIDS_MAX)
	PRINT_LIMIT(LOCK_MAX)
	PRINT_LIMIT(LOCK_FILE_MAX)
	PRINT_LIMIT(CHARGE_CONNECTIONS)
	PRINT_LIMIT(CHARGE_REQUESTS)
	PRINT_LIMIT(CHARGE_RATE)
	PRINT_LIMIT(CHARGE_BURST)
	PRINT_LIMIT(TRIES_MAX)
	PRINT_LIMIT(LEDGER_PAGE)
	PRINT_LIMIT(STORE_LINE_MAX)
}

static void print_tables(void)
{
	printf("versions %d %d\n", WIRE_VERSION_MIN, WIRE_VERSION_MAX);
	WIRE_MESSAGES(PRINT_MESSAGE)
	WIRE_MESSAGES(PRINT_FIELDS)
	WIRE_ERRORS(PRINT_ERROR)
	REASONS(PRINT_REASON)
	CLASSES(PRINT_CLASS)
	PHASES(PRINT_PHASE)
	ENTRY_KINDS(PRINT_EVENT)
	ENTRY_FIELDS(PRINT_MEMBER, entry)
	print_limits();
}

/* The lines come from the store itself, so that what is verified is what an export gives. */
static int print_ledger(const char *path)
{
	static struct store store;
	static char body[ENTRY_MAX], lines[LINES * 1024];
	struct store_page page = {.uid = LEDGER_ALL_UIDS, .buf = lines, .size = sizeof(lines)};
	struct entry e;
	size_t len;
	int i, r;

	r = store_open(&store, path);
	for (i = 0; i < LINES && r == 0; i++) {
		entry_init(&e, ENTRY_SESSION_OPENED, UINT64_C(1700000000123456789) + (uint64_t)i);
		snprintf(e.user, sizeof(e.user), "Zo\xc3\xab \"%d\"", i);
		r = entry_format(&e, body, sizeof(body), &len);
		if (r == 0)
			r = store_begin(&store);
		if (r == 0)
			r = store_event(&store, LEDGER_ALL_UIDS, 0, body, len);
		if (r == 0)
			r = store_commit(&store);
	}
	while (r == 0)
		r = store_read(&store, &page);
	store_close(&store);
	return r == 1 && fwrite(lines, 1, page.len, stdout) == page.len ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "ledger") == 0)
		return print_ledger(argv[2]);
	print_tables();
	return 0;
}
