/*
 * Is pam_sess.so a good guest? Drives the real module, with libpam and directly, against daemons
 * that are away, wrong, late or right (see fake.h), and reports in TAP what each call answered,
 * how long it took, what it left in the spool and in the keyring, and that signals, mask, working
 * directory, umask, environment, locale, descriptors, threads and errno are as before; alone, and
 * while other threads do the same on handles of their own.
 *
 *	guest --module FILE [--server NAME] [--timeout DURATION] [--threads N]
 *
 * Needs root. All its files are in a folder of its own below /tmp.
 */
#include <err.h>
#include <ftw.h>
#include <getopt.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "common/duration.h"
#include "tests/pam/guest.h"

/* What a call may take beyond the deadline that it was given. */
#define SLACK (500 * NS_PER_MS)

#define THREADS_MAX 64
#define ROUNDS	    3 /* logins of each kind in each thread */

/* A peer's idea of its own name, and what may be kept of it. */
#define EVIL_RHOST   "evil\033[2J\nhost\377"
#define EVIL_ESCAPED "evil\\x1b[2J\\x0ahost\\xff"

/* What a daemon stands for. */
enum kind { KIND_OUTAGE, KIND_ATTACK, KIND_ADMITS, KIND_UNTRACKED, KIND_REFUSES };

/* What must come of it. */
struct expected {
	int acct, open;
	bool sid, token, spooled, was_refused;
	unsigned refusals; /* lines to the user, in acct and open */
};

static enum kind kind_of(enum fake fake)
{
	switch (fake) {
	case FAKE_none:
	case FAKE_hang:
	case FAKE_full:
	case FAKE_late:
	case FAKE_eof:
	case FAKE_version:
	case FAKE_error:
		return KIND_OUTAGE;
	case FAKE_rubbish:
	case FAKE_slow: /* a message of one byte is malformed, however slowly more of them come */
	case FAKE_wrongtype:
	case FAKE_outdated:
	case FAKE_foreign:
		return KIND_ATTACK;
	case FAKE_grant:
	case FAKE_tells:
	case FAKE_breaks:
		return KIND_ADMITS;
	case FAKE_untracked:
		return KIND_UNTRACKED;
	case FAKE_refuse:
		return KIND_REFUSES;
	case N_FAKES:
		break;
	}
	abort();
}

static struct expected expect(const struct scenario *s)
{
	const struct expected refused = {
		.acct = PAM_PERM_DENIED, .open = PAM_PERM_DENIED, .refusals = 2};
	enum kind kind = kind_of(s->fake);
	struct expected e;

	switch (kind) {
	case KIND_ADMITS:
		return (struct expected){
			.acct = PAM_SUCCESS, .open = PAM_SUCCESS, .sid = true, .token = true};
	case KIND_UNTRACKED:
		return (struct expected){.acct = PAM_IGNORE, .open = PAM_IGNORE};
	case KIND_REFUSES:
		return refused;
	case KIND_OUTAGE:
	case KIND_ATTACK:
		break;
	}
	if (s->glass || (kind == KIND_OUTAGE && !s->deny))
		return (struct expected){.acct = PAM_IGNORE,
			.open = PAM_SUCCESS,
			.sid = true,
			.token = !s->elevate,
			.spooled = true};
	e = refused;
	e.spooled = e.was_refused = kind == KIND_OUTAGE;
	return e;
}

