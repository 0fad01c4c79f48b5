#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/forest.h"
#include "sessctl/help.h"
#include "sessctl/linger.h"
#include "sessctl/output.h"
#include "sessctl/record.h"
#include "sessctl/table.h"

enum { LIST_USER, LIST_ALL, LIST_FLEET, LIST_TREE, LIST_JSON };

static const struct option_row options[] = {
	[LIST_USER] = {"user", 'u', "USER", "only the sessions of USER"},
	[LIST_ALL] = {"all", 'a', NULL, "those that have ended, too"},
	[LIST_FLEET] = {"fleet", 'F', NULL, "the logins of all hosts of the fleet"},
	[LIST_TREE] = {"tree", 't', NULL, "su and sudo under the login that they belong to"},
	[LIST_JSON] = {"json", 'j', NULL, "one JSON object a line"},
};

#define USER_MAX 20
/* In a tree: who he was, an arrow, and who he is. */
#define BECAME	    (2 * USER_MAX + 4)
#define BECAME_CELL (2 * OUTPUT_CELL + 8)

/* The last two only with --all. */
static const struct column columns[] = {
	{"SID", 8},
	{"USER", BECAME},
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
	{"USER", USER_MAX},
	{"SERVICE", 16},
	{"FROM", 39},
	{"SINCE", 12},
};

#define N_FLEET_COLUMNS (sizeof(fleet_columns) / sizeof(fleet_columns[0]))

#define N_COLUMNS      (sizeof(columns) / sizeof(columns[0]))
#define N_LIVE_COLUMNS (N_COLUMNS - 2)

struct listing {
	struct context *ctx;
	bool json, fleet, tree;
	bool everybodys;   /* on this host */
	bool utf8;	   /* the terminal has more than ASCII */
	const char *whose; /* of a tree: one of his sessions must be in it; NULL: any */
	uint64_t now;
	struct table table;
	struct forest forest;
	uint64_t shown; /* rows of the tree so far */
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

static const char *who(const struct listing *l, const struct wire_session *s, char out[BECAME_CELL])
{
	char was[OUTPUT_CELL], is[OUTPUT_CELL];

	output_fit(s->user, USER_MAX, is);
	if (!l->tree || s->class != CLASS_ELEVATION || s->ruser[0] == '\0')
		snprintf(out, BECAME_CELL, "%s", is);
	else
		snprintf(out, BECAME_CELL, "%s %s %s", output_fit(s->ruser, USER_MAX, was),
			l->utf8 ? "→" : "->", is);
	return out;
}

static int add_to_table(struct listing *l, const struct wire_session *s)
{
	char user[BECAME_CELL];
	char sid[SID_HEX + 1], since[TIMESTAMP_TEXT], expires[TIMESTAMP_TEXT];
	char ended[TIMESTAMP_TEXT], leader[24] = "-";
	const char *cells[N_COLUMNS] = {
		sid_hex(&s->sid, sid),
		who(l, s, user),
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

	sid[SID_SHORT] = '\0';
	if (s->leader_pid != 0)
		snprintf(leader, sizeof(leader), "%llu", (unsigned long long)s->leader_pid);
	return table_add(&l->table, s->opened_at, l->fleet ? fleet_cells : cells);
}

static int add_row(struct listing *l, const struct wire_session *s)
{
	int r = add_to_table(l, s);

	if (r == 0 && l->tree)
		r = forest_add(&l->forest, &s->sid, &s->parent, s->opened_at,
			l->whose == NULL || strcmp(s->user, l->whose) == 0);
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

static int place(void *ctx, size_t number, const char *lead)
{
	struct listing *l = ctx;

	return table_place(&l->table, number, l->shown++, lead);
}

/* Whoever looks for what runs here for users finds no session of theirs. */
static void note_lingering(const struct context *ctx)
{
	struct linger lingering;

	linger_read(ctx, &lingering);
	linger_print(&lingering, ctx->out);
	linger_fini(&lingering);
}

static int print(struct listing *l)
{
	int r = forest_each(&l->forest, l->utf8, place, l);

	if (r < 0) {
		context_error(l->ctx, "%s", strerror(-r));
		return EXIT_NO;
	}
	table_sort(&l->table);
	table_print(&l->table, l->ctx->out, l->ctx->bold);
	if (l->everybodys)
		note_lingering(l->ctx);
	return EXIT_DONE;
}

static int exec(struct context *ctx, const struct args *args)
{
	struct wire_list ask = {
		.all = args->value[LIST_ALL] != NULL, .fleet = args->value[LIST_FLEET] != NULL};
	struct listing l = {.ctx = ctx,
		.json = args->value[LIST_JSON] != NULL,
		.fleet = ask.fleet,
		.everybodys = !ask.fleet && args->value[LIST_USER] == NULL,
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.now = clock_wall()};
	int r;

	if (ask.all && ask.fleet)
		return help_usage_error(
			ctx, &cmd_list, "the fleet does not know of sessions that have ended");
	if (ask.fleet && args->value[LIST_TREE] != NULL)
		return help_usage_error(
			ctx, &cmd_list, "the fleet knows of logins alone: there is no tree");

	l.tree = !l.json && args->value[LIST_TREE] != NULL;
	if (args->value[LIST_USER] != NULL) {
		r = context_copy(ctx, "--user", args->value[LIST_USER], ask.user);
		if (r != EXIT_DONE)
			return r;
	}
	/* his sessions alone have neither the logins above them nor what stands below */
	if (l.tree && ask.user[0] != '\0') {
		l.whose = args->value[LIST_USER];
		ask.user[0] = '\0';
	}
	if (ask.fleet)
		table_init(&l.table, fleet_columns, N_FLEET_COLUMNS);
	else
		table_init(&l.table, columns, ask.all ? N_COLUMNS : N_LIVE_COLUMNS);
	l.table.by_place = l.tree;
	r = list(&l, &ask);
	if (r == EXIT_DONE && !l.json)
		r = print(&l);
	forest_fini(&l.forest);
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
