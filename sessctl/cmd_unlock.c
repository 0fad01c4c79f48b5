#include <pwd.h>
#include <string.h>

#include "common/lock.h"
#include "common/manager.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/linger.h"
#include "sessctl/locks.h"

enum { UNLOCK_FLEET };

static const struct option_row options[] = {
	[UNLOCK_FLEET] = {"fleet", 'F', NULL, "on all hosts of the fleet"},
};

/* He is not given his manager back before the next boot or login. */
static void note_lingering(const struct context *ctx, const struct wire_unlock *ask)
{
	const struct passwd *pw = getpwnam(ask->name);
	char unit[MANAGER_UNIT];
	struct linger lingering;

	linger_read(ctx, &lingering);
	if (lock_kind(ask->kind) == LOCK_USER && linger_has(&lingering, ask->name) && pw != NULL)
		fprintf(ctx->out, "%s lingers: systemctl start %s starts his service manager\n",
			ask->name, manager_unit(pw->pw_uid, unit));
	linger_fini(&lingering);
}

struct other {
	const struct wire_unlock *ask;
	bool stands;
};

static int note_other(void *arg, const struct wire_locked *lock)
{
	struct other *other = arg;

	if (lock->fleet != other->ask->fleet && strcmp(lock->kind, other->ask->kind) == 0 &&
		strcmp(lock->name, other->ask->name) == 0)
		other->stands = true;
	return EXIT_DONE;
}

/* Of one name there may be a lock of the fleet and one of this host. */
static void say(struct conn *c, const struct wire_unlock *ask)
{
	struct other other = {.ask = ask};
	FILE *out = c->ctx->out;

	(void)locks_read(c, note_other, &other);
	if (!other.stands)
		fprintf(out, "%s %s is not locked any more%s\n", ask->kind, ask->name,
			ask->fleet ? "; hosts that are out of reach follow when they are back"
				   : "");
	else
		fprintf(out,
			"%s %s is not locked %s any more, but yet %s: sessctl unlock%s %s %s\n",
			ask->kind, ask->name, ask->fleet ? "by the fleet" : "by this host alone",
			ask->fleet ? "by this host alone" : "by the fleet",
			ask->fleet ? "" : " --fleet", ask->kind, ask->name);
}

static int unlock(struct conn *c, const struct wire_unlock *ask)
{
	char title[LOCK_TITLE];
	int r;

	c->subject = lock_title(ask->kind, ask->name, title);
	r = conn_ask(c, WIRE_unlock, ask);
	if (r == EXIT_DONE)
		r = conn_next(c);
	if (r == EXIT_DONE && c->frame.type != WIRE_done)
		r = conn_strange(c);
	if (r != EXIT_DONE)
		return r;
	say(c, ask);
	note_lingering(c->ctx, ask);
	return EXIT_DONE;
}

static int exec(struct context *ctx, const struct args *args)
{
	const struct opt_uid any = {.set = true};
	struct wire_unlock ask = {.kind = ""};
	const char *wrong;
	struct conn c;
	int r;

	r = context_copy(ctx, "what is unlocked", args->operand[0], ask.kind);
	if (r == EXIT_DONE)
		r = context_copy(ctx, "the name", args->operand[1], ask.name);
	if (r != EXIT_DONE)
		return r;
	ask.fleet = args->value[UNLOCK_FLEET] != NULL;
	wrong = lock_check(ask.kind, ask.name, &any);
	if (wrong != NULL)
		return help_usage_error(ctx, &cmd_unlock, "%s", wrong);
	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = unlock(&c, &ask);
	conn_close(&c);
	return r;
}

const struct command cmd_unlock = {
	.name = "unlock",
	.summary = "Lift a lock",
	OPTIONS(options),
	.operands = "user|group|source|key NAME",
	.min_operands = 2,
	.max_operands = 2,
	.text = "",
	.exec = exec,
};