void report(struct guest *g, bool ok, const char *format, ...)
{
	va_list ap;

	g->reported++;
	g->failed += !ok;
	printf("%sok %u - ", ok ? "" : "not ", g->reported);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

/* --- The temporary place --- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(const struct guest *g, const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s", g->top, name);
	if (mkdir(ret, 0755) < 0)
		err(2, "%s", ret);
}

static void place_init(struct guest *g)
{
	strcpy(g->top, "/tmp/sessd-guest.XXXXXX");
	if (mkdtemp(g->top) == NULL)
		err(2, "%s", g->top);
	make_folder(g, "run", g->run, sizeof(g->run));
	make_folder(g, "through", g->through, sizeof(g->through));
	make_folder(g, "direct", g->direct, sizeof(g->direct));
}

static void write_stack(const char *confdir, const char *service, const char *text)
{
	char path[256];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s", confdir, service);
	fp = fopen(path, "we");
	if (fp == NULL || fputs(text, fp) < 0 || fclose(fp) != 0)
		err(2, "%s", path);
}

/* Where the module answers PAM_IGNORE, pam_permit decides, as another module would in earnest. */
void write_stacks(const struct guest *g, const struct scenario *s, const char *args)
{
	char text[3 * PATH_MAX];

	snprintf(text, sizeof(text),
		"account required %s %s\naccount required pam_permit.so\n"
		"session required %s %s\nsession required pam_permit.so\n",
		g->module_path, args, g->module_path, args);
	write_stack(g->through, s->service, text);
	write_stack(g->direct, s->service, "session required pam_echo.so now\n");
}

/* --- One scenario --- */

static bool spool_right(
	const struct expected *e, const struct scenario *s, const struct login_result *r)
{
	const struct wire_spooled *record = &r->opened.record;

	if (r->opened.there != e->spooled)
		return false;
	if (!e->spooled)
		return true;
	return strcmp(record->user, s->user) == 0 && strcmp(record->service, s->service) == 0 &&
	       record->leader_pid == (uint64_t)getpid() && record->leader_start > 0 &&
	       strlen(record->boot_id) == 36 && record->opened_at > 0 &&
	       !token_is_zero(&record->new_token) && record->was_refused == e->was_refused &&
	       record->closed_at == (e->was_refused ? record->opened_at : 0) &&
	       (!e->sid || sid_equal(&record->sid, &r->sid));
}

/* A close is kept where nobody took it; a second open changes nothing, nor does the close of one.
 */
static bool close_right(const struct expected *e, const struct login_result *r)
{
	if (r->called[CALL_open_again] && e->sid &&
		(r->pam[CALL_open_again] != PAM_SUCCESS ||
			r->pam[CALL_close_first] != PAM_SUCCESS ||
			(e->spooled && r->half_closed.record.closed_at != 0)))
		return false;
	if (!r->called[CALL_close])
		return !e->sid;
	if (r->pam[CALL_close] != PAM_SUCCESS && (e->sid || r->pam[CALL_close] != PAM_IGNORE))
		return false;
	if (!e->sid)
		return r->closed.there == e->spooled;
	return r->closed.there == e->spooled &&
	       (!e->spooled || r->closed.record.closed_at >= r->closed.record.opened_at);
}

static bool words_right(const struct expected *e, enum kind kind, const struct login_result *r)
{
	if (r->refusals != e->refusals)
		return false;
	if (kind == KIND_REFUSES)
		return strcmp(r->refusal, "sessd: " FAKE_REFUSAL) == 0;
	if (kind == KIND_OUTAGE && e->refusals > 0)
		return strcmp(r->refusal, "sessd: the session service is not available") == 0;
	return e->refusals == 0 || strncmp(r->refusal, "sessd: ", 7) == 0;
}

/* libpam turns an ignored module into what the next one says. */
static int through(int pam)
{
	return pam == PAM_IGNORE ? PAM_SUCCESS : pam;
}

static void report_answers(struct guest *g, const struct scenario *s, const char *name,
	const struct login_result *r, bool direct)
{
	struct expected e = expect(s);
	int acct = direct ? e.acct : through(e.acct), open = direct ? e.open : through(e.open);

	report(g, r->pam[CALL_acct] == acct && r->pam[CALL_open] == open,
		"%s: acct %d, open %d; must be %d and %d", name, r->pam[CALL_acct],
		r->pam[CALL_open], acct, open);
	report(g, words_right(&e, kind_of(s->fake), r), "%s: %u of %u lines to the user: %s", name,
		r->refusals, e.refusals, r->refusal);
	report(g, r->has_sid == e.sid, "%s: SESSD_SID is %sset", name, e.sid ? "" : "not ");
	report(g, r->token == -1 || r->token == (int)e.token,
		"%s: the session keyring has %s token%s", name, e.token ? "a" : "no",
		r->token == -1 ? " # SKIP no keyrings" : "");
	report(g, spool_right(&e, s, r), "%s: the spool has %s", name,
		!e.spooled	? "nothing"
		: e.was_refused ? "a refused login"
				: "the login");
	report(g, close_right(&e, r), "%s: the close is told, kept or not made", name);
}

void report_guest(struct guest *g, const char *name, const struct login_result *r, unsigned skip)
{
	unsigned i;

	for (i = 0; i < N_PROPERTIES; i++)
		if (!(skip & 1u << i))
			report(g, !(r->changed & 1u << i), "%s: %s unchanged", name,
				property_name((enum property)i));
	report(g, r->longest <= g->timeout + SLACK,
		"%s: each call returns by its deadline (longest %.0f of %.0f ms)", name,
		(double)r->longest / NS_PER_MS, (double)g->timeout / NS_PER_MS);
}

static void run_scenario(struct guest *g, const struct scenario *s)
{
	char dir[128], timeout[64], args[256], name[128], pending[128];
	const char *argv[] = {dir, timeout, s->deny ? "unavailable=deny" : "unavailable=allow"};
	struct login_plan plan = {.through = g->through,
		.direct = g->direct,
		.service = s->service,
		.user = s->user,
		.rhost = s->rhost,
		.dir = g->run,
		.argv = argv,
		.argc = 3,
		.watch_all = true};
	struct login_result *r = calloc(1, sizeof(*r));
	pid_t pid;

	if (r == NULL)
		err(2, NULL);
	snprintf(dir, sizeof(dir), "dir=%s", g->run);
	snprintf(timeout, sizeof(timeout), "timeout=%s", g->timeout_text);
	snprintf(args, sizeof(args), "%s %s %s", dir, timeout, argv[2]);
	snprintf(pending, sizeof(pending), "%s/pending", g->run);
	write_stacks(g, s, args);
	pid = fake_start(s->fake, g->run);

	snprintf(name, sizeof(name), "%s, %s, %s by %s%s", fake_name(s->fake), argv[2], s->user,
		s->service, s->rhost != NULL ? " from afar" : "");
	drive_through(&plan, r);
	report_answers(g, s, name, r, false);
	report_guest(g, name, r, 0);
	remove_tree(pending);

	strncat(name, ", called directly", sizeof(name) - strlen(name) - 1);
	drive_direct(&plan, &g->module, true, r);
	report_answers(g, s, name, r, true);
	report_guest(g, name, r, 0);
	report(g, !r->errno_changed, "%s: errno unchanged", name);
	remove_tree(pending);

	fake_stop(pid, g->run);
	free(r);
}

/* --- Threads --- */

struct worker {
	pthread_t thread;
	const struct login_plan *plan;
	const struct module *module;
	const struct scenario *scenario;
	struct login_result sum; /* the worst of all its logins */
	unsigned wrong;
};

static void add(struct worker *w, const struct login_result *r, bool direct)
{
	struct expected e = expect(w->scenario);
	int acct = direct ? e.acct : through(e.acct), open = direct ? e.open : through(e.open);

	w->sum.changed |= r->changed;
	w->sum.errno_changed |= r->errno_changed;
	if (r->longest > w->sum.longest)
		w->sum.longest = r->longest;
	w->wrong += r->pam[CALL_acct] != acct || r->pam[CALL_open] != open ||
		    !spool_right(&e, w->scenario, r) || !close_right(&e, r) ||
		    (r->token != -1 && r->token != (int)e.token);
}

static void *work(void *data)
{
	struct login_result *r = calloc(1, sizeof(*r));
	struct worker *w = data;
	int i;

	if (r == NULL)
		err(2, NULL);
	for (i = 0; i < ROUNDS; i++) {
		drive_through(w->plan, r);
		add(w, r, false);
		drive_direct(w->plan, w->module, true, r);
		add(w, r, true);
	}
	free(r);
	return NULL;
}

static void run_threads(struct guest *g, const struct scenario *s)
{
	struct worker *workers = calloc(g->threads, sizeof(*workers));
	struct witness *states = calloc(2, sizeof(*states));
	char dir[128], timeout[64], args[256], name[128], pending[128];
	const char *argv[] = {dir, timeout, "unavailable=allow"};
	struct login_plan plan = {.through = g->through,
		.direct = g->direct,
		.service = s->service,
		.user = s->user,
		.dir = g->run,
		.argv = argv,
		.argc = 3};
	struct worker sum = {.wrong = 0};
	unsigned i;
	pid_t pid;

	if (workers == NULL || states == NULL)
		err(2, NULL);
	snprintf(dir, sizeof(dir), "dir=%s", g->run);
	snprintf(timeout, sizeof(timeout), "timeout=%s", g->timeout_text);
	snprintf(args, sizeof(args), "%s %s %s", dir, timeout, argv[2]);
	snprintf(pending, sizeof(pending), "%s/pending", g->run);
	write_stacks(g, s, args);
	pid = fake_start(s->fake, g->run);
	witness_take(&states[0]);
	for (i = 0; i < g->threads; i++) {
		workers[i] = (struct worker){.plan = &plan, .module = &g->module, .scenario = s};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			errx(2, "pthread_create");
	}
	for (i = 0; i < g->threads; i++) {
		pthread_join(workers[i].thread, NULL);
		sum.wrong += workers[i].wrong;
		sum.sum.changed |= workers[i].sum.changed;
		sum.sum.errno_changed |= workers[i].sum.errno_changed;
		if (workers[i].sum.longest > sum.sum.longest)
			sum.sum.longest = workers[i].sum.longest;
	}
	witness_take(&states[1]);
	sum.sum.changed |= witness_differ(&states[0], &states[1]);
	snprintf(name, sizeof(name), "%s, %u threads", fake_name(s->fake), g->threads);
	report(g, sum.wrong == 0, "%s: %u of %u logins went wrong", name, sum.wrong,
		2 * ROUNDS * g->threads);
	report_guest(g, name, &sum.sum, 0);
	report(g, !sum.sum.errno_changed, "%s: errno unchanged", name);
	remove_tree(pending);
	fake_stop(pid, g->run);
	free(states);
	free(workers);
}

/* --- All of it --- */

static void run_fake(struct guest *g, enum fake fake)
{
	const struct scenario user = {.fake = fake, .user = "nobody", .service = "guest"};
	const struct scenario root = {
		.fake = fake, .deny = true, .user = "root", .service = "login", .glass = true};
	struct scenario s;

	printf("# %s: %s\n", fake_name(fake), fake_what(fake));
	run_scenario(g, &user);
	s = user;
	s.deny = true;
	run_scenario(g, &s);
	/* break-glass: root at the console, and nobody who is elsewhere */
	run_scenario(g, &root);
	s = root;
	s.rhost = EVIL_RHOST;
	s.rhost_kept = EVIL_ESCAPED;
	s.glass = false;
	run_scenario(g, &s);
	if (fake == FAKE_none || fake == FAKE_grant || fake == FAKE_rubbish) {
		s = user;
		s.service = "su";
		s.elevate = true;
		run_scenario(g, &s);
	}
	if (fake == FAKE_tells)
		telling_run(g);
	/* these serve several at once */
	if (fake == FAKE_none || fake == FAKE_grant || fake == FAKE_hang)
		run_threads(g, &user);
}

static void *nothing(void *data)
{
	return data;
}

/* What a process in which PAM runs has done before, and what is easily noticed when it changes. */
static void process_init(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN, .sa_flags = SA_RESTART};
	pthread_t thread;
	sigset_t mask;

	/* a sanitizer's own thread starts with the first of the program's */
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		errx(2, "pthread_create");
	/* the C library keeps the log's descriptor, whoever asks for it first */
	openlog("guest", LOG_NDELAY, LOG_AUTHPRIV);
	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	umask(037);
	setlocale(LC_ALL, "C.UTF-8");
	if (chdir("/tmp") < 0)
		err(2, "/tmp");
}

