/* Words for the user and a time for systemd: who is told what, and what another module has said. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/pam/guest.h"

static const struct telling {
	const char *tty, *argument;
	int flags;
	bool told;
	const char *before, *after; /* what systemd is told */
} tellings[] = {
	{.tty = "ssh", .told = true, .after = "61"},
	{.tty = "/dev/pts/3", .told = true, .before = "3600", .after = "61"},
	{.tty = "tty1", .told = true, .before = "infinity", .after = "61"},
	{.tty = "pts/0", .told = true, .before = "2h", .after = "61"},
	{.tty = "ssh", .argument = "quiet", .before = "60", .after = "60"},
	{.tty = "ssh", .flags = PAM_SILENT, .before = "1m", .after = "1m"},
	{.tty = "cron", .before = "61", .after = "61"},
	{.tty = ":0", .before = "1y 3 months", .after = "1y 3 months"},
	{.tty = NULL, .before = "", .after = "61"},
	{.tty = "sshd", .before = "999999999999999999999999999999", .after = "61"},
};

static void run_telling(struct guest *g, const struct telling *t)
{
	const struct scenario s = {.fake = FAKE_tells, .user = "nobody", .service = "guest"};
	const char *lines = t->told ? FAKE_LINE_1 "\n" FAKE_LINE_2 "\n" : "";
	char dir[128], args[256], name[128];
	const char *argv[] = {dir, t->argument};
	struct login_plan plan = {.through = g->through,
		.direct = g->direct,
		.service = s.service,
		.user = s.user,
		.tty = t->tty,
		.runtime = t->before,
		.flags = t->flags,
		.dir = g->run,
		.argv = argv,
		.argc = t->argument != NULL ? 2 : 1,
		.watch_all = true};
	struct login_result *r = calloc(1, sizeof(*r));

	if (r == NULL)
		err(2, NULL);
	snprintf(dir, sizeof(dir), "dir=%s", g->run);
	snprintf(args, sizeof(args), "%s %s", dir, t->argument != NULL ? t->argument : "");
	write_stacks(g, &s, args);
	snprintf(name, sizeof(name), "on %s%s%s%s", t->tty != NULL ? t->tty : "nothing",
		t->argument != NULL ? ", " : "", t->argument != NULL ? t->argument : "",
		t->flags & PAM_SILENT ? ", silent" : "");
	drive_through(&plan, r);
	report(g, strcmp(r->telling, lines) == 0, "%s: %u lines are told", name, r->told);
	report_guest(g, name, r, 0);
	drive_direct(&plan, &g->module, true, r);
	report(g, strcmp(r->telling, lines) == 0, "%s, called directly: %u lines are told", name,
		r->told);
	report(g, strcmp(r->runtime, t->after) == 0, "%s: systemd is told %s, after %s", name,
		r->runtime, t->before != NULL ? t->before : "nothing");
	report_guest(g, name, r, 0);
	report(g, !r->errno_changed, "%s: errno unchanged", name);
	free(r);
}

void telling_run(struct guest *g)
{
	pid_t pid = fake_start(FAKE_tells, g->run);
	size_t i;

	for (i = 0; i < sizeof(tellings) / sizeof(tellings[0]); i++)
		run_telling(g, &tellings[i]);
	fake_stop(pid, g->run);
}
