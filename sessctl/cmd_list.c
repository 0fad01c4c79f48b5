#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/record.h"
#include "sessctl/table.h"

enum { LIST_USER, LIST_ALL, LIST_FLEET, LIST_JSON };

static const struct option_row options[] = {
	[LIST_USER] = {"user", 'u', "USER", "only the sessions of USER"},
	[LIST_ALL] = {"all", 'a', NULL, "those that have ended, too"},
	[LIST_FLEET] = {"fleet", 'F', NULL, "the logins of all hosts of the fleet"},
	[LIST_JSON] = {"json", 'j', NULL, "one JSON object a line"},
};

/* The last two only with --all. */
static const struct column columns[] = {
	{"SID", 8},
	{"USER", 20},
	{"CLASS", 10},
	{"SERVICE", 16},
	{"FROM", 39}, /* the longest IPv6 address */
	{"SINCE", 12},
	{"EXPIRES", 12},
	{"LEADER", 10},
	{"PHASE", 8},
	{"ENDED", 12},
	{"REASON", 16},
};

/* What the fleet knows of a session. */
static const struct column fleet_columns[] = {
	{"HOST", 24},
	{"SID", 8},
	{"USER", 20},
	{"SERVICE", 16},
	{"FROM", 39},
	{"SINCE", 12},
};

#define N_FLEET_COLUMNS (sizeof(fleet_columns) / sizeof(fleet_columns[0]))

#define N_COLUMNS      (sizeof(columns) / sizeof(columns[0]))
#define N_LIVE_COLUMNS (N_COLUMNS - 2)

struct listing {
	struct context *ctx;
	bool json, fleet;
	uint64_t now;
	struct table table;
};

static const char *when(uint64_t wall_ns, uint64_t now, char *out)
{
	return wall_ns == 0 ? "-" : timestamp_brief(wall_ns, now, out);
}

static const char *where_from(const struct wire_session *s)
{
	if (s->rhost[0] != '\0')
		return s->rhost;
	return s->tty[0] != '\0' ? s->tty : "-";
}

static int add_row(struct listing *l, const struct wire_session *s)
{
	char sid[SID_HEX + 1], since[TIMESTAMP_TEXT], expires[TIMESTAMP_TEXT];
	char ended[TIMESTAMP_TEXT], leader[24] = "-";
	const char *cells[N_COLUMNS] = {
		sid_hex(&s->sid, sid),
		s->user,
		class_name(s->class),
		s->service,
		where_from(s),
		when(s->opened_at, l->now, since),
		when(s->expires_at, l->now, expires),
		leader,
		phase_name(s->phase),
		when(s->ended_at, l->now, ended),
		s->reason == REASON_NONE ? "-" : reason_name(s->reason),
	};
	const char *fleet_cells[N_FLEET_COLUMNS] = {
		s->host, sid, s->user, s->service, where_from(s), since};
	int r;

	sid[SID_SHORT] = '\0';
	if (s->leader_pid != 0)
		snprintf(leader, sizeof(leader), "%llu", (unsigned long long)s->leader_pid);
	r = table_add(&l->table, s->opened_at, l->fleet ? fleet_cells : cells);
	if (r == 0)
		return EXIT_DONE;
	context_error(l->ctx, "%s",
		r == -E2BIG ? "there are too many sessions for a table; use --json" : strerror(-r));
	return EXIT_NO;
}

/* The messages of one page, and where the next one begins. */
static int one_page(struct listing *l, struct conn *c, struct wire_list *ask)
{
	uint64_t before = ask->cursor;
	int r = conn_ask(c, WIRE_list, ask);

	while (r == EXIT_DONE && (r = conn_next(c)) == EXIT_DONE) {
		if (c->frame.type == WIRE_done) {
			ask->cursor = c->frame.u.done.cursor;
			/* the same page again would have us ask for ever */
			return before != 0 && ask->cursor == before ? conn_strange(c) : EXIT_DONE;
		}
		if (c->frame.type != WIRE_session)
			return conn_strange(c);
		if (l->json)
			record_json(l->ctx->out, WIRE_session, &c->frame.u.session);
		else
			r = add_row(l, &c->frame.u.session);
	}
	return r;
}

static int list(struct listing *l, struct wire_list *ask)
{
	struct conn c;
	int r;

	r = conn_open(&c, l->ctx);
	if (r != EXIT_DONE)
		return r;
	do
		r = one_page(l, &c, ask);
	while (r == EXIT_DONE && ask->cursor != 0 && context_flush(l->ctx));
	conn_close(&c);
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_list ask = {
		.all = args->value[LIST_ALL] != NULL, .fleet = args->value[LIST_FLEET] != NULL};
	struct listing l = {.ctx = ctx,
		.json = args->value[LIST_JSON] != NULL,
		.fleet = ask.fleet,
		.now = clock_wall()};
	int r;

	if (ask.all && ask.fleet)
		return help_usage_error(
			ctx, &cmd_list, "the fleet does not know of sessions that have ended");

	if (args->value[LIST_USER] != NULL) {
		r = context_copy(ctx, "--user", args->value[LIST_USER], ask.user);
		if (r != EXIT_DONE)
			return r;
	}
	if (ask.fleet)
		table_init(&l.table, fleet_columns, N_FLEET_COLUMNS);
	else
		table_init(&l.table, columns, ask.all ? N_COLUMNS : N_LIVE_COLUMNS);
	r = list(&l, &ask);
	if (r == EXIT_DONE && !l.json) {
		table_sort(&l.table);
		table_print(&l.table, ctx->out, ctx->bold);
	}
	table_fini(&l.table);
	return r;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "List the sessions that are open",
	OPTIONS(options),
	.operands = "",
	.text = "A plain user sees his own sessions; root and the group sessd-admin see all.\n"
		"The first 8 digits of a session's id are shown, and any 4 that are unique name "
		"it.\n",
	.exec = exec,
};