static enum fake fake_by_name(const char *name)
{
	unsigned i;

	for (i = 0; i < N_FAKES; i++)
		if (strcmp(fake_name((enum fake)i), name) == 0)
			return (enum fake)i;
	errx(2, "no such server: %s", name);
}

static enum fake parse(struct guest *g, int argc, char **argv)
{
	static const struct option options[] = {{"module", required_argument, NULL, 'm'},
		{"server", required_argument, NULL, 's'}, {"timeout", required_argument, NULL, 't'},
		{"threads", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
	enum fake only = N_FAKES;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			if (realpath(optarg, g->module_path) == NULL)
				err(2, "%s", optarg);
			break;
		case 's':
			only = fake_by_name(optarg);
			break;
		case 't':
			g->timeout_text = optarg;
			break;
		case 'n':
			g->threads = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			exit(2);
		}
	}
	if (g->module_path[0] == '\0' || !duration_parse(g->timeout_text, &g->timeout) ||
		g->threads > THREADS_MAX || optind < argc)
		errx(2, "usage: guest --module FILE [--server NAME] [--timeout DURATION] "
			"[--threads N]");
	return only;
}

int main(int argc, char **argv)
{
	struct guest g = {.timeout_text = "300ms", .threads = 4};
	enum fake only = parse(&g, argc, argv);
	unsigned i;

	if (geteuid() != 0)
		errx(2, "must be root");
	setvbuf(stdout, NULL, _IOLBF, 0);
	module_load(g.module_path, &g.module);
	process_init();
	place_init(&g);
	for (i = 0; i < N_FAKES; i++)
		if (only == N_FAKES || only == (enum fake)i)
			run_fake(&g, (enum fake)i);
	remove_tree(g.top);
	printf("1..%u\n", g.reported);
	return g.failed > 0;
}
