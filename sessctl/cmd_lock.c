#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/lock.h"
#include "common/timestamp.h"
#include "sessctl/command.h"
#include "sessctl/conn.h"
#include "sessctl/help.h"
#include "sessctl/linger.h"
#include "sessctl/outcome.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum { LOCK_FOR, LOCK_MESSAGE, LOCK_REASON, LOCK_EVEN, LOCK_FLEET, LOCK_JSON };

static const struct option_row options[] = {
	[LOCK_FOR] = {"for", 'f', "DURATION", "how long it stands (until it is lifted)"},
	[LOCK_MESSAGE] = {"message", 'm', "TEXT", "the line for who is refused"},
	[LOCK_REASON] = {"reason", 'r', "TEXT", "why, for the ledger"},
	[LOCK_EVEN] = {"even-breakglass", 0, NULL,
		"root at the console and the group sessd-breakglass, too"},
	[LOCK_FLEET] = {"fleet", 'F', NULL, "on all hosts of the fleet"},
	[LOCK_JSON] = {"json", 'j', NULL, "one JSON object for each session that ends"},
};

/* The ids are looked up here, so that the daemon need not wait for a directory. */
static int find_id(struct context *ctx, struct wire_lock *ask)
{
	const struct passwd *pw;
	const struct group *gr;

	if (lock_kind(ask->kind) == LOCK_USER) {
		pw = getpwnam(ask->name);
		if (pw != NULL)
			ask->id = (struct opt_uid){.set = true, .uid = pw->pw_uid};
		else
			context_error(
				ctx, "there is no user %s here now; the name is locked", ask->name);
	} else if (lock_kind(ask->kind) == LOCK_GROUP) {
		gr = getgrnam(ask->name);
		if (gr == NULL) {
			context_error(ctx, "there is no group %s", ask->name);
			return EXIT_USAGE;
		}
		ask->id = (struct opt_uid){.set = true, .uid = gr->gr_gid};
	}
	return EXIT_DONE;
}

static int check(struct context *ctx, const struct args *args, struct wire_lock *ret)
{
	const char *wrong;
	int r;

	r = context_copy(ctx, "what is locked", args->operand[0], ret->kind);
	if (r == EXIT_DONE)
		r = context_copy(ctx, "the name", args->operand[1], ret->name);
	if (r == EXIT_DONE && args->value[LOCK_MESSAGE] != NULL)
		r = context_copy(ctx, "--message", args->value[LOCK_MESSAGE], ret->message);
	if (r == EXIT_DONE && args->value[LOCK_REASON] != NULL)
		r = context_copy(ctx, "--reason", args->value[LOCK_REASON], ret->text);
	if (r == EXIT_DONE)
		r = find_id(ctx, ret);
	if (r != EXIT_DONE)
		return r;
	wrong = lock_check(ret->kind, ret->name, &ret->id);
	if (wrong != NULL)
		return help_usage_error(ctx, &cmd_lock, "%s", wrong);
	if (args->value[LOCK_FOR] != NULL &&
		(!duration_parse(args->value[LOCK_FOR], &ret->lasts) || ret->lasts == 0))
		return help_usage_error(ctx, &cmd_lock,
			"--for %s: give a duration such as 30m, 12h or 7d", args->value[LOCK_FOR]);
	ret->fleet = args->value[LOCK_FLEET] != NULL;
	ret->even_breakglass = args->value[LOCK_EVEN] != NULL;
	return EXIT_DONE;
}

static void note_lingering(const struct context *ctx, const struct wire_lock *ask)
{
	struct linger lingering;

	linger_read(ctx, &lingering);
	if (lock_kind(ask->kind) == LOCK_USER && linger_has(&lingering, ask->name))
		fprintf(ctx->out,
			"%s lingers: while the lock hits him, his service manager is not started\n",
			ask->name);
	linger_fini(&lingering);
}

static void say(struct context *ctx, const struct wire_lock *ask, const char *more)
{
	char until[TIMESTAMP_TEXT];
	uint64_t now = clock_wall();

	fprintf(ctx->out, "%s %s is locked%s", ask->kind, ask->name,
		ask->fleet ? " on all hosts of the fleet" : "");
	if (ask->lasts > 0)
		fprintf(ctx->out, " until %s", timestamp_brief(now + ask->lasts, now, until));
	fprintf(ctx->out, "%s\n", more);
	note_lingering(ctx, ask);
}

