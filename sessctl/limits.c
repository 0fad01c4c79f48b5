#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "sessctl/account.h"
#include "sessctl/conn.h"
#include "sessctl/limits.h"

/* What `explain` may say of a login, that controls ask for. */
static const char *const whats[] = {"idle", "lifetime", "max_lifetime", "max_sessions", "reauth"};

#define N_WHATS (sizeof(whats) / sizeof(whats[0]))

/* What was said of one account. Of caps, the lowest: each holds. */
struct answer {
	bool exempt;
	char exempt_policy[TEXT_STR_MAX + 1];
	struct limit_row row[N_WHATS];
};

static void take(struct answer *a, const struct wire_limit *l)
{
	bool is_cap = strcmp(l->what, "max_sessions") == 0;
	uint64_t value = is_cap ? l->max : l->time;
	size_t i;

	if (strcmp(l->what, "exempt") == 0) {
		a->exempt = true;
		memcpy(a->exempt_policy, l->policy, sizeof(a->exempt_policy));
	}
	for (i = 0; i < N_WHATS; i++) {
		if (strcmp(l->what, whats[i]) != 0)
			continue;
		if (a->row[i].state == LIMIT_SET && value >= a->row[i].value)
			continue;
		a->row[i].state = LIMIT_SET;
		a->row[i].value = value;
		a->row[i].is_time = !is_cap;
		memcpy(a->row[i].policy, l->policy, sizeof(a->row[i].policy));
	}
}

static bool is_same(const struct limit_row *a, const struct limit_row *b)
{
	return a->what == b->what && a->state == b->state && a->value == b->value &&
	       strcmp(a->policy, b->policy) == 0;
}

static void count(struct limits *l, const struct limit_row *row, const char *user)
{
	size_t i;

	for (i = 0; i < l->n && !is_same(&l->rows[i], row); i++)
		;
	if (i == LIMITS_MAX) {
		l->left_out++;
		return;
	}
	if (i == l->n) {
		l->rows[l->n++] = *row;
		snprintf(l->rows[i].example, sizeof(l->rows[i].example), "%s", user);
	}
	l->rows[i].accounts++;
}

static void count_all(struct limits *l, struct answer *a, const char *user)
{
	size_t i;

	l->accounts++;
	for (i = 0; i < N_WHATS; i++) {
		if (a->exempt) {
			a->row[i].state = LIMIT_EXEMPT;
			memcpy(a->row[i].policy, a->exempt_policy, sizeof(a->row[i].policy));
		}
		count(l, &a->row[i], user);
	}
}

static int ask_one(struct limits *l, struct conn *c, const char *user)
{
	struct wire_explain ask = {.service = "sshd"};
	struct answer a = {0};
	size_t i;
	int r;

	for (i = 0; i < N_WHATS; i++)
		a.row[i] = (struct limit_row){.what = whats[i], .state = LIMIT_NONE};
	if (strlen(user) >= sizeof(ask.user)) {
		l->unknown++;
		return EXIT_DONE;
	}
	memcpy(ask.user, user, strlen(user) + 1);
	if (account_fill(&ask) < 0) {
		l->unknown++;
		return EXIT_DONE;
	}
	r = conn_ask(c, WIRE_explain, &ask);
	while (r == EXIT_DONE && (r = conn_next(c)) == EXIT_DONE && c->frame.type == WIRE_limit)
		take(&a, &c->frame.u.limit);
	if (r == EXIT_DONE)
		count_all(l, &a, user);
	return r;
}

void limits_ask(struct limits *l, struct context *ctx, const struct tally *users)
{
	struct conn c;
	bool down = false;
	size_t i;
	int r;

	*l = (struct limits){.why_not = "sessd does not answer"};
	r = conn_open_if(&c, ctx, &down);
	if (r != EXIT_DONE)
		return;
	for (i = 0; i < users->n && users->rows[i].logins > 0 && r == EXIT_DONE; i++) {
		if (i >= LIMITS_ACCOUNTS)
			l->left_out++;
		else
			r = ask_one(l, &c, users->rows[i].name);
	}
	conn_close(&c);
	l->asked = r == EXIT_DONE;
	/* half of them would look like all */
	if (!l->asked)
		l->n = 0;
}

char *limit_text(const struct limit_row *row, char out[LIMIT_TEXT])
{
	char time[DURATION_TEXT];

	switch (row->state) {
	case LIMIT_NONE:
		snprintf(out, LIMIT_TEXT, "none");
		break;
	case LIMIT_EXEMPT:
		snprintf(out, LIMIT_TEXT, "none (exempt)");
		break;
	case LIMIT_SET:
		if (row->is_time)
			snprintf(out, LIMIT_TEXT, "%s", duration_format(row->value, time));
		else
			snprintf(out, LIMIT_TEXT, "%" PRIu64, row->value);
		break;
	}
	return out;
}

bool limit_exceeds(const struct limit_row *row, uint64_t most)
{
	if (most == 0)
		return false;
	return row->state != LIMIT_SET || row->value > most;
}
