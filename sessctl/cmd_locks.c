#include <errno.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/locks.h"
#include "sessctl/record.h"
#include "sessctl/table.h"

enum { LOCKS_JSON };

static const struct option_row options[] = {
	[LOCKS_JSON] = {"json", 'j', NULL, "one JSON object a line"},
};

static const struct column columns[] = {
	{"LOCKED", 8},
	{"NAME", 51}, /* a fingerprint */
	{"ON", 5},
	{"SINCE", 12},
	{"UNTIL", 12},
	{"BY", 20},
	{"BREAKGLASS", 10},
	{"REASON", 40},
	{"MESSAGE", 40},
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct listing {
	struct context *ctx;
	bool json;
	uint64_t now;
	struct table table;
};

static const char *or_dash(const char *s)
{
	return s[0] != '\0' ? s : "-";
}

static int add_row(struct listing *l, const struct wire_locked *lock)
{
	char since[TIMESTAMP_TEXT], until[TIMESTAMP_TEXT];
	const char *cells[N_COLUMNS] = {
		lock->kind,
		lock->name,
		lock->fleet ? "fleet" : "host",
		timestamp_brief(lock->set_at, l->now, since),
		lock->expires_at ? timestamp_brief(lock->expires_at, l->now, until) : "-",
		or_dash(lock->by),
		lock->even_breakglass ? "locked" : "spared",
		or_dash(lock->text),
		or_dash(lock->message),
	};
	int r = table_add(&l->table, lock->set_at, cells);

	if (r == 0)
		return EXIT_DONE;
	context_error(l->ctx, "%s", strerror(-r));
	return EXIT_NO;
}

static int show(void *arg, const struct wire_locked *lock)
{
	struct listing *l = arg;

	if (!l->json)
		return add_row(l, lock);
	record_json(l->ctx->out, WIRE_locked, lock);
	return EXIT_DONE;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct listing l = {
		.ctx = ctx, .json = args->value[LOCKS_JSON] != NULL, .now = clock_wall()};
	struct conn c;
	int r;

	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	table_init(&l.table, columns, N_COLUMNS);
	r = locks_read(&c, show, &l);
	conn_close(&c);
	if (r == EXIT_DONE && !l.json) {
		table_sort(&l.table);
		table_print(&l.table, ctx->out, ctx->bold);
	}
	table_fini(&l.table);
	return r;
}

const struct command cmd_locks = {
	.name = "locks",
	.summary = "List the locks that stand",
	OPTIONS(options),
	.operands = "",
	.text = "ON says whether it is one of the fleet, or of this host alone. Of one name both "
		"may\n"
		"stand.\n"
		"BREAKGLASS says whether root at the console and the group sessd-breakglass are\n"
		"spared by the lock.\n",
	.exec = exec,
};