static int ask_daemon(struct conn *c, const struct wire_lock *ask, bool json)
{
	struct outcomes o = {.json = json, .reason = REASON_LOCKED};
	char title[LOCK_TITLE];
	int r;

	c->subject = lock_title(ask->kind, ask->name, title);
	/* processes take as long to die as they take */
	if (!c->ctx->timeout_given)
		c->timeout = 0;
	progress_begin(
		&c->ctx->progress, "waiting for processes to end; sessions done", clock_boot());
	r = conn_ask(c, WIRE_lock, ask);
	if (r == EXIT_DONE)
		r = outcomes_read(c, &o);
	progress_end(&c->ctx->progress);
	if (!json && (r == EXIT_DONE || r == EXIT_NO))
		say(c->ctx, ask, "");
	return r;
}

static void read_boot_id(char *out, size_t size)
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* While sessd is away, root writes the file that the module reads and that sessd takes over. */
static int write_file(struct context *ctx, const struct wire_lock *ask)
{
	struct wire_locked lock = {.id = ask->id,
		.even_breakglass = ask->even_breakglass,
		.set_at = clock_wall(),
		.by = "root"};
	char dir[sizeof(ctx->socket)];
	int folder, r;

	memcpy(lock.kind, ask->kind, sizeof(lock.kind));
	memcpy(lock.name, ask->name, sizeof(lock.name));
	memcpy(lock.message, ask->message, sizeof(lock.message));
	memcpy(lock.text, ask->text, sizeof(lock.text));
	if (ask->lasts > 0) {
		lock.expires_at = lock.set_at + ask->lasts;
		lock.deadline = clock_boot() + ask->lasts;
		read_boot_id(lock.boot_id, sizeof(lock.boot_id));
	}
	snprintf(dir, sizeof(dir), "%s", ctx->socket);
	*strrchr(dir, '/') = '\0';
	folder = lock_folder_open(dir, true);
	r = folder < 0 ? folder : lock_file_write(folder, &lock);
	if (folder >= 0)
		close(folder);
	if (r < 0) {
		context_error(ctx, "%s/" LOCK_FOLDER ": %s", dir, strerror(-r));
		return EXIT_UNAVAILABLE;
	}
	return EXIT_DONE;
}

static int without_daemon(struct context *ctx, const struct wire_lock *ask, bool json)
{
	int r;

	if (geteuid() != 0) {
		context_error(ctx,
			"%s: sessd is not running (systemctl start sessd); while it is not, only "
			"root can lock",
			ctx->socket);
		return EXIT_UNAVAILABLE;
	}
	r = write_file(ctx, ask);
	if (r == EXIT_DONE && !json)
		say(ctx, ask,
			"; sessd is not running: live sessions end when it is started, new ones "
			"are refused from now on");
	return r;
}

static int exec(struct context *ctx, const struct args *args)
{
	bool down = false, json = args->value[LOCK_JSON] != NULL;
	struct wire_lock ask = {.lasts = 0};
	struct conn c;
	int r;

	r = check(ctx, args, &ask);
	if (r == EXIT_DONE)
		r = conn_open_if(&c, ctx, &down);
	if (down && ask.fleet) {
		context_error(ctx, "%s: sessd is not running (systemctl start sessd)", ctx->socket);
		return EXIT_UNAVAILABLE;
	}
	if (down)
		return without_daemon(ctx, &ask, json);
	if (r != EXIT_DONE)
		return r;
	r = ask_daemon(&c, &ask, json);
	conn_close(&c);
	return r;
}

const struct command cmd_lock = {
	.name = "lock",
	.summary = "Lock a user, group, source or key out, now and until it is lifted",
	OPTIONS(options),
	.operands = "user|group|source|key NAME",
	.min_operands = 2,
	.max_operands = 2,
	.text = "It ends the sessions that it hits and refuses new ones. A source is an address "
		"or\n"
		"a network; a key is named by its fingerprint, as ssh-keygen -l shows it.\n",
	.exec = exec,
};
